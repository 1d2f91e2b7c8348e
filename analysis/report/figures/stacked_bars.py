"""Best response by arm: one bar of 100 % for each arm, counts inside the segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.report.figures.canvas import line, marker, rect, svg, text
from analysis.report.lookup import Cell
from analysis.report.palette import RESPONSE, ArmStyle


@dataclass(frozen=True)
class Segment:
    """A level's share of one arm."""

    level: str
    count: Cell
    percent: Cell


def stacked_bars(
    key: str, title: str, description: str, bars: Sequence[tuple[ArmStyle, Sequence[Segment]]], shades: Sequence[int]
) -> Markup:
    """Horizontal bars, an arm a row; ``shades`` says which fill each level takes (0 best ... 4 not evaluable)."""
    left, width, bar, gap, top = 1.0, 328.0, 30.0, 26.0, 20.0
    drawn: list[Markup] = []
    y = top
    for style, segments in bars:
        drawn += [marker(style, left + 4, y - 8, 3.6), text(left + 14, y - 4, style.label, size=11.5, weight=600)]
        x = left
        for segment, shade in zip(segments, shades, strict=True):
            share = segment.percent.value
            if not share:
                continue
            long = width * share / 100
            fill, ink = RESPONSE[shade]
            drawn.append(rect(x, y, max(long - 1.2, 0.4), bar, fill=fill, class_=f"response-{shade}"))
            label: list[object] = [f"{segment.level} ", segment.count.tspan]
            if long > 4 + 6.2 * (len(segment.level) + 1 + len(segment.count.text)):
                drawn.append(
                    text(x + long / 2, y + 19, *label, size=11.5, anchor="middle", fill=ink, css=f"on-{shade}")
                )
            elif long > 6.6 * len(segment.count.text):
                drawn.append(
                    text(
                        x + long / 2,
                        y + 19,
                        segment.count.tspan,
                        size=10.5,
                        anchor="middle",
                        fill=ink,
                        css=f"on-{shade}",
                    )
                )
            x += long
        y += bar + gap
    y -= gap - 4
    drawn.append(line(left, y, left + width, y, stroke_width=0.8))
    for share in (0, 25, 50, 75, 100):
        x = left + width * share / 100
        drawn.append(line(x, y, x, y + 4, stroke_width=0.8))
        anchor = "start" if share == 0 else "end" if share == 100 else "middle"
        drawn.append(text(x, y + 15, f"{share} %", size=10.5, anchor=anchor, soft=True))
    return svg(key, 330, y + 20, title, description, drawn, "bars")
