"""How far a mix moved from another: the total variation distance, as the count of records that would have to move."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

LEAST = 50
"""Records both mixes must have to be compared."""


def moved(now: Mapping[str, int], usual: Mapping[str, int]) -> int:
    """Of the records of ``now``, how many would have to change their key for the shares of ``usual``.

    That is the total variation distance times the records, rounded down to whole ones. 0 where it is no more than a
    fresh sample of the same size would show by chance: its expected distance (the mean of a half-normal for each key)
    and a standard deviation on top. Both mixes hold at least one record.
    """
    n, pooled = sum(now.values()), sum(usual.values())
    share = {key: count / pooled for key, count in usual.items()}
    away = sum(max(0.0, count - n * share.get(key, 0.0)) for key, count in now.items())
    return 0 if away <= by_chance(share.values(), n) else math.floor(away + 1e-9)


def by_chance(shares: Iterable[float], n: int) -> float:
    """Records that a sample of ``n`` from these shares is expected to be off by, and one standard deviation more."""
    spread = [n * share * (1 - share) for share in shares]
    return sum(math.sqrt(one) for one in spread) / math.sqrt(2 * math.pi) + math.sqrt(sum(spread))


def worst(mixes: Iterable[tuple[Mapping[str, int], Mapping[str, int]]]) -> tuple[int, int]:
    """(records moved, records) of the mix that moved by the largest share; (0, all records) where none moved.

    Mixes with fewer than ``LEAST`` records on a side are not judged; (0, 0) where none is.
    """
    found, judged = (0, 0), 0
    for now, usual in mixes:
        n = sum(now.values())
        if min(n, sum(usual.values())) < LEAST:
            continue
        judged += n
        away = moved(now, usual)
        if away and (not found[1] or away * found[1] > found[0] * n):
            found = (away, n)
    return found if found[0] else (0, judged)
