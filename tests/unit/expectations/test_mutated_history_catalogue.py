"""Whoever removes or weakens a check with history makes a test fail. Oracle: what the gate does with planted shares of
violations, written by hand beside each check."""

from __future__ import annotations

import pytest

from expectations.catalogue import catalogue
from tests.fixtures.expected_gates import Expected, disagreements, mutants

# The most violations that are accepted and the fewest that fail, of a thousand.
NONE = ((0, 1000), (1, 1000))
FIVE, TEN, TWENTY, FORTY = (((10 * n, 1000), (10 * n + 1, 1000)) for n in (5, 10, 20, 40))

EXPECTED = (
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
CHECKS = [check for check in catalogue() if check.rule.kind == "history"]
MUTANTS = dict(mutants(CHECKS))


def test_the_gate_does_with_each_history_check_what_is_written_here() -> None:
    assert disagreements(CHECKS, EXPECTED) == set()


def test_history_is_validation_at_a_site() -> None:
    assert {(check.context, check.scope) for check in CHECKS} == {("validation", "site")}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_removed_or_weaker_check_is_noticed(name: str) -> None:
    check, _, _ = name.partition("-")
    assert disagreements(MUTANTS[name], EXPECTED) == {check}


def test_every_check_can_be_removed_and_weakened() -> None:
    changed = {name.partition("-")[::2] for name in MUTANTS}
    for check in CHECKS:
        assert (check.id, "removed") in changed
        assert len([one for one, _ in changed if one == check.id]) > 1
