"""The course of each check over 30 runs: drawn where something happened, told in one line where nothing did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from analysis.dashboard import small_counts
from analysis.dashboard.grid import ABSENT, ERROR, FAIL, NOT_APPLICABLE, PASS, STATUSES, WINDOW, WITHIN, Grid, Key
from analysis.dashboard.heat import CSS, WORDS
from analysis.dashboard.sparkline import sparkline, told
from analysis.pages.statuses import SIGNS

MOST = 1000
"""Lines drawn on one page; what fails now comes first where there are more."""

OVER = 1.25
"""Times the threshold at which a failure of few is drawn."""


@dataclass(frozen=True)
class Trend:
    """One check on one table of one site. ``failed``: of the last runs, in how many."""

    line: int
    key: Key
    css: str
    sign: str
    word: str
    part: str
    failed: int
    first_seen: int | None
    spark: Markup
    told: str


@dataclass(frozen=True)
class Quiet:
    """A check with lines in which nothing happened: how many, of how many; ``silent`` of these were judged within the
    last runs and are no longer."""

    check: str
    lines: int
    silent: int
    of: int


@dataclass(frozen=True)
class Trends:
    drawn: tuple[Trend, ...]
    quiet: tuple[Quiet, ...]
    left_out: int


def trends(grid: Grid, least: int) -> Trends:
    """Something happened where a check failed, could not be computed, or now passed without and now with violations,
    within the last 30 runs."""
    recent = grid.status[:, -WINDOW:]
    happened = np.asarray(
        (recent >= FAIL).any(axis=1) | ((recent == PASS).any(axis=1) & (recent == WITHIN).any(axis=1))
    )
    silent = ~happened & (recent[:, -1] <= NOT_APPLICABLE) & (recent >= PASS).any(axis=1)
    lines = np.flatnonzero(happened)
    if len(lines) > MOST:
        now = grid.status[lines, -1]
        kept = set(lines[np.argsort(-now, kind="stable")][:MOST].tolist())
    else:
        kept = set(lines.tolist())
    drawn = tuple(_trend(grid, line, least) for line in lines.tolist() if line in kept)
    counts: dict[str, list[int]] = {}
    for line, key in enumerate(grid.keys):
        three = counts.setdefault(key.check, [0, 0, 0])
        three[0] += not happened[line]
        three[1] += bool(silent[line])
        three[2] += 1
    quiet = tuple(Quiet(check, *three) for check, three in counts.items() if three[0])
    return Trends(drawn, quiet, len(lines) - len(kept))


def _trend(grid: Grid, line: int, least: int) -> Trend:
    key, now = grid.keys[line], int(grid.status[line, -1])
    recent = grid.status[line, -WINDOW:]
    course = shares_of(grid, line, least)
    threshold = grid.latest[line].get("threshold")
    limit = None if threshold is None or threshold != threshold else float(threshold)
    title = f"{key.name}, {key.table}, {grid.label(key.site)}"
    stops = bool(grid.stops[line, -1])
    return Trend(
        line,
        key,
        "s" if stops else CSS[now],
        SIGNS.get(STATUSES[now], "\u00b7"),
        "stops" if stops else WORDS[now],
        _part(grid, line, least),
        int((recent >= FAIL).sum()),
        grid.first_seen(line) if now >= FAIL else None,
        sparkline(f"t{line}", title, _drawn(course, recent, limit), "%", limit, beside=True),
        told(course, "%"),
    )


def shares_of(grid: Grid, line: int, least: int) -> np.ndarray:
    """The percentages of violations of a line in the last 30 runs, as `small_counts.shares`; NaN where not judged."""
    recent = grid.status[line, -WINDOW:]
    numerator, denominator = grid.numerator[line, -WINDOW:], grid.denominator[line, -WINDOW:]
    course = small_counts.shares(numerator, denominator, least, recent == FAIL)
    return np.where((recent == ERROR) | (recent <= NOT_APPLICABLE), np.nan, course)


def _drawn(course: np.ndarray, status: np.ndarray, limit: float | None) -> np.ndarray:
    """The course with failures of few drawn over the threshold: how far is not told, on which side is."""
    return np.where((course == small_counts.FEW) & (status == FAIL) & bool(limit), OVER * (limit or 0), course)


def _part(grid: Grid, line: int, least: int) -> str:
    n, whole = grid.numerator[line, -1], grid.denominator[line, -1]
    if np.isnan(n) or np.isnan(whole) or grid.status[line, -1] in (ABSENT, NOT_APPLICABLE, ERROR):
        return ""
    return small_counts.part(int(n), int(whole), least)
