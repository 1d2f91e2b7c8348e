"""Scaled Schoenfeld residuals with their smooth: the log hazard ratio over time. A point an event: on site only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.report.figures.canvas import INK, PAPER, line, number, svg, tag, text
from analysis.report.figures.hazard_axes import Plot, axes, rounded_out


@dataclass(frozen=True)
class Course:
    """What is drawn: points (place, value), the line (place, value, lower, upper), the model's one coefficient.

    A place is 1 - S(t-), on which events stand evenly; ``ticks`` say which times the places are.
    """

    points: Sequence[tuple[float, float]]
    smooth: Sequence[tuple[float, float, float, float]]
    coefficient: float
    ticks: Sequence[tuple[float, str]]


def residuals(key: str, title: str, description: str, course: Course, x_label: str) -> Markup:
    """The figure, 760 units wide."""
    values = [value for _, value in course.points] + [v for row in course.smooth for v in row[1:]]
    low, high = rounded_out([0.0, course.coefficient, *values])
    places = [place for place, _ in course.points]
    plot = Plot(52, 30, 760 - 52 - 92, 270, min(places), max(places) or 1.0, low, high)
    drawn = axes(plot, "Log hazard ratio", x_label, course.ticks)
    drawn.append(line(plot.left, plot.y(0), plot.right, plot.y(0), stroke_width=1.2))
    if course.smooth:
        edge = [(g, up) for g, _, _, up in course.smooth] + [(g, down) for g, _, down, _ in reversed(course.smooth)]
        drawn += [
            tag("path", d=f"{_path(plot, edge)}Z", fill=INK, fill_opacity=0.1, class_="ink band"),
            tag(
                "path",
                d=_path(plot, [(g, value) for g, value, _, _ in course.smooth]),
                fill="none",
                stroke=INK,
                class_="ink-line",
                stroke_width=2,
            ),
        ]
    y = plot.y(course.coefficient)
    drawn += [
        line(plot.left, y, plot.right, y, stroke=INK, class_="median", stroke_width=0.9, stroke_dasharray="4 3"),
        text(plot.right + 6, y + 3.8, "one ratio", size=10.5),
    ]
    if abs(y - plot.y(0)) > 12:
        drawn.append(text(plot.right + 6, plot.y(0) + 3.8, "no difference", size=10.5))
    for place, value in course.points:
        x, y = plot.x(place), plot.y(value)
        drawn.append(tag("circle", cx=x, cy=y, r=3, fill=PAPER, class_="box", stroke=INK, stroke_width=1.2))
    return svg(key, 760, plot.bottom + 40, title, description, drawn, "km-wide hazards")


def _path(plot: Plot, points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{number(plot.x(g))} {number(plot.y(value))}" for g, value in points)
