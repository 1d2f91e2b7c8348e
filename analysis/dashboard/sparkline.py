"""A line of a few pixels: one path of whole numbers, with its values in words for who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from markupsafe import Markup, escape

from analysis.dashboard.grid import WINDOW
from analysis.dashboard.small_counts import FEW
from analysis.pages import formats

STEP, HEIGHT, ROOM = 3, 20, 2
ONE_STEP = 3
"""Units above the ground at which any small count is drawn, whatever it is."""
TOLD_FINELY = 10.0
"""Percentages below it are told with a decimal."""


def sparkline(
    key: str,
    title: str,
    values: Sequence[float] | np.ndarray,
    unit: str = "",
    threshold: float | None = None,
    from_zero: bool = True,
    beside: bool = False,
) -> Markup:
    """One line over the runs, oldest first; NaN leaves a gap, `FEW` is drawn one step above the ground.

    ``key`` is unique on the page. ``threshold`` is a dashed line across, in the unit of the values. ``from_zero`` False
    begins the scale at 80 % or half of the largest value where no value is smaller. ``beside``: the values stand in the
    next cell of the table, so the description only says so.
    """
    shown = np.asarray(values, dtype=float)
    known = shown[~np.isnan(shown) & (shown != FEW)]
    high = max(float(known.max(initial=0.0)), threshold or 0.0) or 1.0
    low = 0.0 if from_zero or not known.size or (shown == FEW).any() else _low(float(known.min()), high)
    width = STEP * (max(WINDOW, len(shown)) - 1) + 2 * ROOM
    line = "" if threshold is None else f'<path class="limit" d="M0 {_y(threshold, low, high)}h{width}"/>'
    values_told = "values in the next column" if beside else f"{told(shown, unit)}, oldest first"
    said = escape(values_told + _limit(threshold, unit))
    return Markup(  # noqa: S704 - every text in it is escaped, the rest are whole numbers
        f'<svg class="spark" role="img" viewBox="0 0 {width} {HEIGHT}" aria-labelledby="{key} {key}d">'
        f'<title id="{key}">{escape(title)}</title><desc id="{key}d">{said}</desc>'
        f'{line}<path d="{path(shown, low, high, width)}"/></svg>'
    )


def _low(least: float, high: float) -> float:
    """Where a scale that need not begin at zero begins."""
    return next((share * high for share in (0.8, 0.5) if least >= share * high), 0.0)


def path(values: np.ndarray, low: float, high: float, width: int) -> str:
    """The path's data: relative moves of whole numbers, the newest run at the right end; level runs are one move."""
    out: list[str] = []
    x, level, height = width - ROOM - STEP * (len(values) - 1), 0, 0
    known = [value == value for value in values.tolist()]
    for i, value in enumerate(values.tolist()):
        if known[i]:
            y = _y(value, low, high)
            if not (i and known[i - 1]):
                alone = i + 1 == len(values) or not known[i + 1]
                out.append(f"M{x} {y}" + ("h1" if alone else ""))
            elif y == height:
                level += STEP
            else:
                out.append((f"h{level}" if level else "") + f"l{STEP} {y - height}")
                level = 0
            height = y
        if level and not (i + 1 < len(values) and known[i + 1]):
            out.append(f"h{level}")
            level = 0
        x += STEP
    return "".join(out) or "M0 0"


def told(values: np.ndarray, unit: str = "") -> str:
    """The values in words, equal ones beside each other told once: ``0 % in 12 runs, 3.1 % in 1``."""
    groups = [(text, len(list(same))) for text, same in groupby(_word(v, unit) for v in values.tolist())]
    return ", ".join(f"{text} in {n}{' runs' * (not i and n > 1)}" for i, (text, n) in enumerate(groups))


def _word(value: float, unit: str) -> str:
    if value != value:
        return "nothing"
    if value == FEW:
        return "few"
    behind = f" {unit}" if unit else ""
    return (formats.decimal(value, 1) if unit == "%" and 0 < value < TOLD_FINELY else formats.integer(value)) + behind


def _limit(threshold: float | None, unit: str) -> str:
    return "" if threshold is None else f"; accepted up to {threshold:g} {unit}"


def _y(value: float, low: float, high: float) -> int:
    ground = HEIGHT - ROOM
    if value == FEW:
        return ground - ONE_STEP
    return ground - round((ground - ROOM) * (value - low) / (high - low))
