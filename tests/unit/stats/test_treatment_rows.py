"""Rows of the treatment received. Oracle: counted by hand on a table small enough to see."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.stats.disclosure import suppress
from analysis.stats.rows import Rows
from analysis.stats.treatment import add_treatment
from analysis.study.model import Study
from tests.fixtures.made_up_study import made_up_study

ASKED = {"materials": ["beads", "oil"], "sizes": ["small"], "drugs": [{"list": "chemo", "unit": "mg"}]}
TABLE = pd.DataFrame({"USUBJID": list("abcde"), "TRT01A": ["New", "New", "New", "Old", "Old"]})
SEEN = [
    # subject, what, list, dose, session, day
    ("a", "SESSION", None, None, 1, 0),
    ("a", "SESSION", None, None, 2, 40),
    ("a", "SESSION", None, None, 3, 100),
    ("b", "SESSION", None, None, 1, 0),
    ("c", "SESSION", None, None, 1, 0),
    ("d", "SESSION", None, None, 1, 0),
    ("d", "SESSION", None, None, 2, 30),
    ("e", "SESSION", None, None, 1, 0),
    ("left-out", "SESSION", None, None, 1, 0),
    ("a", "MATERIAL", "beads", None, 1, 0),
    ("a", "MATERIAL", "oil", None, 2, 40),
    ("b", "MATERIAL", "beads", None, 1, 0),
    ("left-out", "MATERIAL", "oil", None, 1, 0),
    ("a", "DRUG", "chemo", 100.0, 1, 0),
    ("a", "DRUG", "chemo", 50.0, 2, 40),
    ("a", "DRUG", "chemo", None, 3, 100),
    ("b", "DRUG", "chemo", 60.0, 1, 0),
    ("c", "DRUG", "chemo", None, 1, 0),
]
ADEX = pd.DataFrame(SEEN, columns=["USUBJID", "PARAMCD", "AVALC", "AVAL", "ASEQ", "ADY"])


def _study(**asked: object) -> Study:
    whole = made_up_study(("New", "Old")).model_dump(by_alias=True)
    return Study.model_validate({**whole, "treatment": asked or ASKED})


def _rows(adex: pd.DataFrame | None, study: Study | None = None) -> pd.DataFrame:
    rows = Rows()
    add_treatment(rows, study or _study(), adex, TABLE)
    return rows.frame().set_index("id")


@pytest.mark.parametrize(
    ("row", "value", "n"),
    [
        ("sessions..New.recorded.", 3, 3),
        ("sessions..New.mean.", 5 / 3, 3),
        ("sessions..New.max.", 3, 3),
        ("sessions..Old.median.", 1.5, 2),
        ("sessions..total.recorded.", 5, 5),
        ("days_between..New.recorded.", 1, 3),
        ("days_between..New.mean.", 50, 1),
        ("days_between..total.median.", 40, 2),
        ("material..New.recorded.", 2, 3),
        ("material.beads.New.count.", 2, 2),
        ("material.beads.New.percent.", 100, 2),
        ("material.oil.New.percent.", 50, 2),
        ("material..Old.recorded.", 0, 2),
        ("drug.chemo.New.count.", 3, 3),
        ("dose.chemo.New.recorded.", 2, 3),
        ("dose.chemo.New.mean.", (75 + 60) / 2, 2),
    ],
)
def test_by_hand(row: str, value: float, n: int) -> None:
    found = _rows(ADEX).loc[f"treatment.{row}"]
    assert found["value"] == pytest.approx(value)
    assert found["n"] == n


@pytest.mark.parametrize("row", ["material.oil.Old.percent.", "size.small.New.count.", "dose.chemo.Old.mean."])
def test_not_recorded_is_never_none(row: str) -> None:
    found = _rows(ADEX).loc[f"treatment.{row}"]
    assert pd.isna(found["value"])
    assert found["warning"].startswith("NE: not recorded")


def test_nothing_derived_is_nothing_recorded() -> None:
    rows = _rows(None)
    assert (rows.loc[rows["statistic"] == "recorded", "value"] == 0).all()
    assert rows.loc[rows["statistic"] != "recorded", "value"].isna().all()
    assert set(rows["variable"]) == {"sessions", "days_between", "material", "size", "drug", "dose"}


def test_pseudonyms_and_order_change_nothing() -> None:
    other = ADEX.sample(frac=1, random_state=1).replace({"USUBJID": {"a": "z", "b": "y", "c": "x"}})
    table = TABLE.replace({"USUBJID": {"a": "z", "b": "y", "c": "x"}})
    rows = Rows()
    add_treatment(rows, _study(), other, table)
    pd.testing.assert_frame_equal(rows.frame().set_index("id"), _rows(ADEX))


def test_a_study_that_does_not_ask_gets_no_rows() -> None:
    assert _rows(ADEX, made_up_study(("New", "Old"))).empty


def test_none_of_it_leaves_with_a_minimum() -> None:
    rows = Rows()
    add_treatment(rows, _study(), ADEX, TABLE)
    out = suppress(rows.frame(), 2)
    assert out["value"].isna().all()
    assert out["n"].isna().all()
