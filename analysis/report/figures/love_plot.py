"""Balance before and after weighting (a Love plot): absolute standardised mean differences, a covariate a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.report.figures.canvas import INK, PAPER, line, nice_step, number, svg, tag, text, wrap

WIDTH, LEFT, TOP, STEP = 700.0, 250.0, 46.0, 24.0
LIMIT = 0.1


@dataclass(frozen=True)
class Balance:
    """One covariate or category: its difference unweighted, and under each weighting in the order of their names."""

    label: str
    unweighted: float | None
    weighted: tuple[float | None, ...]


def love_plot(key: str, title: str, description: str, rows: Sequence[Balance], names: Sequence[str]) -> Markup:
    """The figure, 700 units wide: an open circle before, one filled shape a weighting after, a dashed line at 0.1."""
    known = [abs(v) for r in rows for v in (r.unweighted, *r.weighted) if v is not None]
    far = max([0.5, *known]) * 1.04
    width = WIDTH - LEFT - 16

    def x(value: float) -> float:
        return LEFT + width * abs(value) / far

    bottom = TOP + STEP * len(rows)
    drawn = _legend(names)
    drawn.append(
        line(x(LIMIT), TOP - 4, x(LIMIT), bottom, stroke=INK, class_="median", stroke_width=0.9, stroke_dasharray="3 3")
    )
    for i, row in enumerate(rows):
        y = TOP + STEP * (i + 0.5)
        drawn.append(line(LEFT, y, LEFT + width, y, stroke_width=0.6, opacity=0.7))
        lines = wrap(row.label, LEFT - 14, 11)[:2]
        first = y + 4 if len(lines) == 1 else y - 1
        drawn += [text(LEFT - 10, first + 11 * k, part, size=11, anchor="end") for k, part in enumerate(lines)]
        drawn += [shape(k + 1, x(v), y) for k, v in enumerate(row.weighted) if v is not None]
        if row.unweighted is not None:
            drawn.append(shape(0, x(row.unweighted), y))
    drawn.append(line(LEFT, bottom + 2, LEFT + width, bottom + 2, stroke_width=0.8))
    step = nice_step(far, 5)
    for k in range(int(far / step) + 1):
        at = x(k * step)
        drawn += [
            line(at, bottom + 2, at, bottom + 6, stroke_width=0.8),
            text(at, bottom + 18, number(k * step), size=10.5, anchor="middle", soft=True),
        ]
    middle, words = LEFT + width / 2, "Absolute standardised mean difference"
    drawn.append(text(middle, bottom + 34, words, size=10.5, anchor="middle", soft=True))
    return svg(key, WIDTH, bottom + 40, title, description, drawn, "love")


def shape(which: int, x: float, y: float) -> Markup:
    """0 is the open circle of the unweighted arms; the weightings follow by their form, all in ink."""
    if which == 0:
        return tag("circle", cx=float(x), cy=float(y), r=4.6, fill=PAPER, class_="box", stroke=INK, stroke_width=1.5)
    outlines = ("m-4 -4h8v8h-8z", "m0 -5.2l5 9h-10z", "m0 -5.4l5.4 5.4l-5.4 5.4l-5.4 -5.4z")
    return tag("path", d=f"M{number(x)} {number(y)}{outlines[(which - 1) % 3]}", fill=INK, class_="ink")


def _legend(names: Sequence[str]) -> list[Markup]:
    drawn, x = [], 8.0
    for which, name in enumerate(("unweighted", *names)):
        drawn += [shape(which, x + 5, 14), text(x + 16, 18, name, size=11)]
        x += 36 + 6.4 * len(name)
    return drawn
