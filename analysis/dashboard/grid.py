"""The checks of all runs as arrays: one line a check, table and site, one column a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from analysis.dashboard.clock import instant
from analysis.dashboard.history import History

STATUSES = ("", "NOT_APPLICABLE", "PASS", "PASS_WITH_VIOLATIONS", "FAIL", "ERROR")
"""In the order of weight; the empty one stands for a check that did not run."""
ABSENT, NOT_APPLICABLE, PASS, WITHIN, FAIL, ERROR = range(6)
WINDOW = 30
"""Runs that a line on the page shows."""


@dataclass(frozen=True)
class Key:
    """One line: a check on a table of a site; an empty site is the whole study."""

    check: str
    table: str
    site: str

    @property
    def name(self) -> str:
        return self.check.replace("_", " ")


@dataclass(frozen=True)
class Run:
    """One run with quality results. ``exit_code``: None while it has not ended. ``missing``: the sites that did not
    land whole, and of each the missing pieces by resource type."""

    id: str
    started: datetime
    exit_code: int | None = 0
    missing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """``status`` (indices of `STATUSES`), ``numerator``, ``denominator`` (NaN where absent), ``stops`` (and is not
    overridden): lines by runs. ``latest`` has what the newest run says of each line. Runs are oldest first."""

    runs: tuple[Run, ...]
    keys: tuple[Key, ...]
    sites: Mapping[str, str]
    status: np.ndarray
    numerator: np.ndarray
    denominator: np.ndarray
    stops: np.ndarray
    latest: tuple[Mapping[str, Any], ...]

    @property
    def newest(self) -> Run:
        return self.runs[-1]

    def label(self, site: str) -> str:
        """A site as people know it; the study itself where it is empty."""
        return self.sites.get(site, site) if site else "whole study"

    def failing(self, back: int = 1) -> np.ndarray:
        """Which lines fail or could not be computed, ``back`` runs from the end (1: the newest)."""
        return self.status[:, -back] >= FAIL

    def first_seen(self, line: int) -> int:
        """The run in which the failure of a line that fails now began: nothing but failures, or silence, since."""
        failing = self.status[line] >= FAIL
        ended = np.flatnonzero((self.status[line] == PASS) | (self.status[line] == WITHIN))
        after = int(ended[-1]) + 1 if ended.size else 0
        return after + int(np.argmax(failing[after:]))


def grid(history: History) -> Grid:
    """Set the rows of all runs side by side. The page needs at least one row."""
    said = {str(row["run"]): row for row in history.runs.to_dict("records")}
    checks = history.checks
    present = [run for run in pd.unique(checks["run"].astype(str)) if run in said]
    runs = tuple(sorted((_run(run, said[run]) for run in present), key=lambda r: (r.started, r.id)))
    sites = _sites(history)
    column = places_of(checks["run"], [run.id for run in runs])
    checks, column = checks[column >= 0], column[column >= 0]
    names = [str(one["id"]) for one in history.definitions]
    by_check, checks_in_order = _factors(checks["check_id"], names)
    by_table, tables = _factors(checks["table"], [])
    by_site, places = _factors(checks["site"], ["", *sites])
    line = (by_check * len(tables) + by_table) * len(places) + by_site
    lines, row = np.unique(line, return_inverse=True)
    keys = tuple(
        Key(
            checks_in_order[n // (len(tables) * len(places))],
            tables[n // len(places) % len(tables)],
            places[n % len(places)],
        )
        for n in lines.tolist()
    )
    shape = (len(keys), len(runs))
    status = np.zeros(shape, dtype=np.int8)
    status[row, column] = _factors(checks["status"], list(STATUSES))[0]
    numerator, denominator = np.full(shape, np.nan), np.full(shape, np.nan)
    numerator[row, column] = checks["numerator"].to_numpy(dtype=float)
    denominator[row, column] = checks["denominator"].to_numpy(dtype=float)
    overridden = checks["overridden"].fillna("").astype(str).to_numpy() != ""
    stops = np.zeros(shape, dtype=bool)
    stops[row, column] = checks["stops"].to_numpy(dtype=bool) & ~overridden
    latest: list[Mapping[str, Any]] = [{}] * len(keys)
    now = column == len(runs) - 1
    for place, record in zip(row[now].tolist(), checks[now].to_dict("records"), strict=True):
        latest[place] = {str(k): v for k, v in record.items()}
    return Grid(runs, keys, sites, status, numerator, denominator, stops, tuple(latest))


def _run(run: str, said: Mapping[Any, Any]) -> Run:
    code = said["exit_code"]
    ended = None if code is None or code != code else int(code)
    return Run(run, instant(str(said["started"])), ended, said.get("missing") or {})


def _sites(history: History) -> dict[str, str]:
    """The sites of the file in its order; then those that only results name."""
    named = {str(k): str(v) for k, v in history.sites.items()}
    for frame in (history.checks, history.subjects, history.profile):
        for site in sorted(pd.unique(frame["site"].astype(str))) if len(frame) else ():
            if site and site not in named:
                named[site] = site
    return named


def _factors(column: pd.Series[Any], first: list[str]) -> tuple[np.ndarray, list[str]]:
    """Codes of a text column, and the texts: those of ``first`` in their order, then the rest as they come."""
    found, texts = pd.factorize(column.astype(object).fillna(""))
    known = [str(text) for text in texts]
    order = [*first, *(text for text in dict.fromkeys(known) if text not in set(first))]
    place = {text: i for i, text in enumerate(order)}
    return np.array([place[text] for text in known] or [0])[found], order


def places_of(column: pd.Series[Any], order: list[str]) -> np.ndarray:
    """The place of each value in ``order``, -1 where it has none."""
    found, texts = pd.factorize(column)
    place = {text: i for i, text in enumerate(order)}
    return np.array([place.get(str(text), -1) for text in texts] or [-1])[found]
