"""Rows of adverse events. Oracle: counted by hand on a table small enough to see."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.stats.adverse_events import add_adverse_events
from analysis.stats.disclosure import suppress
from analysis.stats.rows import Rows
from analysis.study.model import Study
from tests.fixtures.made_up_study import made_up_study
from tests.fixtures.sample_frames import sample_results

TABLE = pd.DataFrame({"USUBJID": list("abcdef"), "TRT01A": ["New"] * 4 + ["Old"] * 2, "SITEID": ["x"] * 5 + ["silent"]})
SEEN = [
    ("a", "EVENT", "fever", "1"),
    ("a", "EVENT", "fever", "3"),
    ("a", "EVENT", "pain", None),
    ("b", "EVENT", "fever", None),
    ("b", "ABSENT", "pain", None),
    ("c", "LOOKED", "ward-round", None),
    ("left-out", "EVENT", "fever", "5"),
    ("e", "ABSENT", "fever", None),
]
ADAE = pd.DataFrame(SEEN, columns=["USUBJID", "PARAMCD", "AEDECOD", "ATOXGR"])


def _study(*looked: str) -> Study:
    whole = made_up_study(("New", "Old")).model_dump(by_alias=True)
    asked = {"window": "0..30", "events": [{"list": "fever"}, {"list": "pain"}], "looked": looked}
    return Study.model_validate({**whole, "adverse_events": asked})


def _rows(adae: pd.DataFrame | None, study: Study) -> pd.DataFrame:
    rows = Rows()
    add_adverse_events(rows, study, adae, TABLE)
    return rows.frame().set_index("id")


@pytest.mark.parametrize(
    ("row", "value", "n"),
    [
        ("fever..New.recorded.", 3, 4),  # a and b have it, of c someone looked; d is not known
        ("fever.any.New.count.", 2, 3),
        ("fever.any.New.percent.", 200 / 3, 3),
        ("fever.3.New.count.", 1, 3),  # the worst of two grades
        ("fever.1.New.count.", 0, 3),
        ("fever.unknown.New.count.", 1, 3),
        ("fever.>=3.New.percent.", 100 / 3, 3),
        ("pain..New.recorded.", 3, 4),
        ("pain.any.New.percent.", 100 / 3, 3),
        ("any.any.New.count.", 2, 3),
        ("any.3.New.count.", 1, 3),
        ("fever..Old.recorded.", 1, 2),
        ("fever.any.Old.percent.", 0, 1),  # said to be absent: this 0 is known
        ("fever.any.total.count.", 2, 4),
        ("site.x.total.recorded.", 4, 5),
        ("site.silent.total.recorded.", 0, 1),
    ],
)
def test_by_hand(row: str, value: float, n: int) -> None:
    found = _rows(ADAE, _study("ward-round")).loc[f"adverse_events.{row}"]
    assert found["value"] == pytest.approx(value)
    assert found["n"] == n


def test_what_is_not_known_is_said() -> None:
    rows = _rows(ADAE, _study("ward-round"))
    for row in ("pain.any.Old.count.", "pain.any.Old.percent.", "any.any.Old.percent."):
        found = rows.loc[f"adverse_events.{row}"]
        assert pd.isna(found["value"])
        assert found["warning"] == "NE: not recorded"
    assert rows.loc["adverse_events.fever.>=3.New.count.", "warning"] == "events of unknown grade are not in it"
    assert rows.loc["adverse_events.site.silent.total.recorded.", "warning"] == "nothing is recorded at this site"


def test_an_event_of_unknown_grade_beside_a_mild_one_may_be_severe() -> None:
    seen = [("d", "EVENT", "fever", "1"), ("d", "EVENT", "fever", None), ("f", "EVENT", "fever", "4")]
    rows = _rows(pd.DataFrame(seen, columns=ADAE.columns), _study("ward-round"))
    assert rows.loc["adverse_events.fever.1.New.count.", "value"] == 1
    assert rows.loc["adverse_events.fever.>=3.New.count.", "warning"] == "events of unknown grade are not in it"
    assert rows.loc["adverse_events.fever.>=3.Old.count.", "warning"] == ""
    severe = [*seen[2:], ("f", "EVENT", "fever", None)]
    rows = _rows(pd.DataFrame(severe, columns=ADAE.columns), _study("ward-round"))
    assert rows.loc["adverse_events.fever.>=3.Old.count.", "warning"] == ""  # counted already, whatever the other is


def test_without_a_record_that_someone_looked_there_is_no_percentage() -> None:
    rows = _rows(ADAE, _study())
    shares = rows[rows["statistic"] == "percent"]
    assert shares["value"].isna().all()
    assert rows.loc["adverse_events.fever.any.New.count.", "value"] == 2
    told = rows.loc["adverse_events.fever.any.New.percent.", "warning"]
    assert told == "NE: the study names nothing that shows that someone looked"


def test_none_of_it_leaves_with_a_minimum() -> None:
    out = suppress(_rows(ADAE, _study("ward-round")).reset_index(), 2)
    assert out["value"].isna().all()
    assert out["n"].isna().all()


def test_the_sample_study_says_not_recorded_and_never_zero() -> None:
    """The paper reports no adverse events."""
    rows = sample_results().query("parameter == 'adverse_events' and statistic in ('count', 'percent')")
    assert len(rows) == 4 * 3 * 8 * 2  # three events and any, both arms and total, eight levels
    assert rows["value"].isna().all()
    assert (rows["warning"] == "NE: not recorded").all()


def test_a_study_that_does_not_ask_gets_no_rows() -> None:
    assert _rows(ADAE, made_up_study(("New", "Old"))).empty
