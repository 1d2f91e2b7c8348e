"""A landmark: time starts there, for those who reach it, and arms may be told by what was done up to it.

Oracle: docs/derivation.md, "Who is analysed"; every expected value follows from the rule by hand.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis.derive import Derived
from analysis.derive.pseudonym import usubjid
from analysis.stats.flow import exclusion_reasons
from tests.unit.derive.hospital import KEY, STUDY, Hospital, day, only, study

ARMS: list[dict[str, Any]] = [
    {"id": "TWICE", "label": "Twice", "all": [{"any_of": ["used_device:new"], "window": "1..28"}]},
    {"id": "ONCE", "label": "Once", "all": [{"any_of": ["used_substance:old"]}]},
]


def _index(landmark: int) -> dict[str, Any]:
    return {**STUDY["index"], "landmark": landmark}


def _hospital() -> Hospital:
    h = Hospital()
    h.subject("stable")
    h.subject("dead-before", deceased_date=day(27))
    h.subject("dead-on-the-day", deceased_date=day(28))
    h.subject("progressed-before", assessed=False)
    h.assess("progressed-before", 20, "PD")
    h.subject("lost-before", assessed=False)
    h.assess("lost-before", 14, "SD")
    h.subject("surgery-before")
    h.coded("procedure", "surgery", "surgery-before", performed_date=10, status="completed")
    return h


@pytest.fixture(scope="module")
def derived() -> Derived:
    return _hospital().derive(study(index=_index(28)))


def _row(frame: pd.DataFrame, patient: str, **where: Any) -> pd.Series:
    return only(frame, USUBJID=usubjid(KEY, "h", patient), **where)


@pytest.mark.parametrize(
    ("patient", "reason"),
    [
        ("stable", None),
        ("dead-before", "before-landmark"),
        ("dead-on-the-day", None),
        ("progressed-before", "before-landmark"),
        ("lost-before", "before-landmark"),
        ("surgery-before", "surgery"),
    ],
)
def test_who_reaches_it(derived: Derived, patient: str, reason: str | None) -> None:
    assert _row(derived.adsl, patient)["EXCLRSN"] == reason


def test_time_starts_there(derived: Derived) -> None:
    row = _row(derived.adtte, "stable", PARAMCD="PFS")
    assert row["AVAL"] == 60 - 28
    assert row["STARTDT"] == pd.Timestamp(day(28))
    assert (row["ADT"] - row["STARTDT"]).days == row["AVAL"]
    wide = _row(derived.analysis_table, "stable")
    assert wide["PFS_AVAL"] == 60 - 28
    assert _row(derived.analysis_table, "dead-on-the-day")["OS_AVAL"] == 0
    assert (derived.analysis_table[["PFS_AVAL", "OS_AVAL"]] >= 0).all(axis=None)


def test_what_censors_before_it_leaves_too(derived: Derived) -> None:
    """Sensitivity censor-surgery keeps who had surgery, but one before the landmark is no follow-up from there on."""
    assert _row(derived.variants["censor-surgery"].adsl, "surgery-before")["EXCLRSN"] == "before-landmark"


def test_without_one_nobody_leaves_for_it() -> None:
    assert "before-landmark" not in exclusion_reasons(study())
    assert "before-landmark" in exclusion_reasons(study(index=_index(28)))
    plain = _hospital().derive()
    assert _row(plain.adsl, "dead-before")["EXCLRSN"] != "before-landmark"
    assert _row(plain.adtte, "stable", PARAMCD="PFS")["AVAL"] == 60


def test_an_arm_by_what_is_done_up_to_it() -> None:
    """Twice: beads in a second session up to day 28. A session after the landmark changes no arm."""
    h = Hospital()
    for patient, second in (("second-on-28", 28), ("second-on-29", 29), ("once", None)):
        h.subject(patient, "old")
        if second is not None:
            h.act(patient, second, "new")
    h.subject("no-material", None)
    found = h.derive(study(index=_index(28), arm=ARMS)).adsl
    assert _row(found, "second-on-28")["EXCLRSN"] == "mixed-materials"  # old on day 0 and new by day 28: both arms
    assert _row(found, "once")["TRT01A"] == "Once"
    assert _row(found, "second-on-29")["TRT01A"] == "Once"
    assert _row(found, "second-on-29")["ARM_SWITCH"] == "Y"
    assert _row(found, "no-material")["EXCLRSN"] == "material-unknown"


def test_clauses_each_in_their_own_days() -> None:
    """Beads on the index day and again within four weeks, against beads on the index day and oil again."""
    arms = [
        {
            "id": arm,
            "label": arm,
            "all": [{"any_of": ["used_device:new"]}, {"any_of": [source], "window": "1..28"}],
        }
        for arm, source in (("Again", "used_device:new"), ("Then", "used_substance:old"))
    ]
    h = Hospital()
    for patient, material in (("again", "new"), ("then", "old"), ("never", None)):
        h.subject(patient)
        if material:
            h.act(patient, 14, material)
    found = h.derive(study(index=_index(28), arm=arms)).adsl
    assert _row(found, "again")["TRT01A"] == "Again"
    assert _row(found, "then")["TRT01A"] == "Then"
    assert _row(found, "never")["EXCLRSN"] == "material-unknown"
