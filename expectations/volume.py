"""Volume and freshness of a site's table against its earlier runs, on plain counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from statistics import median, stdev

LEAST_BEFORE = 50
"""Records a table must have had for a loss of some to count; the loss of all counts from ``LEAST_ALL`` on."""
LEAST_ALL = 5
LEAST_A_MONTH = 5
_YEAR = 12
LEAST_GAPS = 5
LEAST_DAYS = 7


def gone(now: int, before: int | None) -> tuple[int, int]:
    """(records fewer than before, records before); (0, 0) where there is no earlier run, or too little in it."""
    if before is None or before < LEAST_ALL or (now and before < LEAST_BEFORE):
        return 0, 0
    return max(0, before - now), before


def months_outside(months: Mapping[str, int], last: date) -> tuple[int, int]:
    """(months outside, months judged) of the complete months of the year up to ``last``."""
    found, judged = outside(months, last)
    return len(found), judged


def outside(months: Mapping[str, int], last: date) -> tuple[list[tuple[str, int, float]], int]:
    """The months outside, each with its records and the mean it is held against, and how many months were judged.

    ``months`` maps YYYY-MM to records; a month between the first and ``last`` that is not there has none. A month is
    outside where it is more than two standard deviations from the mean of the twelve before it; the deviation is at
    least the square root of the mean (what counts vary by themselves). Months whose twelve before are not all known,
    or have a mean below ``LEAST_A_MONTH``, are not judged.
    """
    if not months:
        return [], 0
    first = _number(min(months))
    counts = {_number(month): n for month, n in months.items()}
    end = last.year * _YEAR + last.month - 1  # the month that runs: not complete
    found: list[tuple[str, int, float]] = []
    judged = 0
    for month in range(max(end - _YEAR, first + _YEAR), end):
        before = [counts.get(earlier, 0) for earlier in range(month - _YEAR, month)]
        mean = sum(before) / _YEAR
        if mean < LEAST_A_MONTH:
            continue
        judged += 1
        n = counts.get(month, 0)
        if abs(n - mean) > 2 * max(stdev(before), math.sqrt(mean)):
            found.append((f"{month // _YEAR}-{month % _YEAR + 1:02}", n, mean))
    return found, judged


def overdue(newest: date | None, earlier: Sequence[date], last: date, within: int | None = None) -> tuple[int, int]:
    """(1, 1) where the newest record is older than usual at ``last``, else (0, 1); (0, 0) where nothing is usual.

    ``earlier`` holds the newest days of earlier runs, oldest first. Usual are up to three times the median of the days
    between them, twice what nine of ten of these do not exceed, and a week, whichever is most; or ``within`` days.
    Without these not judged while fewer than ``LEAST_GAPS`` earlier runs brought something newer: the data stand
    still, as in a study whose window is closed.
    """
    days = sorted(set(earlier))
    gaps = sorted((after - before).days for before, after in pairwise(days))
    if newest is None and not days:
        return 0, 0
    latest = newest or days[-1]
    if within is not None:
        return int((last - latest).days > within), 1
    if len(gaps) < LEAST_GAPS:
        return 0, 0
    nine_of_ten = gaps[math.ceil(0.9 * len(gaps)) - 1]
    return int((last - latest).days > max(3 * median(gaps), 2 * nine_of_ten, LEAST_DAYS)), 1


def _number(month: str) -> int:
    year, of_year = month.split("-")
    return int(year) * _YEAR + int(of_year) - 1
