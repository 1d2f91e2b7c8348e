"""log(-log S) against time on a log axis, an arm a line: hazards in proportion make lines one distance apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from analysis.report.figures.canvas import line, number, spread, svg, tag, text
from analysis.report.figures.hazard_axes import Plot, axes, round_times, rounded_out
from analysis.report.palette import ArmStyle

LETTER = 7.3


def log_minus_log(
    key: str,
    title: str,
    description: str,
    arms: Sequence[tuple[ArmStyle, Sequence[tuple[float, float]]]],
    x_label: str,
) -> Markup:
    """The figure, 760 units wide. ``arms``: each arm's style with its points (time, above 0; value), in their order."""
    shown = [(style, points) for style, points in arms if points]
    times = [time for _, points in shown for time, _ in points]
    low, high = rounded_out([value for _, points in shown for _, value in points])
    names = 24 + LETTER * max(len(style.label) for style, _ in shown)
    first, last = math.log(min(times)), math.log(max(times))
    plot = Plot(52, 30, 760 - 52 - names, 260, first, last, low, high)
    ticks = [(math.log(t), number(t)) for t in round_times(min(times), max(times))]
    drawn = axes(plot, "log(\u2212log S)", x_label, ticks)
    for style, points in shown:
        x, y = plot.x(math.log(points[0][0])), plot.y(points[0][1])
        path = f"M{number(x)} {number(y)}" + "".join(
            f"H{number(plot.x(math.log(time)))}V{number(plot.y(value))}" for time, value in points[1:]
        )
        drawn.append(
            tag(
                "path",
                d=path,
                fill="none",
                stroke=style.colour,
                class_=f"{style.css} stroke",
                stroke_width=2,
                stroke_dasharray=style.dash,
            )
        )
    return svg(key, 760, plot.bottom + 40, title, description, [*drawn, *_names(plot, shown)], "km-wide hazards")


def _names(plot: Plot, shown: Sequence[tuple[ArmStyle, Sequence[tuple[float, float]]]]) -> list[Markup]:
    """Each arm's name right of the frame at the height its line ends, tied to that end."""
    ends: Mapping[str, tuple[float, float]] = {
        style.label: (plot.x(math.log(points[-1][0])), plot.y(points[-1][1])) for style, points in shown
    }
    heights = spread([y for _, y in ends.values()], 14.0, plot.top + 6, plot.bottom)
    drawn: list[Markup] = []
    for (style, _), height in zip(shown, heights, strict=True):
        x, y = ends[style.label]
        drawn += [
            line(x + 2, y, plot.right + 10, height, stroke_width=0.8),
            text(
                plot.right + 14,
                height + 4,
                style.label,
                size=11.5,
                weight=600,
                css=f"{style.css} name",
                fill=style.ink,
            ),
        ]
    return drawn
