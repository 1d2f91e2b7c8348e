"""Weighted Kaplan-Meier curves with the unweighted ones thin and pale behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.report.figures.canvas import line, nice_step, number, spread, svg, tag, text
from analysis.report.figures.hazard_axes import Plot, axes
from analysis.report.palette import ArmStyle

Points = Sequence[tuple[float, float]]
LETTER = 7.3


@dataclass(frozen=True)
class Pair:
    """One arm's curve with weights and without: (time, survival) in order of time, from the first step on."""

    style: ArmStyle
    weighted: Points
    unweighted: Points


def weighted_curves(key: str, title: str, description: str, arms: Sequence[Pair], x_label: str) -> Markup:
    """The figure, 760 units wide; an arm's name stands right of the frame, tied to its weighted curve's end."""
    last = max(time for arm in arms for time, _ in (*arm.weighted, *arm.unweighted))
    names = 24 + LETTER * max(len(arm.style.label) for arm in arms)
    plot = Plot(52, 30, 760 - 52 - names, 260, 0.0, last, 0.0, 1.0)
    step = nice_step(last, 6)
    ticks = [(k * step, number(k * step)) for k in range(int(last / step + 1e-9) + 1)]
    drawn = axes(plot, "Probability", x_label, ticks)
    drawn += [_curve(plot, arm.style, arm.unweighted, pale=True) for arm in arms if arm.unweighted]
    drawn += [_curve(plot, arm.style, arm.weighted, pale=False) for arm in arms]
    ends = [(plot.x(arm.weighted[-1][0]), plot.y(arm.weighted[-1][1])) for arm in arms]
    heights = spread([y for _, y in ends], 14.0, plot.top + 6, plot.bottom)
    for arm, (x, y), height in zip(arms, ends, heights, strict=True):
        words = {"css": f"{arm.style.css} name", "fill": arm.style.ink}
        drawn += [
            line(x + 2, y, plot.right + 10, height, stroke_width=0.8),
            text(plot.right + 14, height + 4, arm.style.label, size=11.5, weight=600, **words),  # type: ignore[arg-type]
        ]
    return svg(key, 760, plot.bottom + 40, title, description, drawn, "km-wide weighted")


def _curve(plot: Plot, style: ArmStyle, points: Points, pale: bool) -> Markup:
    path = f"M{number(plot.x(0))} {number(plot.y(1))}" + "".join(
        f"H{number(plot.x(time))}V{number(plot.y(survival))}" for time, survival in points
    )
    return tag(
        "path",
        d=path,
        fill="none",
        stroke=style.colour,
        class_=f"{style.css} stroke",
        stroke_width=1.2 if pale else 2.2,
        opacity=0.5 if pale else None,
        stroke_dasharray=style.dash,
    )
