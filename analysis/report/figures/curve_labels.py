"""Where the words on step curves stand: each arm's name on its own curve, on nothing else.

Names stand at curves and not in a legend far away; of the places along a curve the one that covers least is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.report.curves import Curve
from analysis.report.figures.canvas import PAPER, tag, text
from analysis.report.lookup import Cell
from analysis.report.palette import ArmStyle

TALL, LETTER, PLACES = 13.0, 7.3, 48  # a name's height, the width of a letter, how many times along a curve are tried


@dataclass(frozen=True)
class ArmCurve:
    """A curve with its look, its median and its rows of the risk table (statistic label, cells)."""

    curve: Curve
    style: ArmStyle
    median: float | None
    table: tuple[tuple[str, Sequence[Cell]], ...]


@dataclass(frozen=True)
class Box:
    """A rectangle of the canvas by its upper left corner and size."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        across = self.x < other.x + other.width and other.x < self.x + self.width
        return across and self.y < other.y + other.height and other.y < self.y + self.height


@dataclass(frozen=True)
class Frame:
    """Where the plot lies, and the scales from time and probability to units."""

    left: float
    top: float
    width: float
    height: float
    last: float  # the time at the right edge
    high: float = 1.0  # the probability at the upper edge

    def x(self, time: float) -> float:
        return self.left + self.width * min(time, self.last) / self.last

    def y(self, probability: float) -> float:
        return self.top + self.height * (1 - probability / self.high)

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def right(self) -> float:
        return self.left + self.width


def place_names(frame: Frame, arms: Sequence[ArmCurve], taken: Sequence[Box]) -> list[Markup]:
    """Each curve's name in its arm's ink; ``taken`` holds what already stands in the frame."""
    full = list(taken)
    drawn = []
    for arm in arms:
        if not arm.curve.drawn:
            continue
        box = min(_places(frame, arm), key=lambda place: _cost(frame, arms, arm, place, full))
        full.append(box)
        name = text(
            box.x,
            box.y + 10,
            arm.style.label,
            size=11.5,
            weight=600,
            css=f"{arm.style.css} name",
            fill=arm.style.ink,
        )
        drawn.append(
            tag("g", name, paint_order="stroke", stroke=PAPER, stroke_width=3, stroke_linejoin="round", class_="halo")
        )
    return drawn


def _places(frame: Frame, arm: ArmCurve) -> Iterator[Box]:
    """To the right of the curve's end where there is room, then above and below it from its end to its beginning."""
    wide = LETTER * len(arm.style.label)
    last = arm.curve.drawn[-1]
    end = frame.x(last.time)
    if end + 7 + wide <= frame.right:
        yield Box(end + 7, frame.y(arm.curve.level(last)) - TALL / 2, wide, TALL)
    for k in range(PLACES + 1):
        x = max(frame.left + 4, (frame.right - 2 - wide) - k * (frame.width - wide - 6) / PLACES)
        levels = _levels(frame, arm, x, x + wide)
        above, below = min(levels) - 6 - TALL, max(levels) + 6
        yield Box(x, max(frame.top, above), wide, TALL)
        yield Box(x, min(frame.bottom - TALL - 2, below), wide, TALL)


def _levels(frame: Frame, arm: ArmCurve, left: float, right: float) -> list[float]:
    """The heights a curve has between two places; its last one where it has ended before."""
    level, found = frame.y(arm.curve.start), []
    for step in arm.curve.drawn:
        at = frame.x(step.time)
        if at > right:
            break
        if at >= left:
            found.append(level)
        level = frame.y(arm.curve.level(step))
    return [*found, level]


def _cost(frame: Frame, arms: Sequence[ArmCurve], arm: ArmCurve, box: Box, taken: Sequence[Box]) -> float:
    """What a place covers, and how far it is from the curve and from the curve's end."""
    others = [other for other in arms if other is not arm]
    gap = min(abs(box.y - y) for y in _levels(frame, arm, box.x, box.x + box.width))
    end = frame.x(arm.curve.drawn[-1].time)
    beyond = max(0.0, box.x + box.width - end)
    nearer = sum(
        1
        for other in others
        if other.curve.drawn
        and min(abs(box.y + TALL / 2 - y) for y in _levels(frame, other, box.x, box.x + box.width)) < gap
    )
    return (
        1000.0 * sum(box.overlaps(other) for other in taken)
        + 100.0 * crossings(frame, arms, Box(box.x, box.y - 2, box.width, box.height + 4))
        + 60.0 * nearer
        + 2.0 * gap
        + 0.1 * abs(end - box.x - box.width)
        + 0.3 * (beyond if box.x < end else 0.0)
    )


def crossings(frame: Frame, arms: Sequence[ArmCurve], box: Box) -> int:
    """How many pieces of curves run through a box."""
    found = 0
    for arm in arms:
        before, level = frame.x(0), frame.y(arm.curve.start)
        for step in arm.curve.drawn:
            at, after = frame.x(step.time), frame.y(arm.curve.level(step))
            flat = before < box.x + box.width and at > box.x and box.y < level < box.y + box.height
            upper, lower = sorted((level, after))
            rise = box.x < at < box.x + box.width and upper < box.y + box.height and lower > box.y
            found += flat or rise
            before, level = at, after
    return found
