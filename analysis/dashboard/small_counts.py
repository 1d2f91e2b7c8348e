"""Small counts on the dashboard: what is not shown, and how what stands beside it is kept from giving it away.

- A count below ``least`` that is not zero is ``fewer than 5``, without its percentage; where what remains of the whole
  is that small, ``all but fewer than 5``.
- Counts of earlier runs are rounded to multiples of ``least`` before anything is drawn, told or divided: two runs side
  by side tell nothing of single subjects. A small one is `FEW`, the same whatever it is.
- Subjects lost from several outcomes, and those that checks drop, lie within one another: where two of a site's counts
  differ by few, all are rounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.pages import formats

FEW = -1.0


def part(n: int, whole: int, least: int) -> str:
    """``12 of 120 (10.0 %)``, or what may be said of it."""
    if 0 < whole < least:
        return f"of fewer than {least}"
    of = f"of {formats.integer(whole)}"
    if 0 < n < least:
        return f"fewer than {least} {of}"
    if 0 < whole - n < least:
        return f"all but fewer than {least} {of}"
    return f"{formats.integer(n)} {of}" + (f" ({formats.decimal(100 * n / whole, 1)}\u00a0%)" if n and whole else "")


def parts(counts: Sequence[int], whole: int, least: int, within: int = 0) -> list[str]:
    """Several parts of one whole, which may lie within one another: where two differ by few, each is rounded.

    ``within``: a part that lies within each of them and may be told elsewhere.
    """
    known = [*counts, *([within] if within else [])]
    gaps = [abs(a - b) for i, a in enumerate(known) for b in known[:i]]
    if not (0 < within < least or any(0 < gap < least for gap in gaps)):
        return [part(n, whole, least) for n in counts]
    return [_about(n, whole, least) for n in counts]


def _about(n: int, whole: int, least: int) -> str:
    if not n or 0 < whole < least or n < least or 0 < whole - n < least:
        return part(n, whole, least)
    return f"about {formats.integer(least * round(n / least))} of {formats.integer(whole)}"


def rounded(counts: np.ndarray, least: int) -> np.ndarray:
    """Counts of earlier runs as floats: zero, `FEW`, or a multiple of ``least``; missing stays NaN."""
    values = np.asarray(counts, dtype=float)
    if least <= 1:
        return values
    whole = least * np.floor(values / least + 0.5)
    return np.where(np.isnan(values) | (values == 0), values, np.where(values < least, FEW, whole))


def alike(counts: np.ndarray, wholes: np.ndarray, least: int) -> np.ndarray:
    """Shares to be compared, from 0 to 1: those of counts that `part` says the same of are the same.

    A small count stands as ``least``, one that leaves few as the whole; NaN where the whole is missing, zero or small.
    """
    n, whole = np.asarray(counts, dtype=float), np.asarray(wholes, dtype=float)
    n = np.where((n > 0) & (n < least), least, n)
    n = np.where((whole - n > 0) & (whole - n < least), whole, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole >= max(least, 1), n / whole, np.nan)


def shares(counts: np.ndarray, wholes: np.ndarray, least: int, fails: np.ndarray) -> np.ndarray:
    """Percentages from rounded counts; `FEW` where the count is, NaN where the whole is missing, zero or small.

    Where the check ``fails`` they are rounded up, else down: so each lies on its own side of the threshold.
    """
    n, whole = np.asarray(counts, dtype=float), np.asarray(wholes, dtype=float)
    coarse = n
    if least > 1:
        near = (whole - n > 0) & (whole - n < least)
        coarse = np.where(near, whole, least * np.where(fails, np.ceil(n / least), np.floor(n / least)))
        coarse = np.where((n > 0) & (n < least), FEW, coarse)
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = np.minimum(100.0, 100.0 * coarse / whole)
    percent = np.where(coarse == FEW, FEW, percent)
    return np.where((whole >= max(least, 1)) & ~np.isnan(n), percent, np.nan)
