"""What is behind a check with history. Oracle: the planted nights of test_history_checks, their counts by hand."""

from __future__ import annotations

import pytest

from expectations.history import history_findings
from expectations.moved import Behind, Moved
from tests.unit.expectations.test_history_checks import (
    EARLIER,
    HB,
    LEU,
    LOCAL,
    LOINC,
    MIX,
    NORTH,
    PLANTED,
    SITES,
    SOUTH,
    TODAY,
    frame,
    north,
    usual,
)  # fmt: skip

CASES = [
    ("records_drop_over_5_percent", north(records={"": 180}), [Moved("", "records", 180, 200)]),
    # the second against the twelve months before it: eleven of 100 and the first
    ("month_volume_outside_2_sd", north(month={"2024-04": 40, "2024-05": 30}),
     [Moved("", "2024-04", 40, 100.0), Moved("", "2024-05", 30, 95.0)]),
    ("usual_codes_still_sent", north(code={f"{LOINC}|{LEU}": None}), [Moved("", f"{LOINC}|{LEU}", 0, 60.0)]),
    ("unit_mix_shift", north(unit={f"{HB}|g/dL": 60, f"{HB}|g/L": 40}),
     [Moved(HB, "g/L", 40, 0.0), Moved(HB, "g/dL", 60, 100.0)]),
    ("value_distribution_shift", north(value={f"{HB}|g/dL|4": 75, f"{HB}|g/dL|8": 25}),
     [Moved(f"{HB}|g/dL", "4", 75, 100.0), Moved(f"{HB}|g/dL", "8", 25, 0.0)]),
    ("missingness_shift", north(missing={"value_quantity": 90}),
     [Moved("value_quantity", "with", 110, 160.0), Moved("value_quantity", "without", 90, 40.0)]),
    ("codes_taken_by_a_list", north(unmapped={f"{LOCAL}|X2": 60}),
     [Moved("", f"{LOCAL}|X2", 60, None), Moved("", f"{LOCAL}|X1", 30, None)]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "now", "keys"), CASES, ids=[check for check, *_ in CASES])
def test_the_keys_that_moved_with_what_was_expected(check, now, keys):
    assert Behind(now, EARLIER).moved(check, "observation", NORTH, TODAY, SITES) == keys


def test_the_codes_that_moved_begin_with_the_furthest():
    now = north(code={f"{LOCAL}|X1": 90, f"{LOINC}|{LEU}": 0})
    keys = Behind(now, EARLIER).moved("code_mix_shift", "observation", NORTH, TODAY, SITES)
    assert [(one.key, one.now, one.expected) for one in keys[:2]] == [
        (f"{LOINC}|{LEU}", 0, 60.0),
        (f"{LOCAL}|X1", 90, 30.0),
    ]


def test_a_usual_night_has_nothing_behind_it_that_moved():
    behind = Behind(frame(usual()), EARLIER)
    for check, *_ in CASES[1:-1]:
        assert behind.moved(check, "observation", NORTH, TODAY, SITES) == []
    assert behind.moved(MIX, "patient", NORTH, TODAY, SITES) == []


@pytest.mark.parametrize(("check", "table", "now"), [case[:3] for case in PLANTED])
def test_whatever_is_found_has_a_key_but_lateness(check, table, now):
    behind = Behind(now, EARLIER)
    for one in history_findings(now, EARLIER, TODAY, SITES):
        if one.numerator and one.check_id != "freshness_within_schedule":
            assert behind.moved(one.check_id, one.table, one.site, TODAY, SITES)
    if check not in ("code_mix_against_other_sites", "codes_taken_by_a_list"):
        assert not [key for key in behind.moved(check, table, SOUTH, TODAY, SITES) if key.key != "records"]
