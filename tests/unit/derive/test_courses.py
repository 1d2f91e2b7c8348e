"""Waterfall and swimmer. Oracle: each expected row follows by hand from the few visits of the subject."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.derive.courses import swimmer, waterfall
from tests.unit.derive.test_deriving_lesions import Clinic, course


def _two() -> Clinic:
    clinic = course((60, 30), (120, 40), (180, 10))  # progression on day 120: the shrinking after it does not count
    clinic.subject("p2", "old")
    return clinic


def test_the_best_change_up_to_progression() -> None:
    bars = waterfall(_two().measured())
    assert list(bars["TRT01A"]) == ["New", "Old"]
    assert bars["PCHG"][0] == -40
    assert np.isnan(bars["PCHG"][1])


def test_without_measurements_there_is_no_bar() -> None:
    clinic = Clinic()
    clinic.subject()
    bars = waterfall(clinic.derive())
    assert len(bars) == 1
    assert bars["PCHG"].isna().all()


def test_the_course_of_a_subject() -> None:
    clinic = course((60, 30), (120, 40))
    clinic.rows["patient"][0]["deceased_date"] = "2020-08-01"
    rows = swimmer(clinic.measured("derived"))
    found = list(zip(rows["DAY"], rows["EVENT"], rows["DETAIL"], strict=True))
    assert [one for one in found if one[1] != "last alive"] == [
        (60, "assessment", "PR"),
        (60, "response", "PR"),
        (120, "assessment", "PD"),
        (120, "progression", "PD"),
        (153, "death", None),
    ]


def test_sessions_after_the_index_day_are_events() -> None:
    """A material of the same day is no further session, and the index session is no event."""
    derived = course((60, 30)).measured("derived")
    (one,) = derived.analysis_table["USUBJID"]
    table = pd.DataFrame(
        {"USUBJID": one, "PARAMCD": ["SESSION", "SESSION", "MATERIAL", "SESSION"], "ADY": [0, 40, 40, 90]}
    )
    rows = swimmer(replace(derived, adex=table))
    assert list(rows.loc[rows["EVENT"] == "session", "DAY"]) == [40, 90]
