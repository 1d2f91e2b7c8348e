"""Waterfall: each subject's best change of the sum of target lesions, worst first. Patient-level: on site only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.pages.formats import signed
from analysis.report.figures.canvas import INK, line, marker, number, plain, rect, svg, tag, text
from analysis.report.palette import ArmStyle

WIDTH, LEFT, TOP, HEIGHT = 760.0, 44.0, 66.0, 250.0
FAR = 200.0  # a rise beyond is drawn to here and said in figures
NARROW = 15.0  # a bar's step below which nothing is written at it
LIMITS = ((20.0, "+20 %"), (-30.0, "\u221230 %"))  # progression and partial response by (m)RECIST


@dataclass(frozen=True)
class Bar:
    """One subject's best change in percent of the baseline, and its best response."""

    change: float
    best: str
    style: ArmStyle


def waterfall(key: str, title: str, description: str, bars: Sequence[Bar], styles: Sequence[ArmStyle]) -> Markup:
    """The figure, 760 units wide. A bar has its arm's colour and, at the zero line, its arm's marker."""
    low = 25.0 * math.floor(min([-50.0, *(b.change for b in bars)]) / 25)
    high = min(FAR, 25.0 * math.ceil(max([50.0, *(b.change for b in bars)]) / 25))
    step = (WIDTH - LEFT - 60) / max(len(bars), 1)
    wide = min(step * 0.78, 26.0)

    def y(change: float) -> float:
        return TOP + HEIGHT * (high - min(max(change, low), high)) / (high - low)

    drawn = [*_legend(styles), *_axis(low, high, y)]
    for i, bar in enumerate(bars):
        x = LEFT + step * (i + 0.5)
        top, bottom = sorted((y(bar.change), y(0)))
        drawn.append(
            rect(
                x - wide / 2,
                top,
                wide,
                max(bottom - top, 0.8),
                fill=bar.style.colour,
                class_=f"{bar.style.css} fill",
            )
        )
        if step < NARROW:
            continue
        up = bar.change >= 0
        drawn.append(marker(bar.style, x, y(0) + (9 if up else -9), 3.4))
        end = y(bar.change) + (-4 if up else 12)
        drawn.append(text(x, end, bar.best, size=9.5, anchor="middle"))
        if bar.change > high:
            drawn.append(text(x, y(high) - 14, signed(f"{bar.change:.0f}"), size=9.5, anchor="middle"))
    return svg(key, WIDTH, TOP + HEIGHT + 24, title, description, drawn, "waterfall")


def _legend(styles: Sequence[ArmStyle]) -> list[Markup]:
    drawn, x = [], LEFT
    for style in styles:
        drawn += [marker(style, x + 4, 12, 4), text(x + 14, 16, style.label, size=11.5, weight=600)]
        x += 34 + 7.3 * len(plain(style.label))
    return drawn


def _axis(low: float, high: float, y: object) -> list[Markup]:
    scale = y if callable(y) else float
    drawn = [text(0, TOP - 30, "Best change of the sum, %", size=10.5, soft=True)]
    tick = low
    while tick <= high + 1e-9:
        at = scale(tick)
        drawn += [
            line(LEFT, at, WIDTH - 52, at, stroke_width=1.2 if tick == 0 else 0.6, opacity=None if tick == 0 else 0.6),
            text(LEFT - 7, at + 3.8, signed(number(tick)), size=10.5, anchor="end", soft=True),
        ]
        tick += 25.0
    for limit, words in LIMITS:
        at = scale(limit)
        drawn += [
            tag(
                "line",
                x1=LEFT,
                x2=WIDTH - 52,
                y1=at,
                y2=at,
                stroke=INK,
                class_="median",
                stroke_width=0.9,
                stroke_dasharray="4 3",
            ),
            text(WIDTH - 46, at + 3.8, words, size=10.5),
        ]
    return drawn
