"""Volume against what was to be expected: site by site, since the last run, and month by month.

A fall of more than 5 % since the last refresh, and a month outside mean ± 2 SD of the twelve before it, are PCORnet's
data checks. Months are judged as by the check ``month_volume_outside_2_sd`` (``expectations.volume.outside``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import stdev
from typing import TYPE_CHECKING

import numpy as np

from analysis.dashboard.grid import NOT_APPLICABLE, WINDOW, Grid
from analysis.dashboard.profiles import Profiles

if TYPE_CHECKING:
    import pandas as pd

KEPT = 0.95
BEFORE, FEWEST = 12, 3
JUDGED_MONTHS = 3
SMALLEST_MEAN = 5.0
"""Months of a mean below it are not judged: the spread of so few is no news."""
MONTHS_CHECK = "month_volume_outside_2_sd"


@dataclass(frozen=True)
class Expected:
    """``since`` is the run from which on the volume lies more than 5 % below ``level``, -1 where it does not."""

    level: np.ndarray
    since: np.ndarray


@dataclass(frozen=True)
class Fall:
    """A table of a site that lost more than 5 % of its records from the last run to this one."""

    site: str
    table: str
    before: int
    now: int


@dataclass(frozen=True)
class Month:
    """A month outside the range (`around`) of the twelve before it."""

    site: str
    table: str
    month: str
    n: int
    patients: int
    low: float
    high: float


def expected(values: np.ndarray, least: int) -> Expected:
    """What earlier runs let one expect of the last: the highest median of 12 runs that lie before one of the last 30.

    So a fall does not wear off as the median comes down, and a growing volume is held against its newest level.
    ``values``: counts, any shape with the runs as its last axis; NaN is no count. ``level`` is NaN with fewer than 3
    earlier counts, or where there is none now. A fall is of more than 5 % and of at least ``least`` records.
    """
    runs = values.shape[-1]
    last = values[..., -1]
    places = range(max(1, runs - WINDOW), runs)
    levels = [_median(values[..., max(0, run - BEFORE) : run]) for run in places]
    level = np.fmax.reduce(levels) if levels else np.full(last.shape, np.nan)
    level = np.where(np.isnan(last), np.nan, level)
    kept = values >= KEPT * level[..., None]
    reached = runs - np.argmax(kept[..., ::-1], axis=-1)  # the run after the last one that kept the level
    fallen = (last < KEPT * level) & (level - last >= max(least, 1))
    return Expected(level, np.where(fallen, np.where(kept.any(axis=-1), reached, 0), -1))


def _median(values: np.ndarray) -> np.ndarray:
    """Along the runs, leaving out what is no count; NaN for fewer than three."""
    known = ~np.isnan(values)
    n = known.sum(axis=-1)
    ordered = np.sort(values, axis=-1)  # NaN comes last
    last = np.maximum(n - 1, 0)
    low, high = last // 2, last - last // 2
    middle = [np.take_along_axis(ordered, at[..., None], axis=-1)[..., 0] for at in (low, high)]
    return np.where(n >= FEWEST, (middle[0] + middle[1]) / 2, np.nan)


def falls(found: Profiles) -> list[Fall]:
    """Falls of more than 5 % since the last run, in the order of sites and tables."""
    if found.records.shape[2] < 2:
        return []
    before, now = found.records[:, :, -2], found.records[:, :, -1]
    places = np.argwhere((before > 0) & (now < KEPT * before))
    return [
        Fall(found.sites[s], found.tables[t], int(before[s, t]), int(now[s, t])) for s, t in places.tolist()
    ]  # fmt: skip


def odd_months(profile: pd.DataFrame, grid: Grid) -> list[Month]:
    """Of the last three whole months of the newest run those outside the range, in the order of sites and tables.

    None of a site's table where the check of months does not apply: past the data cut-off months run out by design.
    """
    closed = {
        (key.site, key.table)
        for line, key in enumerate(grid.keys)
        if key.check == MONTHS_CHECK and grid.status[line, -1] == NOT_APPLICABLE
    }
    rows = profile[(profile["kind"] == "month") & (profile["run"] == grid.newest.id)]
    place = {site: i for i, site in enumerate(grid.sites)}
    groups = {(str(site), str(table)): part for (site, table), part in rows.groupby(["site", "table"], observed=True)}
    order = sorted(groups, key=lambda one: (place.get(one[0], 0), one[1]))
    return [month for one in order if one not in closed for month in _odd(*one, groups[one], grid.newest.started)]


def _odd(site: str, table: str, rows: pd.DataFrame, started: datetime) -> Iterator[Month]:
    numbers = np.array([int(key[:4]) * 12 + int(key[5:7]) - 1 for key in rows["key"].astype(str)])
    last = started.year * 12 + started.month - 2  # the month before the run's: it is over
    first = int(numbers.min())
    if last - first < BEFORE:
        return
    n, patients = np.zeros(last - first + 1, dtype=int), np.zeros(last - first + 1, dtype=int)
    over = numbers <= last
    n[numbers[over] - first] = rows["n"].to_numpy(dtype=int)[over]
    patients[numbers[over] - first] = rows["patients"].to_numpy(dtype=int)[over]
    for at in range(len(n) - 1, max(len(n) - 1 - JUDGED_MONTHS, BEFORE - 1), -1):
        mean, spread = around(n[at - BEFORE : at].tolist())
        if mean >= SMALLEST_MEAN and abs(int(n[at]) - mean) > spread:
            year, month = divmod(first + at, 12)
            low, high = max(0.0, mean - spread), mean + spread
            yield Month(site, table, f"{year}-{month + 1:02}", int(n[at]), int(patients[at]), low, high)


def around(before: Sequence[int]) -> tuple[float, float]:
    """The mean of the months before, and how far from it a month may lie: two sample standard deviations, of at least
    the square root of the mean (what counts vary by themselves)."""
    mean = sum(before) / len(before)
    return mean, 2 * max(stdev(before), math.sqrt(mean))
