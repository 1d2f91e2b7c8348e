"""ADAE: events, recorded absences and records that show that someone looked. Oracle: docs/derivation.md, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.derive import Derived, derive
from analysis.derive.pseudonym import usubjid
from mappings.codelists import CodeEntry, CodeList
from tests.unit.derive.hospital import KEY, STUDY, Hospital, S, codes, counted, mapping, maps, study

NAMES = ("fever", "pain", "ward-round")
LISTS = {**STUDY["list"], **{name: {"table": ["condition", "observation"]} for name in NAMES}}
CODES = codes() | {name: CodeList(name, entries=(CodeEntry(S, name),)) for name in NAMES}
MAPS = maps() | {"ctcae": mapping("ctcae", {f"grade-{i}": str(i) for i in range(6)})}
ASKED = {
    "window": "0..30",
    "events": [{"list": "fever"}, {"list": "pain"}],
    "grades": "ctcae",
    "looked": ["ward-round"],
}


def _hospital() -> Hospital:
    h = Hospital()
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
    return _derive(_hospital())


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
    found = _of(_derive(_hospital(), grades=None), "p2")
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
    h = _hospital()
    for rows in h.rows.values():
        rows.reverse()
    again = _derive(h)
    assert again.adae is not None
    assert derived.adae is not None
    pd.testing.assert_frame_equal(again.adae, derived.adae)
