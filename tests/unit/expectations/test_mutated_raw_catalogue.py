"""Whoever removes or weakens a raw check makes a test fail. Oracle: what the gate does with planted shares of
violations, written by hand beside each check."""

from __future__ import annotations

import pytest

from expectations.catalogue import raw_checks
from tests.fixtures.expected_gates import Expected, disagreements, mutants

# The most violations that are accepted and the fewest that fail, of a thousand.
NONE = ((0, 1000), (1, 1000))
ONE, TWO, FIVE, TEN, TWENTY = (((10 * n, 1000), (10 * n + 1, 1000)) for n in (1, 2, 5, 10, 20))
OVER_TWO = ((20, 1000), (21, 1000))

EXPECTED = (
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
MUTANTS = dict(mutants(raw_checks()))


def test_the_gate_does_with_each_raw_check_what_is_written_here() -> None:
    assert disagreements(raw_checks(), EXPECTED) == set()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_removed_or_weaker_check_is_noticed(name: str) -> None:
    check, _, _ = name.partition("-")
    assert disagreements(MUTANTS[name], EXPECTED) == {check}


def test_every_check_can_be_removed_and_weakened() -> None:
    changed = {name.partition("-")[::2] for name in MUTANTS}
    for check in raw_checks():
        assert (check.id, "removed") in changed
        assert len([one for one, _ in changed if one == check.id]) > 1
