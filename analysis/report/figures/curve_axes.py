"""What stands around step curves: axes, the lines inside the frame, the table of numbers under the ticks."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from analysis.report.curves import Tick
from analysis.report.figures.canvas import PAPER, line, marker, number, plain, rect, tag, text
from analysis.report.figures.curve_labels import ArmCurve, Box, Frame, crossings


def axes(frame: Frame, ticks: Sequence[Tick], y_label: str, x_label: str) -> list[Markup]:
    """Five lines from 0 to the frame's highest probability, and the ticks of time under it."""
    drawn = [text(frame.left, frame.top - 10, y_label, size=10.5, soft=True)]
    for level in (frame.high * quarter / 4 for quarter in range(5)):
        y = frame.y(level)
        drawn.append(
            line(
                frame.left,
                y,
                frame.right,
                y,
                stroke_width=1 if level == 0 else 0.6,
                opacity=None if level == 0 else 0.6,
            )
        )
        drawn.append(
            text(
                frame.left - 7,
                y + 3.8,
                number(level),
                size=10.5,
                anchor="end",
                soft=True,
            )
        )
    for tick in ticks:
        x = frame.x(tick.time)
        drawn.append(line(x, frame.bottom, x, frame.bottom + 5, stroke_width=1))
        drawn.append(text(x, frame.bottom + 17, number(tick.time), size=10.5, anchor="middle", soft=True))
    drawn.append(
        text((frame.left + frame.right) / 2, frame.bottom + 33, x_label, size=10.5, anchor="middle", soft=True)
    )
    return drawn


def inset_lines(
    frame: Frame, arms: Sequence[ArmCurve], lines: Sequence[Markup | str], corners: Sequence[str]
) -> tuple[Markup, Box]:
    """The lines in the corner of the frame through which fewest curves run, first of equals; and where they lie."""
    wide = 6.1 * max((len(plain(words)) for words in lines), default=0)
    tall = 6.0 + 14.0 * len(lines)
    places = {
        corner: Box(
            frame.left + 8.0 if corner.endswith("left") else frame.right - 4 - wide,
            frame.top + 1.0 if corner.startswith("top") else frame.bottom - 4 - tall,
            wide,
            tall,
        )
        for corner in corners
    }
    corner = min(places, key=lambda name: crossings(frame, arms, places[name]))
    box = places[corner]
    x, anchor = (frame.left + 8.0, "start") if corner.endswith("left") else (frame.right - 4, "end")
    top = frame.top + 13 if corner.startswith("top") else box.y + 11
    rows = [text(x, top + 14 * i, words, size=10.5, anchor=anchor) for i, words in enumerate(lines)]
    return tag("g", *rows, paint_order="stroke", stroke=PAPER, stroke_width=3, class_="halo"), box


def risk_table(
    frame: Frame, arms: Sequence[ArmCurve], ticks: Sequence[Tick], beside: bool
) -> tuple[list[Markup], float]:
    """Numbers under the ticks. ``beside``: one row an arm with its label left of it; else the label on a line of its
    own. An arm of one row of numbers has their name once, above all arms."""
    y = frame.bottom + 54
    drawn: list[Markup] = []
    alone = all(len(arm.table) == 1 for arm in arms)
    if alone:
        drawn.append(text(2, y, "Number at risk", size=10.5, weight=600))
        y += 16
    for arm in arms:
        if not beside:
            drawn += [
                marker(arm.style, 7, y - 4, 3.6),
                text(17, y, arm.style.label, size=11, weight=None if alone else 600),
            ]
            y += 15
        else:
            drawn.append(marker(arm.style, 7, y - 3.6, 3.4))
        for name, cells in arm.table:
            if beside or not alone:
                drawn.append(text(17, y, arm.style.label if beside else name, size=10.5, soft=not beside))
            drawn += [
                text(frame.x(tick.time), y, cell.tspan, size=10.5, anchor="middle")
                for tick, cell in zip(ticks, cells, strict=True)
            ]
            y += 14.5
        y += 1.5 if beside else 5
    drawn.insert(0, rect(0, frame.bottom + 41, frame.right + 14, 0.6, fill="none"))
    return drawn, y - 6
