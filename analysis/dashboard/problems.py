"""The problems that touch most subjects in an outcome, with first seen and who has acknowledged them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.dashboard.grid import WINDOW, Grid, Key
from analysis.dashboard.history import History

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5
_WEIGHT = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class Acknowledgement:
    """Who knows of a problem, until when, and what they say."""

    name: str
    note: str
    until: date | None

    def over(self, today: date) -> bool:
        return self.until is not None and self.until < today


@dataclass(frozen=True)
class Problem:
    """A line of the grid that fails. ``touched``: the outcome of which it touches most subjects, of ``eligible``;
    ``lost`` of them it removes; ``others`` are further outcomes it touches. ``course``: subjects, run by run."""

    line: int
    outcome: str
    touched: int
    eligible: int
    lost: int
    others: tuple[str, ...]
    course: np.ndarray
    acknowledged: Acknowledgement | None


def problems(history: History, grid: Grid, today: date) -> list[Problem]:
    """The five problems of the newest run that touch most subjects; then, up to five, those that touch none.

    Small counts are all alike here: their order would tell them apart.
    """
    failing = np.flatnonzero(grid.failing()).tolist()
    touched = _touched(history.touched, grid)
    eligible = _eligible(history.subjects, grid.newest.id)
    least = history.min_count

    def weight(line: int) -> tuple[int, int, int, int]:
        counts = touched.get((grid.newest.id, grid.keys[line]), {})
        most = max((subjects for subjects, _ in counts.values()), default=0)
        said = grid.latest[line]
        return (-(max(most, least) if most else 0), not grid.stops[line, -1], _severity(said), line)

    found = []
    for line in sorted(failing, key=weight)[:SHOWN]:
        key = grid.keys[line]
        counts = touched.get((grid.newest.id, key), {})
        outcome = max(counts, key=lambda o: max(counts[o][0], least), default="")
        subjects, lost = counts.get(outcome, (0, 0))
        whole = eligible.get((key.site, outcome), 0) or sum(n for (_, o), n in eligible.items() if o == outcome)
        course = [
            max((n for n, _ in touched.get((run.id, key), {}).values()), default=0) if grid.status[line, at] else np.nan
            for at, run in list(enumerate(grid.runs))[-WINDOW:]
        ]
        found.append(
            Problem(
                line, outcome, subjects, whole, lost, tuple(o for o in counts if o != outcome), np.array(course, float),
                acknowledgement(history.acknowledged, key, today),
            )
        )  # fmt: skip
    return found


def _severity(said: Mapping[str, Any]) -> int:
    return _WEIGHT.get(str(said.get("severity")), 3)


def _touched(frame: pd.DataFrame, grid: Grid) -> dict[tuple[str, Key], dict[str, tuple[int, int]]]:
    """Subjects touched and lost by run and line, by outcome, of the lines that fail now, in the last 30 runs."""
    wanted = {grid.keys[line] for line in np.flatnonzero(grid.failing())}
    checks, runs = {key.check for key in wanted}, {run.id for run in grid.runs[-WINDOW:]}
    rows = frame[frame["check_id"].isin(checks) & frame["run"].isin(runs) & (frame["subjects"] > 0)]
    columns = (rows[name] for name in ("run", "check_id", "table", "site", "outcome", "subjects", "lost"))
    found: dict[tuple[str, Key], dict[str, tuple[int, int]]] = {}
    for run, check, table, site, outcome, subjects, lost in zip(*columns, strict=True):
        key = Key(str(check), str(table), str(site))
        if key in wanted:
            found.setdefault((str(run), key), {})[str(outcome)] = (int(subjects), int(lost))
    return found


def _eligible(frame: pd.DataFrame, run: str) -> dict[tuple[str, str], int]:
    """Subjects that the study's own rules would analyse, dropped by checks or not: the same whole everywhere on the
    page, since two wholes would tell how many were dropped."""
    rows = frame[frame["run"] == run]
    n = rows["analysed"] + rows["dropped"]
    names = zip(rows["site"].astype(str), rows["outcome"].astype(str), n, strict=True)
    return {(site, outcome): int(n) for site, outcome, n in names}


def acknowledgement(frame: pd.DataFrame, key: Key, today: date) -> Acknowledgement | None:
    """The first acknowledgement that fits a line and is not over; where all are over, the one that ended last.

    An empty table or site fits all.
    """
    found = []
    for row in frame.to_dict("records"):
        fits = (row["check_id"] == key.check, _fits(row["table"], key.table), _fits(row["site"], key.site))
        if all(fits):
            until = str(row["until"] or "")[:10]
            end = date.fromisoformat(until) if until else None
            found.append(Acknowledgement(str(row["name"] or ""), str(row["note"] or ""), end))
    holding = [one for one in found if not one.over(today)]
    return holding[0] if holding else max(found, key=lambda one: one.until or date.min, default=None)


def _fits(said: object, place: str) -> bool:
    return said is None or said != said or said in ("", place)
