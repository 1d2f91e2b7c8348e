"""What lies one click below, in words: falls, odd months, freshness, every check with its definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.dashboard import clock
from analysis.dashboard.freshness import stillness
from analysis.dashboard.gate import NOT_WHOLE
from analysis.dashboard.grid import Grid
from analysis.dashboard.profiles import Profiles
from analysis.dashboard.volume import falls, odd_months
from analysis.pages import formats

if TYPE_CHECKING:
    import pandas as pd

FIELDS = ("id", "table", "category", "context", "severity", "action", "scope", "reason", "consequence")
NEWER, STILL, NEVER = "k", "f", "n"


@dataclass(frozen=True)
class FallRow:
    site: str
    table: str
    before: str
    now: str
    by: str


@dataclass(frozen=True)
class MonthRow:
    site: str
    table: str
    month: str
    n: str
    expected: str
    side: str


@dataclass(frozen=True)
class Newest:
    """A cell of the table of newest records."""

    css: str
    text: str
    flag: str = ""


def fall_rows(found: Profiles, least: int) -> list[FallRow]:
    """Falls since the last run; where what is left, or what went, is few, it is not told how many."""
    rows = []
    for one in falls(found):
        small = 0 < one.now < least or one.before < least or one.before - one.now < least
        by = "small counts" if small else f"{formats.decimal(100 * (one.before - one.now) / one.before, 0)}\u00a0%"
        before, now = ("", "") if small else (formats.integer(one.before), formats.integer(one.now))
        rows.append(FallRow(one.site, one.table, before or "not shown", now or "not shown", by))
    return rows


def month_rows(profile: pd.DataFrame, grid: Grid, least: int) -> list[MonthRow]:
    """Months outside the range of the twelve before, with that range."""
    rows = []
    for one in odd_months(profile, grid):
        few = 0 < one.patients < least or 0 < one.n < least
        month = f"{clock.MONTHS[int(one.month[5:]) - 1]} {one.month[:4]}"
        n = f"of fewer than {least} patients" if few else formats.integer(one.n)
        side = "above" if one.n > one.high else "below"
        around = f"{formats.integer(one.low)} to {formats.integer(one.high)}"
        rows.append(MonthRow(one.site, one.table, month, n, around, side))
    return rows


def freshness(found: Profiles, now: datetime) -> list[list[Newest]]:
    """A line a table, a cell a site: the newest record, and whether it has been still for longer than ever."""
    return [
        [_newest(found.newest[site, table], now) for site in range(len(found.sites))]
        for table in range(len(found.tables))
    ]


def _newest(days: np.ndarray, now: datetime) -> Newest:
    known = days[~np.isnan(days)]
    if not known.size:
        return Newest(NEVER, "no date")
    last = date.fromordinal(int(known[-1]))
    text = clock.day(last, year=last.year != now.year)
    if np.isnan(days[-1]):  # known from an earlier run alone: the site did not land whole in this one
        return Newest(NEVER, text, NOT_WHOLE)
    still = stillness(days)
    return Newest(STILL, text, f"still for {still.runs} runs") if still else Newest(NEWER, text)


def definitions(catalogue: Sequence[Mapping[str, Any]], grid: Grid) -> list[dict[str, str]]:
    """Every check with its definition, in the catalogue's order, then those that only the results know."""
    known = {str(one["id"]): one for one in catalogue}
    for key, said in zip(grid.keys, grid.latest, strict=True):
        known.setdefault(key.check, {**said, "id": key.check})
    return [_definition(one) for one in known.values()]


def _definition(one: Mapping[str, Any]) -> dict[str, str]:
    said = {name: _text(one.get(name)) for name in FIELDS}
    return {
        **said,
        "name": said["id"].replace("_", " "),
        "table": "every table" if said["table"] == "*" else said["table"],
        "threshold": _percent(one.get("threshold")) or "not said",
        "stop_above": _percent(one.get("stop_above")),
    }


def _percent(value: object) -> str:
    return f"{float(value):g} %" if _text(value) else ""  # type: ignore[arg-type]


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)
