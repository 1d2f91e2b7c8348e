"""Events whose day is not certain: known to the month or year, or found after missed visits.

Oracle: docs/derivation.md; every expected value follows from the rule by hand. Day 0 is 1 March 2020.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from analysis.derive import Derived
from analysis.derive.pseudonym import usubjid
from analysis.study.model import Study
from expectations.frames import analysis_frames
from tests.unit.derive.hospital import KEY, STUDY, Hospital, only, study

GAP = 112
ENDS = [{"id": "earliest", "partial_dates": "low"}, {"id": "latest", "partial_dates": "high"}]
MISSED = [{"id": "missed", "text": "Nobody looked", "max_gap_days": GAP}, {"id": "none-missed", "max_gap_days": 5000}]


def _asking(sensitivity: list[dict[str, Any]], **other: Any) -> Study:
    return study(analysis={**STUDY.get("analysis", {}), "sensitivity": sensitivity}, **other)


def _time(derived: Derived, patient: str, parameter: str = "PFS") -> dict[str, Any]:
    row = only(derived.adtte, USUBJID=usubjid(KEY, "h", patient), PARAMCD=parameter)
    return {str(name): value for name, value in row.items()}


def _hospital() -> Hospital:
    h = Hospital()
    h.subject("month", deceased_date="2020-09")
    h.subject("year", deceased_date="2020", assessed=False)
    h.subject("death-or-progression", "old", deceased_date="2020-05")
    h.assess("death-or-progression", 75, "PD")
    h.subject("progression", "old")
    h.observe(
        "progression", "response", "2020-08", "pd", performer_id="r1", body_site_system="http://example.org/codes",
        body_site="liver",
    )  # fmt: skip
    h.subject("whole", deceased_date="2020-09-20")
    h.subject("soon", deceased_date=date(2020, 8, 20).isoformat())  # day 172, 112 after the assessment of day 60
    h.subject("late", "old", deceased_date=date(2020, 8, 21).isoformat())
    h.subject("progressed-late")
    h.assess("progressed-late", 200, "PD")
    h.subject("never-seen", assessed=False, deceased_date=date(2020, 6, 22).isoformat())  # day 113
    h.subject("never-seen-soon", assessed=False, deceased_date=date(2020, 6, 21).isoformat())
    h.subject("undated", deceased=True)
    return h


@pytest.fixture(scope="module")
def derived() -> Derived:
    return _hospital().derive(_asking([*ENDS, *MISSED]))


@pytest.mark.parametrize(
    ("patient", "parameter", "low", "middle", "high"),
    [
        ("month", "OS", 184, 198, 213),
        ("year", "OS", 0, 152, 305),  # of the part from the index date on
        ("progression", "PFS", 153, 168, 183),
        ("death-or-progression", "PFS", 61, 75, 75),
        ("whole", "OS", 203, 203, 203),
    ],
)
def test_partial_dates_at_both_ends(
    patient: str, parameter: str, low: int, middle: int, high: int, derived: Derived
) -> None:
    sets = (derived.variants["earliest"], derived, derived.variants["latest"])
    rows = [_time(one, patient, parameter) for one in sets]
    assert [row["AVAL"] for row in rows] == [low, middle, high]
    assert [row["CNSR"] for row in rows] == [0, 0, 0]
    for row in rows:
        assert (row["ADT"] - row["STARTDT"]).days == row["AVAL"]


def test_of_a_month_with_both_the_end_decides_which_event_is_first(derived: Derived) -> None:
    sets = (derived.variants["earliest"], derived, derived.variants["latest"])
    told = [_time(one, "death-or-progression")["EVNTDESC"] for one in sets]
    assert told == ["Death", "Progression", "Progression"]


@pytest.mark.parametrize(("event", "days"), [("low", 184), ("middle", 198), ("high", 213)])
def test_the_main_analysis_puts_them_where_the_study_says(event: str, days: int) -> None:
    found = _hospital().derive(study(endpoint_rules={"partial_dates": {"event": event}}))
    row = _time(found, "month", "OS")
    died = found.adsl.loc[found.adsl["USUBJID"] == row["USUBJID"], "DTHDT"]
    assert (row["AVAL"], row["ADTF"], row["ADT"]) == (days, "D", died.iloc[0])


@pytest.mark.parametrize("event", ["low", "middle", "high"])
def test_the_checks_find_the_recorded_events_on_the_days_of_adtte(event: str) -> None:
    """A critical check stops a run whose events are not on the days that the records tell."""
    asked = study(endpoint_rules={"partial_dates": {"event": event}})
    found = _hospital().derive(asked)
    assert found.adsl.loc[found.adsl["DTHFL"] == "N", "DTHDT"].isna().all()
    everyone = frozenset(found.adsl["USUBJID"])
    rows = analysis_frames(asked, found.adsl, found.adrs, found.adtte, found.analysis_table, everyone)["endpoints"]
    assert list(rows["IS_EVENT"]) == list(rows["EVENT_RECORDED"])
    dated = rows[rows["EVENT_DATE"].notna()]
    assert usubjid(KEY, "h", "progression") in set(dated.loc[dated["PARAMCD"] == "PFS", "USUBJID"])
    assert list(dated["EVENT_DATE"]) == list(dated["EVENT_DATE_RECORDED"])


def test_no_event_is_put_beyond_the_cutoff() -> None:
    h = Hospital()
    h.subject("at-the-end", deceased_date="2021-06")
    h.subject("other", "old", deceased_date="2021")  # its middle lies after the cut-off: not used at either end
    found = h.derive(_asking(ENDS, index={**STUDY["index"], "data_cutoff": date(2021, 6, 20)}))
    assert _time(found.variants["latest"], "at-the-end", "OS")["ADT"] == pd.Timestamp("2021-06-20")
    assert [_time(found.variants[one["id"]], "other", "OS")["CNSR"] for one in ENDS] == [1, 1]


@pytest.mark.parametrize(
    ("patient", "days", "cnsr", "source"),
    [
        ("soon", 172, 0, ("ADSL", "DTHDT")),
        ("late", 60, 3, ("ADRS", "ADT")),
        ("progressed-late", 60, 3, ("ADRS", "ADT")),
        ("never-seen", 0, 3, ("ADSL", "TRTSDT")),
        ("never-seen-soon", 112, 0, ("ADSL", "DTHDT")),
        ("death-or-progression", 75, 0, ("ADRS", "ADT")),
    ],
)
def test_events_after_missed_visits_are_censored_where_somebody_last_looked(
    patient: str, days: int, cnsr: int, source: tuple[str, str], derived: Derived
) -> None:
    row = _time(derived.variants["missed"], patient)
    assert (row["AVAL"], row["CNSR"], (row["SRCDOM"], row["SRCVAR"])) == (days, cnsr, source)
    assert (row["ADT"] - row["STARTDT"]).days == days
    assert (row["CNSDTDSC"] == "Nobody looked") == (cnsr == 3)
    assert row["SRCREF"]
    if source == ("ADRS", "ADT"):
        rests = derived.adrs[(derived.adrs["USUBJID"] == row["USUBJID"]) & (derived.adrs["ASEQ"] == row["SRCSEQ"])]
        assert (rests["ADY"].item(), rests["SRCREF"].item()) == (days, row["SRCREF"])


def test_the_main_analysis_and_overall_survival_do_not_know_of_missed_visits(derived: Derived) -> None:
    missed = derived.variants["missed"].adtte
    assert _time(derived, "late")["CNSR"] == 0
    assert (derived.adtte["CNSR"] < 3).all()
    same = [frame[frame["PARAMCD"] == "OS"].reset_index(drop=True) for frame in (missed, derived.adtte)]
    pd.testing.assert_frame_equal(*same)
    pd.testing.assert_frame_equal(derived.variants["none-missed"].adtte, derived.adtte)
    undated = [_time(one, "undated") for one in (derived, derived.variants["missed"])]
    assert [row["CNSR"] for row in undated] == [0, 0]
    assert [pd.isna(row["AVAL"]) for row in undated] == [True, True]


def test_a_death_without_a_date_has_none_at_either_end(derived: Derived) -> None:
    rows = [_time(derived.variants[one["id"]], "undated") for one in ENDS]
    assert [(row["CNSR"], pd.isna(row["AVAL"]), pd.isna(row["ADT"])) for row in rows] == [(0, True, True)] * 2


def test_who_was_last_looked_at_before_the_landmark_leaves() -> None:
    found = _hospital().derive(_asking(MISSED, index={**STUDY["index"], "landmark": 90}))
    reasons = found.variants["missed"].adsl.set_index("USUBJID")["EXCLRSN"]
    assert reasons[usubjid(KEY, "h", "late")] == "before-landmark"
    assert found.adsl.set_index("USUBJID")["EXCLRSN"][usubjid(KEY, "h", "late")] is None


def test_order_of_arrival_changes_nothing(derived: Derived) -> None:
    turned = _hospital()
    turned.rows = {view: rows[::-1] for view, rows in turned.rows.items()}
    again = turned.derive(_asking([*ENDS, *MISSED]))
    for name, one in derived.variants.items():
        pd.testing.assert_frame_equal(one.adtte, again.variants[name].adtte)
