"""Forest plot of hazard ratios: log axis, squares by weight, n and events at the left, estimate and P at the right.

A ratio for one unit of a number (a year of age) has no weight to be set beside that of two groups: its precision is
that of its unit. It is drawn as a small open square of one size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.report.figures.canvas import INK, PAPER, line, plain, rect, svg, tag, text, wrap

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
    tests: tuple[Markup | str, ...] = ()  # P values, a column each
    per_unit: bool = False


def described(rows: Sequence[ForestRow], tests: Sequence[str]) -> str:
    """The rows in words, for the figure's description."""
    return "; ".join(
        f"{r.label}: {plain(r.shown)}" + "".join(f", {t} {plain(p)}" for t, p in zip(tests, r.tests, strict=False))
        for r in rows
    )


def forest(
    key: str,
    title: str,
    description: str,
    rows: Sequence[ForestRow],
    sides: tuple[str, str],
    confidence: str,
    tests: Sequence[str] = ("P",),
    beside: bool = False,
) -> Markup:
    """The figure, 760 units wide. ``sides`` says what left and right of 1 mean; ``tests`` heads the columns of P.

    ``beside``: the rows are of one comparison, and a dashed line at the first lets the others be held to it.
    """
    label_w, counts_x, left, width = 198.0, 260.0, 274.0, 196.0
    shown_x = left + width + 14
    ends = [720.0] if len(tests) == 1 else [760.0 - 74 * k for k in reversed(range(len(tests)))]
    low, high = _limits(rows)

    def x(value: float) -> float:
        clipped = min(max(value, low), high)
        return left + width * (math.log(clipped) - math.log(low)) / (math.log(high) - math.log(low))

    y = 18.0
    drawn: list[Markup] = [
        text(0, y, "Comparison", size=11, soft=True),
        text(counts_x, y, "n / events", size=11, anchor="end", soft=True),
        text(shown_x, y, f"HR ({confidence} interval)", size=11, soft=True),
        *(text(end, y, name, size=11, anchor="end", soft=True) for end, name in zip(ends, tests, strict=True)),
        line(0, y + 8, 760, y + 8, stroke_width=0.8),
    ]
    y += 28
    top = y - 14
    heaviest = max((r.weight for r in rows if r.weight and not r.per_unit), default=1.0)
    for row in rows:
        lines = wrap(row.label, label_w, 12)
        for i, words in enumerate(lines):
            drawn.append(text(0, y + 14 * i, words, size=12, weight=600 if row.strong else None))
        drawn.append(text(counts_x, y, row.counts, size=11.5, anchor="end"))
        drawn.append(text(shown_x, y, row.shown, size=11.5))
        drawn += [text(end, y, p, size=11.5, anchor="end") for end, p in zip(ends, row.tests, strict=False)]
        drawn += _row(row, x, y - 4, heaviest, low, high)
        y += 25 + 14 * (len(lines) - 1)
    bottom = y - 10
    drawn.insert(0, line(x(1), top - 2, x(1), bottom, stroke=INK, class_="median", stroke_width=0.9))
    first = rows[0].hr if beside and rows else None
    if first is not None and low <= first <= high:
        drawn.insert(
            0,
            line(
                x(first),
                top - 2,
                x(first),
                bottom,
                stroke=INK,
                class_="median",
                stroke_width=0.8,
                opacity=0.55,
                stroke_dasharray="4 3",
            ),
        )
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
    if row.per_unit:
        if low <= row.hr <= high:
            at = x(row.hr)
            drawn.append(rect(at - 3, y - 3, 6, 6, fill=PAPER, stroke=INK, stroke_width=1.4, class_="box"))
        return drawn
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
