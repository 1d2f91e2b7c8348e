"""A competing event: what ends an endpoint's time without being its event.

Oracle: docs/derivation.md, "Endpoints"; every expected value follows from the rule by hand.
"""

from __future__ import annotations

import pandas as pd
import pytest
from pydantic import ValidationError

from analysis.derive import Derived, derive
from analysis.derive.pseudonym import usubjid
from analysis.plan import plan
from analysis.stats.cohort import Cohort
from analysis.study.model import Endpoint
from expectations.frames import analysis_frames
from tests.unit.derive.hospital import KEY, STUDY, Hospital, maps, only, study
from tests.unit.derive.test_event_lists import CODES, LISTS

RELAPSE = {
    "id": "TTR",
    "label": "Time to recurrence",
    "events": [{"list": "relapse", "desc": "Recurrence"}],
    "competing": [{"death": True, "desc": "Death without recurrence"}],
    "censors": [{"at": "index", "desc": "Index date"}, {"last": "evidence alive", "desc": "Last known alive"}],
}
WITH_COMPETING = study(list=LISTS, endpoint=[*STUDY["endpoint"], RELAPSE])
"""Censoring dates have the codes 1 and 2, so death has 3."""


def hospital() -> Hospital:
    h = Hospital()
    h.subject("recurs")
    h.coded("condition", "relapse", "recurs", onset_date=200, id="r", verification_status="confirmed")
    h.subject("neither")
    h.subject("same-day", deceased_date="2020-06-09")
    h.coded("condition", "relapse", "same-day", onset_date="2020-06-09", id="same", verification_status="confirmed")
    h.subject("dead-first", deceased_date="2020-06-08")
    h.coded("condition", "relapse", "dead-first", onset_date="2020-06-09", verification_status="confirmed")
    h.subject("dies", deceased_date="2020-05-30")
    h.subject("operated", deceased_date="2020-05-30")
    h.coded("procedure", "surgery", "operated", performed_date=30, status="completed")
    h.subject("no-date", deceased=True)
    h.subject("no-date-recurs", deceased=True)
    h.coded("condition", "relapse", "no-date-recurs", onset_date=20, verification_status="confirmed")
    return h


@pytest.fixture(scope="module")
def derived() -> Derived:
    return derive(WITH_COMPETING, CODES, maps(), hospital().tables(), KEY, {})


def ttr(derived: Derived, patient: str) -> pd.Series:
    return only(derived.adtte, USUBJID=usubjid(KEY, "h", patient), PARAMCD="TTR")


@pytest.mark.parametrize(
    ("patient", "days", "cnsr", "desc"),
    [
        ("recurs", 200, 0, "Recurrence"),
        ("neither", 60, 2, "Last known alive"),
        ("same-day", 100, 0, "Recurrence"),
        ("dead-first", 99, 3, "Death without recurrence"),
        ("dies", 90, 3, "Death without recurrence"),
        ("no-date", None, 3, "Death without recurrence"),
        ("no-date-recurs", 20, 0, "Recurrence"),
    ],
)
def test_the_first_of_event_and_competing_event(
    derived: Derived, patient: str, days: int | None, cnsr: int, desc: str
) -> None:
    row = ttr(derived, patient)
    assert (row["CNSR"], row["EVNTDESC"]) == (cnsr, desc)
    assert pd.isna(row["AVAL"]) if days is None else row["AVAL"] == days
    assert row["CNSDTDSC"] == (None if cnsr == 0 else desc)


def test_a_competing_event_names_its_source(derived: Derived) -> None:
    row = ttr(derived, "dies")
    assert (row["SRCDOM"], row["SRCVAR"], row["SRCREF"]) == ("ADSL", "DTHDT", "Patient/dies/_history/1")


def test_other_endpoints_do_not_see_it(derived: Derived) -> None:
    row = only(derived.adtte, USUBJID=usubjid(KEY, "h", "dies"), PARAMCD="OS")
    assert (row["AVAL"], row["CNSR"]) == (90, 0)


def test_a_list_that_only_a_competing_event_names_is_fetched() -> None:
    swapped = {**RELAPSE, "events": RELAPSE["competing"], "competing": RELAPSE["events"]}
    types = {search.type for search in plan(study(list=LISTS, endpoint=[swapped]), CODES).searches}
    assert {"Condition", "Observation", "Procedure"} <= types


def test_what_is_recorded_after_a_competing_event_breaks_no_check(derived: Derived) -> None:
    """The recurrence recorded a day after death is none of the endpoint's events (checks on recorded events)."""
    everyone = frozenset(derived.adsl["USUBJID"])
    frames = analysis_frames(
        WITH_COMPETING, derived.adsl, derived.adrs, derived.adtte, derived.analysis_table, everyone
    )
    rows = frames["endpoints"]
    mine = rows[(rows["PARAMCD"] == "TTR") & (rows["USUBJID"] == usubjid(KEY, "h", "dead-first"))]
    assert list(mine["IS_EVENT"]) == list(mine["EVENT_RECORDED"]) == ["N"]


def test_the_cohort_tells_the_competing_from_the_censored(derived: Derived) -> None:
    table = derived.analysis_table.copy()
    table.loc[0, "TRT01A"] = "Old"  # an arm may not be empty
    cohort = Cohort(WITH_COMPETING, table)
    data = cohort.endpoint("TTR")
    found = sorted(zip(data.time, data.event, cohort.competing("TTR"), strict=True))
    assert [(t, e, c) for t, e, c in found if t in (60, 90, 200)] == [
        (60, False, False),
        (90, False, True),
        (200, True, False),
    ]


def test_a_sensitivity_sets_own_censoring_has_a_code_of_its_own(derived: Derived) -> None:
    """Surgery on day 30 censors before death on day 90: code 4, which is no competing event."""
    adtte = derived.variants["censor-surgery"].adtte
    row = only(adtte, USUBJID=usubjid(KEY, "h", "operated"), PARAMCD="TTR")
    assert (row["AVAL"], row["CNSR"], row["CNSDTDSC"]) == (30, 4, "Surgery censors")
    assert ttr(derived, "operated")["CNSR"] == 3
    assert list(WITH_COMPETING.endpoint[-1].competing_codes) == [3]


def test_an_event_cannot_compete_with_itself() -> None:
    with pytest.raises(ValidationError, match="cannot compete with it"):
        Endpoint.model_validate({**RELAPSE, "competing": [{"list": "relapse", "desc": "Again"}]})
