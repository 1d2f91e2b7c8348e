"""Whoever removes or weakens a check on analysis tables makes a test fail. Oracle: what the gate does with planted
shares of violations, written by hand beside each check."""

from __future__ import annotations

import pytest

from expectations.catalogue import catalogue
from tests.fixtures.expected_gates import Expected, disagreements, mutants

# The most violations that are accepted and the fewest that fail, of a thousand.
NONE = ((0, 1000), (1, 1000))
ONE, TWO, TEN, TWENTY = (((10 * n, 1000), (10 * n + 1, 1000)) for n in (1, 2, 10, 20))

EXPECTED = (
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
CHECKS = tuple(check for check in catalogue() if not check.raw)
MUTANTS = dict(mutants(CHECKS))


def test_the_gate_does_with_each_check_what_is_written_here() -> None:
    assert disagreements(CHECKS, EXPECTED) == set()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_removed_or_weaker_check_on_subjects_is_noticed(name: str) -> None:
    check, _, _ = name.partition("-")
    assert disagreements(MUTANTS[name], EXPECTED) == {check}
