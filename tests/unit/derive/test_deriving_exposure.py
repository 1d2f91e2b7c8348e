"""ADEX: sessions, materials, sizes, drugs and doses. Oracle: docs/derivation.md, "Treatment received", by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis.derive import Derived, derive
from analysis.derive.pseudonym import usubjid
from mappings.codelists import CodeEntry, CodeList
from tests.unit.derive.hospital import KEY, STUDY, Hospital, S, codes, counted, maps, study

LISTS = {**STUDY["list"], "small": {"table": "device"}, "chemo": {"table": "medication_administration"}}
CODES = codes() | {
    "small": CodeList("small", words=("100-300 um",)),
    "chemo": CodeList("chemo", entries=(CodeEntry(S, "chemo"),)),
}
ASKED = {"materials": ["new", "old"], "sizes": ["small"], "drugs": [{"list": "chemo", "unit": "mg"}]}


def _give(h: Hospital, act: str, dose: float | None, unit: str | None, code: str | None = None, **row: Any) -> None:
    told = {"dose_value": dose, "dose_unit": unit, "dose_unit_code": code, "status": "completed", **row}
    h.coded("medication_administration", "chemo", "p1", procedure_id=act, effective_date=0, **told)


def _hospital() -> Hospital:
    h = Hospital()
    h.subject("p1")
    before = h.act("p1", -200, "old", id="before")
    _give(h, before, 900, "mg")
    _give(h, "act-p1", 0.1, "gram", "g")
    _give(h, "act-p1", 25, "mg")
    _give(h, "act-p1", 500, "mg", status="not-done")
    second = h.act("p1", 40, "old", id="second")
    _give(h, second, 3, "vial")
    _give(h, second, 50, "mg")
    h.act("p1", 40, None, id="second-again")
    h.act("p1", 90, None, id="third", status="in-progress")
    h.coded("medication_administration", "chemo", "p1", effective_date=50, status="completed", dose_value=70)
    h.subject("p2")
    named = h.act("p2", 30, None)
    beads = h.add("device", code_text="Beads 100-300 um")
    h.add("procedure_used", id=named, patient_id="p2", role="used", device_id=beads)
    return h


@pytest.fixture(scope="module")
def derived() -> Derived:
    return derive(study(list=LISTS, treatment=ASKED), CODES, maps(), _hospital().tables(), KEY, {})


def _of(derived: Derived, patient: str) -> pd.DataFrame:
    assert derived.adex is not None
    return derived.adex[derived.adex["USUBJID"] == usubjid(KEY, "h", patient)]


def test_a_day_is_a_session_from_the_index_on(derived: Derived) -> None:
    sessions = _of(derived, "p1").query("PARAMCD == 'SESSION'")
    assert list(zip(sessions["ASEQ"], sessions["ADY"], strict=True)) == [(1, 0), (2, 40)]
    adsl = derived.adsl.set_index("USUBJID")["N_SESSIONS"]
    assert adsl[usubjid(KEY, "h", "p1")] == 2


def test_what_was_used_in_each(derived: Derived) -> None:
    used = _of(derived, "p1").query("PARAMCD == 'MATERIAL'")
    assert list(zip(used["ADY"], used["AVALC"], strict=True)) == [(0, "new"), (40, "old")]
    sizes = _of(derived, "p2").query("PARAMCD == 'SIZE'")
    assert list(zip(sizes["ADY"], sizes["AVALC"], strict=True)) == [(30, "small")]


def test_doses_are_added_in_the_unit_and_unknown_ones_leave_the_day_without(derived: Derived) -> None:
    """0.1 g and 25 mg are 125 mg; 50 mg and 3 vials are unknown; what is part of no session does not count."""
    given = _of(derived, "p1").query("PARAMCD == 'DRUG'").reset_index(drop=True)
    assert list(given["ADY"]) == [0, 40]
    assert given["AVAL"][0] == pytest.approx(125)
    assert pd.isna(given["AVAL"][1])
    assert set(given["AVALU"]) == {"mg"}
    assert counted(derived, "chemo: no dose, or not in mg") == 1


def test_a_study_that_does_not_ask_has_none() -> None:
    h = Hospital()
    h.subject()
    assert h.derive().adex is None


def test_order_of_arrival_changes_nothing(derived: Derived) -> None:
    h = _hospital()
    for rows in h.rows.values():
        rows.reverse()
    again = derive(study(list=LISTS, treatment=ASKED), CODES, maps(), h.tables(), KEY, {})
    assert again.adex is not None
    assert derived.adex is not None
    pd.testing.assert_frame_equal(again.adex, derived.adex)
