"""Which five problems are shown, and what is said of them. Oracle: counts of subjects written by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from analysis.dashboard.grid import Key, grid
from analysis.dashboard.history import History
from analysis.dashboard.opening import problem_rows
from analysis.dashboard.problems import Acknowledgement, acknowledgement, problems
from tests.fixtures.quality_history import NOW, lines

TOUCHED = ["run", "check_id", "table", "site", "outcome", "subjects", "lost"]
SUBJECTS = ["run", "site", "outcome", "screened", "analysed", "dropped", "usable", "lost"]


def _with(courses: dict[str, str], touched: dict[str, tuple[int, int]]) -> History:
    """Checks on one table of one site, and the subjects each touches and removes of PFS, of 200."""
    made = lines({(check, "t", "site0"): course for check, course in courses.items()})
    rows = [
        (run, check, "t", "site0", "PFS", n, lost) for run in made.runs["run"] for check, (n, lost) in touched.items()
    ]
    subjects = [(run, "site0", "PFS", 220, 190, 10, 150, 50) for run in made.runs["run"]]
    return replace(made, touched=pd.DataFrame(rows, columns=TOUCHED), subjects=pd.DataFrame(subjects, columns=SUBJECTS))


def _names(made: History) -> list[str]:
    found = grid(made)
    return [found.keys[problem.line].check for problem in problems(made, found, NOW.date())]


def test_most_subjects_first_and_what_passes_is_none() -> None:
    made = _with({"a": "f", "b": "f", "c": "p", "d": "e"}, {"a": (20, 0), "b": (60, 0), "c": (90, 0), "d": (30, 0)})
    assert _names(made) == ["b", "d", "a"]


def test_small_counts_are_not_ordered_among_themselves() -> None:
    made = _with({"a": "f", "b": "f", "c": "f", "d": "f"}, {"a": (1, 0), "b": (4, 0), "c": (0, 0), "d": (6, 0)})
    assert _names(made) == ["d", "a", "b", "c"]


def test_of_those_that_touch_nobody_what_stops_comes_first_and_five_are_shown() -> None:
    made = _with({"a": "f", "b": "f", "c": "s", "d": "f", "e": "f", "g": "f"}, {"e": (9, 0)})
    assert _names(made) == ["e", "c", "a", "b", "d"]


@pytest.mark.parametrize(
    ("touched", "lost", "said"),
    [
        (40, 0, ""),
        (40, 40, "all of them are lost"),
        (40, 20, "20 of them are lost"),
        (40, 3, "some of them are lost"),
        (40, 37, "some of them are lost"),
    ],
)
def test_how_many_are_lost_gives_no_few_away(touched: int, lost: int, said: str) -> None:
    made = _with({"a": "ff"}, {"a": (touched, lost)})
    found = grid(made)
    (row,) = problem_rows(found, problems(made, found, NOW.date()), made, NOW)
    assert row.lost == said
    assert row.part == "40 of 200 (20.0\u00a0%) in PFS"  # of those dropped and those analysed


def test_an_error_has_no_course_of_violations() -> None:
    made = _with({"a": "pe"}, {})
    found = grid(made)
    (row,) = problem_rows(found, problems(made, found, NOW.date()), made, NOW)
    assert row.part == "no analysed subject"
    assert "0 % in 1, nothing in 1" in row.spark


@pytest.mark.parametrize(
    ("check", "table", "site", "fits"),
    [
        ("a", "", "", True),
        ("a", "t", "site0", True),
        ("a", "u", "", False),
        ("a", "", "site1", False),
        ("b", "", "", False),
    ],
)
def test_an_acknowledgement_fits_by_check_table_and_site(check: str, table: str, site: str, fits: bool) -> None:
    columns = ["check_id", "table", "site", "name", "note", "until"]
    known = pd.DataFrame([(check, table, site, "B. Example", "known", "2026-12-31")], columns=columns)
    found = acknowledgement(known, Key("a", "t", "site0"), NOW.date())
    assert (found == Acknowledgement("B. Example", "known", date(2026, 12, 31))) is fits


@pytest.mark.parametrize(
    ("ends", "wanted"),
    [
        (("2026-11-01", "2026-12-31"), "2026-12-31"),
        (("2026-12-31", "2026-11-01"), "2026-12-31"),
        (("2026-11-01", "2026-11-27", "2026-12-31"), "2026-11-27"),  # today is not over; the first that holds
        (("2026-10-01", "2026-11-01", "2026-09-01"), "2026-11-01"),  # all are over: the last to end
        (("2026-11-01", ""), None),  # one without an end
    ],
)
def test_an_acknowledgement_that_is_over_hides_none_that_holds(ends: tuple[str, ...], wanted: str | None) -> None:
    columns = ["check_id", "table", "site", "name", "note", "until"]
    known = pd.DataFrame([("a", "", "", "B. Example", "known", end) for end in ends], columns=columns)
    found = acknowledgement(known, Key("a", "t", "site0"), date(2026, 11, 27))
    assert found is not None
    assert found.until == (date.fromisoformat(wanted) if wanted else None)


def test_an_acknowledgement_holds_to_the_end_of_its_day() -> None:
    one = Acknowledgement("B. Example", "known", date(2026, 12, 31))
    assert not one.over(date(2026, 12, 31))
    assert one.over(date(2027, 1, 1))


def test_runs_are_ordered_by_their_start_and_not_by_their_name() -> None:
    made = lines({("a", "t", "site0"): "pf"})
    names = dict(zip(made.runs["run"], ("z", "a"), strict=True))
    renamed = replace(
        made,
        runs=made.runs.assign(run=made.runs["run"].map(names)),
        checks=made.checks.assign(run=made.checks["run"].map(names)),
    )
    assert [run.id for run in grid(renamed).runs] == ["z", "a"]
    assert grid(renamed).failing().tolist() == [True]
