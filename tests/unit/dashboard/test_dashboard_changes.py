"""What is new, worse, resolved or silent. Oracle: courses written by hand, one letter a run."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from analysis.dashboard.changes import changes
from analysis.dashboard.grid import grid
from tests.fixtures.quality_history import lines

KINDS = ("new", "worse", "resolved", "silent", "lately")


@pytest.mark.parametrize(
    ("course", "kinds"),
    [
        ("pppf", ["new"]),
        ("ppwf", ["new"]),
        ("pp.f", ["new"]),
        ("ppnf", ["new"]),
        ("pppe", ["new"]),
        ("pppp", []),
        ("ppff", ["lately"]),
        ("ffff", []),  # as long as anybody knows
        ("pffp", ["resolved"]),
        ("pffw", ["resolved"]),
        ("pfee", ["lately"]),
        ("pffe", ["worse", "lately"]),
        ("pfen", ["silent"]),
        ("pffn", ["silent"]),
        ("pff.", ["silent"]),
        ("pffs", ["worse", "lately"]),
        ("pfss", ["lately"]),
        ("pfoo", ["lately"]),
        ("pppn", []),
        ("pff" + "f" * 7, []),  # longer than a week of runs
    ],
)
def test_a_course_has_its_kinds(course: str, kinds: list[str]) -> None:
    found = changes(
        grid(lines({("check", "observation", "site0"): course, ("other", "observation", "site1"): "p" * len(course)}))
    )
    assert [kind for kind in KINDS if 0 in getattr(found, kind)] == kinds
    assert all(1 not in getattr(found, kind) for kind in KINDS)


@pytest.mark.parametrize(
    ("before", "now", "worse"), [(100, 110, True), (100, 109, False), (100, 90, False), (500, 560, True)]
)
def test_a_share_that_rose_by_a_tenth_is_worse(before: int, now: int, worse: bool) -> None:
    made = lines({("check", "observation", "site0"): "pff"})
    made.checks.loc[made.checks.index[-2:], "numerator"] = [before, now]
    assert bool(changes(grid(made)).worse) is worse


@pytest.mark.parametrize(
    ("course", "first"),
    [
        ("pppf", 3),
        ("pffp", None),
        ("pfpf", 3),
        ("pfff", 1),
        ("pfnf", 1),
        ("pf.f", 1),
        ("ffff", 0),
        ("nnff", 2),
        ("wffe", 1),
        ("ffwf", 3),
    ],
)
def test_first_seen_is_when_the_failure_began_without_a_pass_since(course: str, first: int | None) -> None:
    found = grid(lines({("check", "observation", "site0"): course}))
    assert (found.first_seen(0) if found.failing()[0] else None) == first


def test_a_first_run_has_no_changes() -> None:
    found = changes(grid(lines({("check", "observation", "site0"): "f"})))
    assert [getattr(found, kind) for kind in KINDS] == [()] * 5


def test_the_youngest_of_a_week_comes_first() -> None:
    courses = {("a", "t", "site0"): "pfff", ("b", "t", "site0"): "ppff", ("c", "t", "site1"): "ppff"}
    assert changes(grid(lines(courses))).lately == (1, 2, 0)


def test_the_order_of_rows_and_runs_changes_nothing() -> None:
    made = lines({("a", "t", "site0"): "pffp", ("b", "t", "site1"): "wfpe", ("b", "u", ""): "..pf"})
    shuffled = replace(
        made,
        checks=made.checks.sample(frac=1, random_state=3),
        runs=made.runs.sample(frac=1, random_state=4),
    )
    one, other = grid(made), grid(shuffled)
    assert one.runs == other.runs
    assert {key: one.status[i].tolist() for i, key in enumerate(one.keys)} == {
        key: other.status[i].tolist() for i, key in enumerate(other.keys)
    }


def test_runs_that_are_not_among_the_runs_do_not_count() -> None:
    made = lines({("a", "t", "site0"): "pfp"})
    found = grid(replace(made, runs=pd.DataFrame(made.runs.iloc[:2])))
    assert len(found.runs) == 2
    assert found.failing().tolist() == [True]
