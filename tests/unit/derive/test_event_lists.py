"""An event that is a record of a code list: a relapse recorded as a Condition, an Observation or a Procedure.

Oracle: docs/derivation.md, "Endpoints"; every expected value follows from the rule by hand.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from analysis.derive import Derived, derive
from analysis.derive.pseudonym import usubjid
from analysis.plan import plan
from analysis.study.model import EventSource
from expectations.frames import analysis_frames
from mappings.codelists import CodeEntry, CodeList
from tests.unit.derive.hospital import KEY, STUDY, Hospital, S, codes, maps, only, study

RELAPSE = {
    "id": "RFS",
    "label": "Recurrence-free survival",
    "events": [{"list": "relapse", "desc": "Recurrence"}, {"death": True, "desc": "Death"}],
    "censors": [{"last": "evidence alive", "desc": "Last known alive"}],
}
LISTS = {**STUDY["list"], "relapse": {"table": ["condition", "observation", "procedure"]}}
CODES = codes() | {"relapse": CodeList("relapse", entries=(CodeEntry(S, "relapse"),))}
WITH_RELAPSE = study(list=LISTS, endpoint=[*STUDY["endpoint"], RELAPSE])


def hospital() -> Hospital:
    h = Hospital()
    h.subject("by-condition")
    h.coded("condition", "relapse", "by-condition", onset_date=300, id="late", verification_status="confirmed")
    h.coded("condition", "relapse", "by-condition", onset_date=200, id="early", verification_status="confirmed")
    h.subject("by-observation")
    h.observe("by-observation", "relapse", 150, value_boolean=False)
    h.observe("by-observation", "relapse", 250, value_boolean=True, id="yes")
    h.subject("before")
    h.coded("condition", "relapse", "before", onset_date=-90, verification_status="confirmed")
    h.subject("on-index")
    h.coded("procedure", "relapse", "on-index", performed_date=0, status="completed")
    h.subject("refuted")
    h.coded("condition", "relapse", "refuted", onset_date=100, verification_status="refuted")
    h.subject("same-day", deceased_date="2020-06-09")
    h.coded("condition", "relapse", "same-day", onset_date="2020-06-09", id="same", verification_status="confirmed")
    h.subject("dead-first", deceased_date="2020-06-08")
    h.coded("condition", "relapse", "dead-first", onset_date="2020-06-09", verification_status="confirmed")
    return h


@pytest.fixture(scope="module")
def derived() -> Derived:
    return derive(WITH_RELAPSE, CODES, maps(), hospital().tables(), KEY, {})


def rfs(derived: Derived, patient: str) -> pd.Series:
    return only(derived.adtte, USUBJID=usubjid(KEY, "h", patient), PARAMCD="RFS")


@pytest.mark.parametrize(
    ("patient", "days", "cnsr", "desc", "source"),
    [
        ("by-condition", 200, 0, "Recurrence", "Condition/early/_history/1"),
        ("by-observation", 250, 0, "Recurrence", "Observation/yes/_history/1"),
        ("before", 60, 1, "Last known alive", None),
        ("on-index", 60, 1, "Last known alive", None),
        ("refuted", 60, 1, "Last known alive", None),
        ("same-day", 100, 0, "Recurrence", "Condition/same/_history/1"),
        ("dead-first", 99, 0, "Death", "Patient/dead-first/_history/1"),
    ],
)
def test_the_first_record_of_the_list_from_day_1_on(
    derived: Derived, patient: str, days: int, cnsr: int, desc: str, source: str | None
) -> None:
    row = rfs(derived, patient)
    assert (row["AVAL"], row["CNSR"], row["EVNTDESC"]) == (days, cnsr, desc)
    if source is not None:
        assert row["SRCREF"] == source
    if desc == "Recurrence":
        assert (row["SRCDOM"], row["SRCVAR"]) == (None, None)


def test_other_endpoints_do_not_see_it(derived: Derived) -> None:
    row = only(derived.adtte, USUBJID=usubjid(KEY, "h", "by-condition"), PARAMCD="PFS")
    assert (row["AVAL"], row["CNSR"]) == (60, 1)


def test_the_list_is_asked_for() -> None:
    conditions = [search for search in plan(WITH_RELAPSE, CODES).searches if search.type == "Condition"]
    assert [sorted(made.name for made in search.arrival.lists) for search in conditions] == [["disease", "relapse"]]


def test_the_checks_know_it_for_a_recorded_event(derived: Derived) -> None:
    """And a death that ADTTE passed over before a relapse is still found."""
    adtte = derived.adtte.copy()
    late = (adtte["USUBJID"] == usubjid(KEY, "h", "dead-first")) & (adtte["PARAMCD"] == "RFS")
    adtte.loc[late, ["ADT", "EVNTDESC"]] = [pd.Timestamp("2020-06-09"), "Recurrence"]
    frames = analysis_frames(
        WITH_RELAPSE, derived.adsl, derived.adrs, adtte, derived.analysis_table, frozenset(derived.adsl["USUBJID"])
    )
    rows = frames["endpoints"]
    rows = rows[rows["PARAMCD"] == "RFS"].set_index("USUBJID")
    assert (rows["IS_EVENT"] == rows["EVENT_RECORDED"]).all()
    both = rows[rows["EVENT_DATE"].notna()]
    wrong = both[both["EVENT_DATE"] != both["EVENT_DATE_RECORDED"]]
    assert list(wrong.index) == [usubjid(KEY, "h", "dead-first")]


@pytest.mark.parametrize(
    "source",
    [
        {"list": "relapse", "death": True, "desc": "Both"},
        {"list": "relapse", "response": "PD", "desc": "Both"},
        {"list": "relapse", "site": "liver", "desc": "A site of no response"},
        {"desc": "Nothing"},
    ],
)
def test_an_event_is_one_thing(source: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EventSource.model_validate(source)
