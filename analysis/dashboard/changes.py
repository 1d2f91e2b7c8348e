"""What is new, worse, resolved or no longer judged since the last run, and what came up in the last week of runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.dashboard import small_counts
from analysis.dashboard.grid import ERROR, FAIL, NOT_APPLICABLE, Grid

WORSE = 1.1
"""A share that rose by a tenth of itself."""
LATELY = 7


@dataclass(frozen=True)
class Changes:
    """Lines of the grid, in its order, by what became of them. ``lately`` fail since one of the last seven runs, but
    not since this one; the youngest first. None of it is known of a first run."""

    new: tuple[int, ...] = ()
    worse: tuple[int, ...] = ()
    resolved: tuple[int, ...] = ()
    silent: tuple[int, ...] = ()
    lately: tuple[int, ...] = ()


def changes(grid: Grid, least: int = 0) -> Changes:
    """Compare the newest run with the one before it; counts below ``least`` are all alike.

    A failure (FAIL or ERROR) that did not fail before is new. One that fails no more is resolved only if the check was
    computed and held; one that did not apply or did not run is silent, which is no good news. Worse: it fails still,
    and its share rose by a tenth or more, or it stops now, or it can no longer be computed.
    """
    if len(grid.runs) < 2:
        return Changes()
    now, before = grid.status[:, -1], grid.status[:, -2]
    fails, failed = now >= FAIL, before >= FAIL
    share = small_counts.alike(grid.numerator[:, -2:], grid.denominator[:, -2:], least)
    rose = (now == FAIL) & (before == FAIL) & (share[:, 1] * (1 + 1e-12) >= WORSE * share[:, 0])
    stops = grid.stops[:, -1] & ~grid.stops[:, -2]
    worse = fails & failed & (rose | stops | ((now == ERROR) & (before == FAIL)))
    since = {line: grid.first_seen(line) for line in _lines(fails & failed)}
    young = [line for line, run in since.items() if run > 0 and run >= len(grid.runs) - LATELY]
    return Changes(
        new=_lines(fails & ~failed),
        worse=_lines(worse),
        resolved=_lines(failed & ~fails & (now > NOT_APPLICABLE)),
        silent=_lines(failed & (now <= NOT_APPLICABLE)),
        lately=tuple(sorted(young, key=lambda line: (-since[line], line))),
    )


def _lines(chosen: np.ndarray) -> tuple[int, ...]:
    return tuple(np.flatnonzero(chosen).tolist())
