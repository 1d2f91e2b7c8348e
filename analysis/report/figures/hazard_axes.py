"""The frame both plots of proportional hazards stand in: any scale of height, ticks where they are asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.pages.formats import signed
from analysis.report.figures.canvas import line, nice_step, number, text


@dataclass(frozen=True)
class Plot:
    """Where the plot lies in units, and the ends of its two scales."""

    left: float
    top: float
    width: float
    height: float
    first: float
    last: float
    low: float
    high: float

    def x(self, value: float) -> float:
        return self.left + self.width * (value - self.first) / ((self.last - self.first) or 1.0)

    def y(self, value: float) -> float:
        return self.top + self.height * (self.high - value) / ((self.high - self.low) or 1.0)

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height


def rounded_out(values: Sequence[float]) -> tuple[float, float]:
    """The ends of a scale that holds all values, at its steps."""
    low, high = min(values), max(values)
    step = nice_step((high - low) or 1.0, 5)
    return step * math.floor(low / step), step * (math.ceil(high / step) if high > low else math.floor(low / step) + 1)


def axes(plot: Plot, y_label: str, x_label: str, ticks: Sequence[tuple[float, str]]) -> list[Markup]:
    """Rules across at round heights, the asked ticks (place on the scale, words) below; the labels of both."""
    drawn = [text(plot.left - 40, plot.top - 10, y_label, size=10.5, soft=True)]
    step = nice_step((plot.high - plot.low) or 1.0, 5)
    for k in range(round((plot.high - plot.low) / step) + 1):
        value = plot.low + k * step
        y = plot.y(value)
        drawn += [
            line(plot.left, y, plot.right, y, stroke_width=0.6, opacity=0.6),
            text(plot.left - 7, y + 3.8, signed(number(value)), size=10.5, anchor="end", soft=True),
        ]
    for place, words in ticks:
        x = plot.x(place)
        drawn += [
            line(x, plot.bottom, x, plot.bottom + 5, stroke_width=1),
            text(x, plot.bottom + 17, words, size=10.5, anchor="middle", soft=True),
        ]
    middle = (plot.left + plot.right) / 2
    return [*drawn, text(middle, plot.bottom + 33, x_label, size=10.5, anchor="middle", soft=True)]


def round_times(first: float, last: float) -> list[float]:
    """1, 2 and 5 times the powers of ten between two times above 0; the two ends where none is between them."""
    powers = range(math.floor(math.log10(first)), math.ceil(math.log10(last)) + 1)
    found = [m * 10.0**k for k in powers for m in (1, 2, 5)]
    inside = [t for t in found if first <= t <= last]
    return inside or [first, last]
