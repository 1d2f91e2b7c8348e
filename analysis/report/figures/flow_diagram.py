"""The flow of subjects in CONSORT's shape: screened, who left and why, analysed, each arm.

A criterion that removes nobody is drawn with its 0; one that looks after the index date has a dashed border and a mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.report.figures.canvas import INK, LINE, PAPER, line, rect, svg, tag, text, wrap
from analysis.report.lookup import Cell
from analysis.report.palette import ArmStyle

SPINE, SIDE_X, WIDTH = 100.0, 216.0, 600.0


@dataclass(frozen=True)
class Left:
    """Subjects who left at one step."""

    words: str
    count: Cell
    after_index: bool = False


def flow_diagram(
    key: str,
    title: str,
    description: str,
    screened: tuple[str, Cell],
    left: Sequence[Left],
    analysed: tuple[str, Cell],
    arms: Sequence[tuple[ArmStyle, Cell]],
) -> Markup:
    """Top to bottom: a spine with side boxes, then a fan to the arms (four a row)."""
    drawn: list[Markup] = []
    y = 2.0
    drawn += _box(4, y, 2 * (SPINE - 4), 46, [screened[0]], screened[1])
    spine_top, y = y + 46, y + 62
    for step in left:
        lines = wrap(step.words, WIDTH - SIDE_X - 84, 12)
        height = 12 + 15.0 * len(lines)
        some = step.count.value != 0
        drawn.append(
            line(
                SPINE,
                y + height / 2,
                SIDE_X - 6,
                y + height / 2,
                stroke=INK,
                class_="ink-line",
                stroke_width=1.1,
                opacity=None if some else 0.45,
            )
        )
        drawn.append(
            tag(
                "path",
                d=f"M{SIDE_X - 11:.0f} {y + height / 2 - 3.5:.1f}l6 3.5l-6 3.5z",
                fill=INK,
                class_="ink",
                opacity=None if some else 0.45,
            )
        )
        drawn.append(
            rect(
                SIDE_X - 4,
                y,
                WIDTH - SIDE_X + 2,
                height,
                rx=3,
                fill=PAPER,
                stroke=INK if some else LINE,
                stroke_width=1.2,
                stroke_dasharray="5 3" if step.after_index else None,
                class_="box" if some else "box empty",
            )
        )
        for i, words in enumerate(lines):
            drawn.append(text(SIDE_X + 6, y + 18 + 15 * i, words, size=12, soft=not some))
        mark: list[object] = ["\u25c6 "] if step.after_index else []
        drawn.append(
            text(
                WIDTH - 12,
                y + 18,
                *mark,
                "n = ",
                step.count.tspan,
                size=12,
                anchor="end",
                weight=600 if some else None,
                soft=not some,
            )
        )
        y += height + 8
    y += 8
    drawn.insert(0, line(SPINE, spine_top, SPINE, y, stroke=INK, class_="ink-line", stroke_width=1.3))
    drawn += _box(4, y, 2 * (SPINE - 4), 46, [analysed[0]], analysed[1])
    drawn_arms, bottom = _arms(arms, y + 46)
    return svg(key, WIDTH, bottom + 4, title, description, [*drawn, *drawn_arms], "flow")


def _box(x: float, y: float, width: float, height: float, lines: Sequence[str], count: Cell) -> list[Markup]:
    return [
        rect(x, y, width, height, rx=3, fill=PAPER, stroke=INK, stroke_width=1.4, class_="box"),
        *(text(x + width / 2, y + 19 + 15 * i, words, size=12.5, anchor="middle") for i, words in enumerate(lines)),
        text(x + width / 2, y + 19 + 15 * len(lines), "n = ", count.tspan, size=12.5, anchor="middle", weight=600),
    ]


def _arms(arms: Sequence[tuple[ArmStyle, Cell]], top: float) -> tuple[list[Markup], float]:
    drawn: list[Markup] = []
    columns = min(len(arms), 4) or 1
    gap = 14.0
    width = min((WIDTH - 8 - gap * (columns - 1)) / columns, 192.0)
    wrapped = [wrap(style.label, width - 16, 12.5) for style, _ in arms]
    height = 26 + 15.0 * max((len(w) for w in wrapped), default=1)
    y = top + 30
    for i, ((style, count), words) in enumerate(zip(arms, wrapped, strict=True)):
        row, column = divmod(i, columns)
        x, box_y = 4 + column * (width + gap), y + row * (height + 12)
        if row == 0:
            middle = x + width / 2
            drawn.append(
                tag(
                    "path",
                    d=f"M{SPINE:.1f} {top:.1f}V{top + 14:.1f}H{middle:.1f}V{y:.1f}",
                    fill="none",
                    stroke=INK,
                    stroke_width=1.3,
                    class_="ink-line",
                )
            )
        drawn += _box(x, box_y, width, height, words, count)
        drawn.append(rect(x, box_y, 5, height, rx=2, fill=style.colour, class_=f"{style.css} fill"))
    rows = -(-len(arms) // columns)
    return drawn, y + rows * (height + 12) - 12
