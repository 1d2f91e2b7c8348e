"""Propensity scores by arm: a mirrored histogram, the first arm above the line and the second below it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from analysis.report.figures.canvas import INK, line, marker, rect, svg, text
from analysis.report.lookup import Cell
from analysis.report.palette import ArmStyle

LEFT, TOP, WIDTH, HALF = 52.0, 40.0, 660.0, 110.0


def score_histogram(
    key: str,
    title: str,
    description: str,
    arms: Sequence[tuple[ArmStyle, Sequence[Cell]]],
    edges: Sequence[str],
    x_label: str,
) -> Markup:
    """The figure, 760 units wide. ``arms``: two, each with its counts (all known) by class; ``edges``: the lower ends
    of the classes and the upper end of the last. Each count stands at its bar."""
    most = max((cell.value or 0.0 for _, cells in arms for cell in cells), default=0.0) or 1.0
    step = WIDTH / max(len(edges) - 1, 1)
    middle = TOP + HALF
    drawn: list[Markup] = []
    for (style, cells), up in zip(arms, (True, False), strict=True):
        y = TOP - 20 if up else middle + HALF + 28
        drawn += [marker(style, LEFT + 4, y, 4), text(LEFT + 14, y + 4, style.label, size=11.5, weight=600)]
        for k, cell in enumerate(cells):
            if not cell.value:
                continue
            long = (HALF - 4) * cell.value / most
            x, top = LEFT + step * k, middle - long if up else middle
            drawn.append(rect(x + 1.5, top, step - 3, long, fill=style.colour, class_=f"{style.css} fill"))
            end = top - 4 if up else top + long + 12
            drawn.append(text(x + step / 2, end, cell.tspan, size=10.5, anchor="middle"))
    drawn.append(line(LEFT, middle, LEFT + WIDTH, middle, stroke=INK, class_="ink-line", stroke_width=1))
    foot = middle + HALF + 40
    for k, edge in enumerate(edges):
        x = LEFT + step * k
        drawn += [
            line(x, foot, x, foot + 5, stroke_width=1),
            text(x, foot + 17, edge, size=10.5, anchor="middle", soft=True),
        ]
    drawn.append(line(LEFT, foot, LEFT + WIDTH, foot, stroke_width=0.8))
    drawn.append(text(LEFT + WIDTH / 2, foot + 33, x_label, size=10.5, anchor="middle", soft=True))
    return svg(key, 760, foot + 40, title, description, drawn, "km-wide histogram")
