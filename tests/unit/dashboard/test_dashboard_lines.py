"""Sparklines, heat map and trends. Oracle: paths, words and cells written by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from analysis.dashboard.grid import grid
from analysis.dashboard.heat import Cell, heat
from analysis.dashboard.small_counts import FEW
from analysis.dashboard.sparkline import path, sparkline, told
from analysis.dashboard.trends import trends
from tests.fixtures.quality_history import lines

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([0, 0, 0], "M85 18h6"),
        ([0, 0, 10, 10, 10, NAN, NAN, 0, 0], "M67 18h3l3 -16h6M88 18h3"),
        ([0, 10, 5], "M85 18l3 -16l3 8"),
        ([10, NAN, 10, 0], "M82 2h1M88 2l3 16"),
        ([NAN, 10], "M91 2h1"),
        ([0, FEW, 10], "M85 18l3 -3l3 -13"),
        ([NAN, NAN], "M0 0"),
    ],
)
def test_a_path_is_of_whole_numbers_and_ends_at_the_right(values: list[float], drawn: str) -> None:
    """93 wide, 20 high: the ground at 18, the top at 2, a run every 3."""
    assert path(np.array(values, dtype=float), 0.0, 10.0, 93) == drawn


@pytest.mark.parametrize(
    ("values", "unit", "words"),
    [
        ([0, 0, 3.14, FEW, FEW], "%", "0 % in 2 runs, 3.1 % in 1, few in 2"),
        ([49.8, 50.2, 9.96], "%", "50 % in 2 runs, 10.0 % in 1"),
        ([1200, 1200], "", "1\u202f200 in 2 runs"),
        ([NAN, 5], "", "nothing in 1, 5 in 1"),
    ],
)
def test_a_line_in_words(values: list[float], unit: str, words: str) -> None:
    assert told(np.array(values, dtype=float), unit) == words


def test_the_threshold_lies_across_and_the_scale_reaches_it() -> None:
    drawn = sparkline("k", "Title <b>", [0, 5], "%", threshold=10.0)
    assert '<path class="limit" d="M0 2h91"/>' in drawn
    assert 'd="M86 18l3 -8"' in drawn
    assert '<title id="k">Title &lt;b&gt;</title>' in drawn
    assert "accepted up to 10 %" in drawn


@pytest.mark.parametrize(("values", "low"), [([100, 90], 80), ([100, 60], 50), ([100, 10], 0), ([100, FEW], 0)])
def test_a_scale_that_need_not_begin_at_zero(values: list[float], low: float) -> None:
    (drawn,) = re.findall(r'<path d="([^"]*)"', sparkline("k", "t", values, from_zero=False))
    assert drawn == path(np.array(values, dtype=float), low, 100.0, 91)


def test_a_cell_holds_the_heaviest_status_of_its_tables() -> None:
    courses = {
        ("a", "one", "site0"): "p", ("a", "two", "site0"): "f", ("a", "three", "site0"): "n",
        ("a", "four", "site0"): ".",
        ("a", "one", "site1"): "w", ("a", "two", "site1"): "w",
        ("b", "one", "site0"): "f", ("b", "two", "site0"): "s", ("b", "one", "site1"): "p",
        ("c", "one", "site0"): "n", ("c", "one", ""): "e",
    }  # fmt: skip
    places, rows = heat(grid(lines(courses)))
    assert places == ["", "site0", "site1"]
    assert {row.check: (row.worst, row.cells) for row in rows} == {
        "a": ("f", (Cell("a", "", ""), Cell("f", "✗", "fail", "1/3"), Cell("w", "◐", "some", "2/2"))),
        "b": ("f", (Cell("a", "", ""), Cell("s", "✗", "stops", "2/2"), Cell("p", "✓", "pass"))),
        "c": ("e", (Cell("e", "!", "error"), Cell("n", "○", "n/a"), Cell("a", "", ""))),
    }


@pytest.mark.parametrize(
    ("course", "drawn", "silent"),
    [
        ("ppp", False, 0), ("www", False, 0), ("ppw", True, 0), ("pwp", True, 0), ("pfp", True, 0), ("pep", True, 0),
        ("nnn", False, 0), ("ppn", False, 1), ("pp.", False, 1), ("npp", False, 0), ("fnn", True, 0),
    ],
)  # fmt: skip
def test_a_trend_is_drawn_where_something_happened(course: str, drawn: bool, silent: int) -> None:
    found = trends(grid(lines({("a", "t", "site0"): course, ("b", "t", "site0"): "ppp"})), 5)
    assert [one.key.check for one in found.drawn] == ["a"] * drawn
    quiet = {one.check: (one.lines, one.silent, one.of) for one in found.quiet}
    assert quiet.get("a", (0, 0, 1)) == (int(not drawn), silent, 1)
    assert quiet["b"] == (1, 0, 1)


def test_what_was_not_judged_is_a_gap() -> None:
    made = lines({("a", "t", "site0"): "pfenf"})
    made.checks["denominator"] = 1000  # whatever else a crashed check left
    (found,) = trends(grid(made), 5).drawn
    assert found.told == "0 % in 1, 10 % in 1, nothing in 2, 10 % in 1"
    assert (found.failed, found.first_seen, found.word) == (3, 1, "fail")


@pytest.mark.parametrize(
    ("violations", "course", "side"),
    [(103, "f", "above"), (97, "w", "below"), (100, "w", "on"), (3, "f", "above"), (3, "w", "below")],
)
def test_a_line_lies_on_its_side_of_the_threshold(violations: int, course: str, side: str) -> None:
    """Accepted up to 10 % of 1000, whatever the rounding; three fail of fewer than thirty."""
    made = lines({("a", "t", "site0"): "p" + course})
    made.checks["threshold"] = 10.0
    made.checks["denominator"] = 1000 if violations > 50 else 25
    made.checks.loc[made.checks.index[-1], "numerator"] = violations
    (found,) = trends(grid(made), 5).drawn
    limit, ends = re.findall(r'd="M\d+ (\d+)(?:h\d+|l3 (-?\d+))"', found.spark)
    at = int(ends[0]) + int(ends[1])
    assert {"above": at < int(limit[0]), "below": at > int(limit[0]), "on": at == int(limit[0])}[side]


def test_more_trends_than_a_page_holds_keep_what_fails_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.dashboard.trends.MOST", 2)
    courses = {
        ("a", "t", "site0"): "fp",
        ("b", "t", "site0"): "pf",
        ("c", "t", "site0"): "pw",
        ("d", "t", "site0"): "pe",
    }
    found = trends(grid(lines(courses)), 5)
    assert ([one.key.check for one in found.drawn], found.left_out) == (["b", "d"], 2)
