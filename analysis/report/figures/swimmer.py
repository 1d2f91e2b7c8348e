"""Swimmer plot: each subject's course from the index date, an arm after the other. Patient-level: on site only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.report.figures.canvas import INK, PAPER, line, marker, nice_step, number, rect, svg, tag, text
from analysis.report.palette import ArmStyle

WIDTH, LEFT, TOP = 760.0, 62.0, 40.0
MARKS = (
    ("session", "treatment session"),
    ("assessment", "assessment"),
    ("response", "best response first reached"),
    ("progression", "progression"),
    ("death", "death"),
    ("alive", "last known alive"),
)


@dataclass(frozen=True)
class Lane:
    """One subject: its number on the page, how long it was seen, and its marks (kind, time), in the study's unit."""

    number: int
    style: ArmStyle
    length: float
    marks: tuple[tuple[str, float], ...]


def swimmer(key: str, title: str, description: str, lanes: Sequence[Lane], x_label: str) -> Markup:
    """The figure, 760 units wide: a pale bar in the arm's colour with the arm's marker before it, marks in ink."""
    step = 18.0 if len(lanes) <= 60 else 12.0
    longest = max((lane.length for lane in lanes), default=1.0) or 1.0
    width = WIDTH - LEFT - 22

    def x(time: float) -> float:
        return LEFT + width * time / longest

    drawn = _legend()
    y, arm = TOP, ""
    for lane in lanes:
        if lane.style.label != arm:
            arm = lane.style.label
            y += 16
            drawn += [marker(lane.style, 6, y - 4, 3.8), text(16, y, arm, size=11.5, weight=600)]
            y += 6
        middle = y + step / 2
        drawn += [
            text(LEFT - 22, middle + 3.6, str(lane.number), size=10, anchor="end", soft=True),
            marker(lane.style, LEFT - 12, middle, 3.0),
            rect(
                LEFT,
                middle - step * 0.3,
                max(x(lane.length) - LEFT, 1.0),
                step * 0.6,
                fill=lane.style.colour,
                fill_opacity=0.28,
                class_=f"{lane.style.css} fill",
            ),
        ]
        drawn += [piece for kind, time in lane.marks for piece in glyph(kind, x(time), middle)]
        y += step
    y += 6
    drawn.append(line(LEFT, y, LEFT + width, y, stroke_width=0.8))
    gap = nice_step(longest, 8)
    for k in range(int(longest / gap + 1e-9) + 1):
        at = x(k * gap)
        drawn += [
            line(at, y, at, y + 4, stroke_width=0.8),
            text(at, y + 16, number(k * gap), size=10.5, anchor="middle", soft=True),
        ]
    drawn.append(text(LEFT + width / 2, y + 32, x_label, size=10.5, anchor="middle", soft=True))
    return svg(key, WIDTH, y + 38, title, description, drawn, "swimmer")


def glyph(kind: str, x: float, y: float) -> list[Markup]:
    """A mark by its shape: none is told from another by colour."""
    ink: dict[str, object] = {"fill": "none", "stroke": INK, "class_": "ink-line", "stroke_width": 1.7}
    solid: dict[str, object] = {"fill": INK, "class_": "ink"}
    at = f"{number(x)} {number(y)}"
    if kind == "session":
        return [rect(x - 1.4, y - 5.5, 2.8, 11, **solid)]
    if kind == "assessment":
        return [line(x, y - 4.5, x, y + 4.5, stroke=INK, class_="ink-line", stroke_width=1.0)]
    if kind == "response":
        return [tag("path", d=f"M{at}m0 -5.5l5 9.5h-10z", **solid)]
    if kind == "progression":
        return [
            tag("path", d=f"M{at}m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z", fill=PAPER, class_="box", stroke=INK,
                stroke_width=1.5)
        ]  # fmt: skip
    if kind == "death":
        return [tag("path", d=f"M{at}m-4 -4l8 8m0 -8l-8 8", **ink)]
    return [tag("path", d=f"M{at}h9m-4 -4l4 4l-4 4", **ink)]


def _legend() -> list[Markup]:
    drawn, x = [], 8.0
    for kind, words in MARKS:
        drawn += [*glyph(kind, x, 14), text(x + 13, 18, words, size=10.5)]
        x += 30 + 5.9 * len(words)
    return drawn
