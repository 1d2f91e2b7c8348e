"""ADAE: events, recorded absences and records that show that someone looked. Oracle: docs/derivation.md, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.derive import Derived, derive
from analysis.derive.pseudonym import usubjid
from mappings.codelists import CodeEntry, CodeList
from tests.unit.derive.hospital import KEY, STUDY, Hospital, S, codes, counted, mapping, maps, study

NAMES = ("fever", "pain", "ward-round")
LISTS = {**STUDY["list"], **{name: {"table": ["condition", "observation", "adverse_event"]} for name in NAMES}}
CODES = codes() | {name: CodeList(name, entries=(CodeEntry(S, name),)) for name in NAMES}
GRADES = {**{f"grade-{i}": str(i) for i in range(6)}, "mild": "1", "severe": "3"}
MAPS = maps() | {"ctcae": mapping("ctcae", GRADES)}
ASKED = {
    "window": "0..30",
    "events": [{"list": "fever"}, {"list": "pain"}],
    "grades": "ctcae",
    "looked": ["ward-round"],
}


def add_events(h: Hospital) -> Hospital:
    """Four subjects more, one of whom nothing is known."""
    h.subject("p1")
    h.observe("p1", "fever", -1, "grade-4")
    h.observe("p1", "fever", 0, "grade-1")
    h.observe("p1", "fever", 30, "grade-3")
    h.observe("p1", "fever", 31, "grade-5")
    h.observe("p1", "fever", 10, "grade-5", status="entered-in-error")
    h.observe("p1", "pain", 5, "grade-0")
    h.subject("p2")
    h.observe("p2", "fever", 3, value_boolean=False)
    h.coded("condition", "pain", "p2", onset_date=4, verification_status="confirmed")
    h.observe("p2", "pain", 6, value_integer=2)
    h.subject("p3")
    h.observe("p3", "ward-round", 2, "grade-4")
    h.subject("p4")
    return h


def _derive(h: Hospital, **asked: object) -> Derived:
    return derive(study(list=LISTS, adverse_events={**ASKED, **asked}), CODES, MAPS, h.tables(), KEY, {})


@pytest.fixture(scope="module")
def derived() -> Derived:
    return _derive(add_events(Hospital()))


def _of(derived: Derived, patient: str) -> list[tuple[str, str, str | None, int]]:
    assert derived.adae is not None
    own = derived.adae[derived.adae["USUBJID"] == usubjid(KEY, "h", patient)]
    return list(zip(own["PARAMCD"], own["AEDECOD"], own["ATOXGR"], own["ADY"], strict=True))


def test_events_of_the_window_with_their_grades(derived: Derived) -> None:
    assert _of(derived, "p1") == [
        ("EVENT", "fever", "1", 0),
        ("ABSENT", "pain", None, 5),
        ("EVENT", "fever", "3", 30),
    ]


def test_absence_unknown_grade_and_plain_numbers(derived: Derived) -> None:
    assert _of(derived, "p2") == [
        ("ABSENT", "fever", None, 3),
        ("EVENT", "pain", None, 4),
        ("EVENT", "pain", "2", 6),
    ]
    assert counted(derived, "event without a grade") == 1


def test_that_someone_looked_is_no_event(derived: Derived) -> None:
    assert _of(derived, "p3") == [("LOOKED", "ward-round", None, 2)]
    assert _of(derived, "p4") == []


def test_without_a_map_no_number_is_a_grade() -> None:
    found = _of(_derive(add_events(Hospital()), grades=None), "p2")
    assert [grade for _, _, grade, _ in found] == [None, None, None]


def test_each_names_its_record(derived: Derived) -> None:
    assert derived.adae is not None
    own = derived.adae[derived.adae["USUBJID"] == usubjid(KEY, "h", "p2")]
    assert [ref.split("/")[0] for ref in own["SRCREF"]] == ["Observation", "Condition", "Observation"]
    assert own["SRCREF"].str.endswith("/_history/1").all()


def test_a_study_that_does_not_ask_has_none() -> None:
    h = Hospital()
    h.subject()
    assert h.derive().adae is None


def test_order_of_arrival_changes_nothing(derived: Derived) -> None:
    h = add_events(Hospital())
    for rows in h.rows.values():
        rows.reverse()
    again = _derive(h)
    assert again.adae is not None
    assert derived.adae is not None
    pd.testing.assert_frame_equal(again.adae, derived.adae)


def _event(h: Hospital, when: int | None, *codings: tuple[str, str], **row: object) -> str:
    made = h.coded("adverse_event", "fever", "p1", **{"actuality": "actual", "event_date": when, **row})
    for element, code in codings:
        h.add("adverse_event_grade", id=made, patient_id="p1", element=element, code_system=S, code=code)
    return made


def _with_events() -> Hospital:
    h = Hospital()
    h.subject("p1")
    _event(h, 1, ("severity", "mild"), ("grade", "grade-4"))
    _event(h, 2, ("severity", "severe"), ("grade", "not-in-the-map"))
    _event(h, 3, ("severity", "severe"), ("severity", "mild"))
    _event(h, 4, ("severity", "not-in-the-map"))
    _event(h, 5, severity_text="Grade-2")
    _event(h, None, detected_date=6, recorded_date=7)
    _event(h, None, ("grade", "grade-0"), recorded_date=8)
    _event(h, 9, ("grade", "grade-5"), actuality="potential")
    _event(h, None)
    return h


def test_an_adverse_event_has_its_grade_else_its_severity() -> None:
    derived = _derive(_with_events())
    assert _of(derived, "p1") == [
        ("EVENT", "fever", "4", 1),
        ("EVENT", "fever", "3", 2),
        ("EVENT", "fever", "1", 3),
        ("EVENT", "fever", None, 4),
        ("EVENT", "fever", None, 5),
        ("EVENT", "fever", None, 6),
        ("ABSENT", "fever", None, 8),
    ]
    assert counted(derived, "event without a grade") == 3
    assert counted(derived, "event whose codings give different grades") == 1
    assert counted(derived, "fever: status potential") == 1
    assert counted(derived, "fever: without date") == 1
    assert derived.adae is not None
    assert set(derived.adae["SRCREF"].str.partition("/")[0]) == {"AdverseEvent"}


def test_a_condition_has_the_severity_that_the_map_knows() -> None:
    h = Hospital()
    h.subject("p1")
    for when, code in ((1, "severe"), (2, "not-in-the-map"), (3, None)):
        told = {"onset_date": when, "verification_status": "confirmed"}
        made = h.coded("condition", "fever", "p1", **told)
        if code is not None:
            h.add("condition_severity", id=made, patient_id="p1", code_system=S, code=code)
    # The severity of another type's record of the same id is not taken.
    h.observe("p1", "fever", 4, id=made)
    h.add("condition_severity", id=made, patient_id="p1", code_system=S, code="mild")
    assert _of(_derive(h), "p1") == [
        ("EVENT", "fever", "3", 1),
        ("EVENT", "fever", None, 2),
        ("EVENT", "fever", "1", 3),
        ("EVENT", "fever", None, 4),
    ]


def test_severities_in_another_order_change_nothing() -> None:
    h = _with_events()
    for rows in h.rows.values():
        rows.reverse()
    first, again = _derive(_with_events()).adae, _derive(h).adae
    assert first is not None
    assert again is not None
    pd.testing.assert_frame_equal(again, first)
