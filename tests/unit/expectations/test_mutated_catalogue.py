"""Whoever removes or weakens a check makes a test fail. Oracle: what the gate does with planted shares of violations,
written by hand beside each check."""

from __future__ import annotations

import pytest

from expectations.catalogue import catalogue
from tests.fixtures.expected_gates import Expected, disagreements, mutants

# The most violations that are accepted and the fewest that fail, of a thousand.
NONE = ((0, 1000), (1, 1000))
ONE, TWO, FIVE, TEN, TWENTY, FORTY = (((10 * n, 1000), (10 * n + 1, 1000)) for n in (1, 2, 5, 10, 20, 40))
OVER_TWO = ((20, 1000), (21, 1000))

ON_TABLES = (
    Expected("resource_parses_as_fhir_r4", "info", "warn", *NONE),
    Expected("total_equals_fetched", "critical", "stop", *NONE),
    Expected("resource_id_unique", "critical", "stop", *NONE),
    Expected("status_in_required_value_set", "critical", "drop", *NONE, *OVER_TWO),
    Expected("subject_reference_resolves", "critical", "warn", *NONE, *OVER_TWO),
    Expected("code_system_recognised", "warning", "warn", *FIVE),
    Expected("required_elements_present", "warning", "warn", *FIVE),
    Expected("no_future_dates", "critical", "warn", *NONE),
    Expected("nothing_before_birth", "critical", "drop", *NONE, *OVER_TWO),
    Expected("no_activity_30_days_after_death", "warning", "warn", *ONE),
    Expected("lab_unit_is_ucum", "warning", "warn", *FIVE),
    Expected("quantity_has_unit", "warning", "warn", *TWO),
    Expected("dose_has_unit", "warning", "warn", *FIVE),
    Expected("lab_value_in_physiologic_range", "warning", "warn", *ONE),
    Expected("observation_has_value", "warning", "warn", *TEN),
    Expected("issued_not_before_effective", "warning", "warn", *ONE),
    Expected("period_end_not_before_start", "warning", "warn", *ONE),
    Expected("date_known_to_the_day", "info", "warn", *TWENTY),
    Expected("no_duplicate_records", "warning", "warn", *TWO),
    Expected("code_not_text_alone", "warning", "warn", *TEN),
    Expected("condition_status_in_value_set", "warning", "warn", *NONE),
    Expected("birth_date_known_and_possible", "warning", "warn", *ONE),
    Expected("sex_recorded", "warning", "warn", *FIVE),
    Expected("death_not_before_birth", "critical", "drop", *NONE, *OVER_TWO),
    Expected("deceased_has_date", "warning", "warn", *FIVE),
    Expected("imaging_modality_present", "warning", "warn", *FIVE),
    Expected("used_item_resolves", "warning", "warn", *TWO),
    Expected("medication_reference_resolves", "warning", "warn", *TWO),
    Expected("imaging_reference_resolves", "warning", "warn", *TWO),
)
WITH_HISTORY = (
    Expected("records_drop_over_5_percent", "critical", "stop", *FIVE),
    Expected("month_volume_outside_2_sd", "warning", "warn", *TWENTY),
    Expected("freshness_within_schedule", "warning", "warn", *NONE),
    Expected("usual_codes_still_sent", "warning", "warn", *NONE),
    Expected("code_mix_shift", "warning", "warn", *TEN),
    Expected("unit_mix_shift", "warning", "warn", *FIVE),
    Expected("value_distribution_shift", "warning", "warn", *TEN),
    Expected("missingness_shift", "warning", "warn", *FIVE),
    Expected("sex_and_age_mix_against_history", "info", "warn", *TEN),
    Expected("code_mix_against_other_sites", "info", "warn", *FORTY),
    Expected("codes_taken_by_a_list", "info", "warn", *TWENTY),
    Expected("response_mix_against_other_sites", "info", "warn", *TWENTY),
)
ON_SUBJECTS = (
    Expected("usubjid_is_pseudonym", "critical", "stop", *NONE, scope="study"),
    Expected("one_row_per_subject", "critical", "stop", *NONE, scope="study"),
    Expected("patient_exists_in_raw", "critical", "stop", *NONE),
    Expected("arm_in_protocol", "critical", "drop", *NONE),
    Expected("subject_in_one_arm", "critical", "drop", *NONE),
    Expected("index_date_present", "critical", "drop", *NONE),
    Expected("sex_and_birth_year_present", "warning", "warn", *ONE),
    Expected("sex_in_value_set", "warning", "warn", *ONE),
    Expected("age_18_to_110", "warning", "warn", *ONE),
    Expected("death_not_before_index", "critical", "drop", *NONE),
    Expected("response_in_value_set", "critical", "drop", *NONE),
    Expected("response_recorded", "warning", "warn", *TEN),
    Expected("response_after_index", "warning", "warn", *ONE),
    Expected("endpoint_recomputes", "critical", "stop", *NONE, scope="study"),
    Expected("event_agrees_with_records", "critical", "stop", *NONE, scope="study"),
    Expected("event_date_agrees_with_records", "critical", "stop", *NONE, scope="study"),
    Expected("event_has_date", "critical", "drop", *NONE),
    Expected("follow_up_not_negative", "critical", "drop", *NONE),
    Expected("progression_not_before_index", "critical", "drop", *NONE),
    Expected("progression_free_not_after_overall", "critical", "drop", *NONE),
    Expected("flow_counts_reconcile", "critical", "stop", *NONE, scope="study"),
    Expected("censored_has_last_contact", "critical", "drop", *NONE),
    Expected("nothing_after_cutoff", "critical", "stop", *NONE, scope="study"),
    Expected("index_within_study_dates", "critical", "stop", *NONE, scope="study"),
    Expected("column_types_match", "critical", "stop", *NONE, scope="study"),
    Expected("no_duplicate_patient_across_sites", "warning", "warn", *NONE),
    Expected("last_contact_not_before_index", "warning", "warn", *ONE),
    Expected("death_not_before_last_contact", "warning", "warn", *ONE),
    Expected("assessment_not_after_death", "warning", "warn", *NONE),
    Expected("imaging_supports_assessment", "warning", "warn", *TEN),
    Expected("covariate_recorded", "warning", "warn", *TEN),
    Expected("covariate_in_a_category", "critical", "stop", *NONE, scope="study"),
    Expected("one_arm_all_the_way", "info", "warn", *TWENTY),
    Expected("index_session_counted", "critical", "stop", *NONE, scope="study"),
    Expected("follow_up_complete", "info", "warn", *TWENTY),
    Expected("response_agrees_with_other_source", "info", "warn", *TWENTY),
    Expected("chart_review_agrees", "info", "warn", *TEN),
    Expected("subjects_dropped_by_checks", "critical", "stop", *TWO, scope="study"),
)
EXPECTED = (*ON_TABLES, *WITH_HISTORY, *ON_SUBJECTS)
MUTANTS = dict(mutants(catalogue()))


def test_the_gate_does_with_each_check_what_is_written_here() -> None:
    assert disagreements(catalogue(), EXPECTED) == set()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_removed_or_weaker_check_is_noticed(name: str) -> None:
    check, _, _ = name.partition("-")
    assert disagreements(MUTANTS[name], EXPECTED) == {check}


def test_every_check_can_be_removed_and_weakened() -> None:
    changed = {name.partition("-")[::2] for name in MUTANTS}
    for check in catalogue():
        assert (check.id, "removed") in changed
        assert len([one for one, _ in changed if one == check.id]) > 1


def test_history_is_validation_at_a_site() -> None:
    beside_others = [check for check in catalogue() if check.rule.kind == "history"]
    assert {check.id for check in beside_others} == {one.check for one in WITH_HISTORY}
    assert {(check.context, check.scope) for check in beside_others} == {("validation", "site")}
