"""Forest plot of hazard ratios: log axis, squares by weight, n and events at the left, the estimate at the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.report.figures.canvas import INK, line, rect, svg, tag, text, wrap

TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class ForestRow:
    """One ratio; a row without numbers prints its text (why it is not there)."""

    label: str
    counts: Markup | str
    shown: Markup | str
    hr: float | None
    lower: float | None
    upper: float | None
    weight: float | None = None  # 1 / se², drawn as the square's area
    strong: bool = False


def forest(key: str, title: str, description: str, rows: Sequence[ForestRow], sides: tuple[str, str]) -> Markup:
    """The figure, 760 units wide. ``sides`` says what left and right of 1 mean."""
    label_w, counts_x, left, width = 214.0, 226.0, 288.0, 220.0
    low, high = _limits(rows)

    def x(value: float) -> float:
        clipped = min(max(value, low), high)
        return left + width * (math.log(clipped) - math.log(low)) / (math.log(high) - math.log(low))

    y = 18.0
    drawn: list[Markup] = [
        text(0, y, "Comparison", size=11, soft=True),
        text(counts_x, y, "n / events", size=11, soft=True),
        text(left + width + 16, y, "Hazard ratio (95 % interval), P", size=11, soft=True),
        line(0, y + 8, 760, y + 8, stroke_width=0.8),
    ]
    y += 28
    top = y - 14
    heaviest = max((r.weight for r in rows if r.weight), default=1.0)
    for row in rows:
        lines = wrap(row.label, label_w, 12)
        for i, words in enumerate(lines):
            drawn.append(text(0, y + 14 * i, words, size=12, weight=600 if row.strong else None))
        drawn.append(text(counts_x, y, row.counts, size=11.5))
        drawn.append(text(left + width + 16, y, row.shown, size=11.5))
        drawn += _row(row, x, y - 4, heaviest, low, high)
        y += 25 + 14 * (len(lines) - 1)
    bottom = y - 10
    drawn.insert(0, line(x(1), top - 2, x(1), bottom, stroke=INK, class_="median", stroke_width=0.9))
    drawn.append(line(left, bottom, left + width, bottom, stroke_width=0.8))
    decades = math.log10(high / low) > 2
    for tick in TICKS:
        if low <= tick <= high and (not decades or math.log10(tick).is_integer()):
            drawn += [
                line(x(tick), bottom, x(tick), bottom + 4, stroke_width=0.8),
                text(x(tick), bottom + 16, f"{tick:g}", size=10.5, anchor="middle", soft=True),
            ]
    drawn.append(text(x(1) - 8, bottom + 33, f"\u2190 {sides[0]}", size=10.5, anchor="end", soft=True))
    drawn.append(text(x(1) + 8, bottom + 33, f"{sides[1]} \u2192", size=10.5, soft=True))
    return svg(key, 760, bottom + 40, title, description, drawn, "forest")


def _limits(rows: Sequence[ForestRow]) -> tuple[float, float]:
    """The axis: ticks around every interval, never beyond 0.01 to 100, and always with 1 well inside."""
    ends = [v for r in rows for v in (r.lower, r.upper, r.hr) if v is not None and v > 0 and math.isfinite(v)]
    low = max((t for t in TICKS if t <= min([0.5, *ends])), default=TICKS[0])
    high = min((t for t in TICKS if t >= max([2.0, *ends])), default=TICKS[-1])
    return low, high


def _row(row: ForestRow, x: object, y: float, heaviest: float, low: float, high: float) -> list[Markup]:
    if row.hr is None or not callable(x):
        return []
    drawn: list[Markup] = []
    if row.lower is not None and row.upper is not None:
        a, b = x(row.lower), x(row.upper)
        drawn.append(line(a, y, b, y, stroke=INK, class_="ink-line", stroke_width=1.5))
        # An interval that leaves the axis ends in an arrow head.
        if row.lower < low:
            drawn.append(
                tag(
                    "path",
                    d=f"M{a + 6:.1f} {y - 4:.1f}L{a:.1f} {y:.1f}L{a + 6:.1f} {y + 4:.1f}",
                    fill="none",
                    stroke=INK,
                    class_="ink-line",
                    stroke_width=1.5,
                )
            )
        if row.upper > high:
            drawn.append(
                tag(
                    "path",
                    d=f"M{b - 6:.1f} {y - 4:.1f}L{b:.1f} {y:.1f}L{b - 6:.1f} {y + 4:.1f}",
                    fill="none",
                    stroke=INK,
                    class_="ink-line",
                    stroke_width=1.5,
                )
            )
    side = 5 + 7 * math.sqrt((row.weight or heaviest * 0.25) / heaviest)
    if not low <= row.hr <= high:
        return drawn
    drawn.append(
        rect(
            x(row.hr) - side / 2,
            y - side / 2,
            side,
            side,
            fill="#0072B2" if row.strong else INK,
            class_="arm-0 fill" if row.strong else "ink",
        )
    )
    return drawn
