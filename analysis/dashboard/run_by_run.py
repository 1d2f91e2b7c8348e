"""The numbers behind the small lines of the first screen, run by run, for who reads instead of looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.dashboard import small_counts
from analysis.dashboard.grid import WINDOW, Grid
from analysis.dashboard.problems import Problem
from analysis.dashboard.profiles import Profiles
from analysis.dashboard.unmapped import Unmapped
from analysis.pages import formats


@dataclass(frozen=True)
class RunByRun:
    """A table: a line a run (its place in the grid, newest first), a column each line of the first screen."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def run_by_run(
    grid: Grid, counts: Profiles, problems: Sequence[Problem], codes: Unmapped, least: int
) -> list[RunByRun]:
    """The tables that have a column; counts of persons and records rounded as they are drawn."""
    volume = counts.total()[:, -WINDOW:]
    named = [f"{grid.keys[p.line].name}, {grid.label(grid.keys[p.line].site)}" for p in problems]
    made = [
        _table("Records", [grid.label(site) for site in counts.sites], list(volume), grid, least),
        _table("Subjects touched", named, [p.course for p in problems], grid, least),
        _table("Records with a code", [c.code for c in codes.codes], [c.course for c in codes.codes], grid, least),
    ]  # fmt: skip
    return [one for one in made if one.columns]


def _table(caption: str, columns: Sequence[str], series: Sequence[np.ndarray], grid: Grid, least: int) -> RunByRun:
    shown = [small_counts.rounded(one, least).tolist() for one in series]
    first = len(grid.runs) - min(WINDOW, len(grid.runs))
    rows = tuple(
        (first + at, tuple(_cell(one[at], least) for one in shown)) for at in reversed(range(len(grid.runs) - first))
    )
    return RunByRun(caption, tuple(columns), rows)


def _cell(value: float, least: int) -> str:
    if value != value:
        return "nothing"
    return f"fewer than {least}" if value == small_counts.FEW else formats.integer(value)
