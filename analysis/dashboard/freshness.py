"""How new the newest record is, and whether a site has been still for longer than it ever was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ADVANCES = 3
"""How often newer records must have come before stillness says anything: a closed study is still for ever."""


@dataclass(frozen=True)
class Stillness:
    """``runs`` in a row without a newer record, up to the newest; ``before``: the most there ever were earlier."""

    runs: int
    before: int


def stillness(newest: np.ndarray) -> Stillness | None:
    """Of one series of newest records, run by run: the stillness if it is longer than any before and of two runs or
    more, else None. It does not wear off: what is still stays so until a newer record comes."""
    known = newest[~np.isnan(newest)]
    moved = np.flatnonzero(np.diff(known)) + 1
    if len(moved) < ADVANCES:
        return None
    now = len(known) - 1 - int(moved[-1])
    before = int((np.diff(np.concatenate([[0], moved])) - 1).max())
    return Stillness(now, before) if now >= 2 and now > before else None
