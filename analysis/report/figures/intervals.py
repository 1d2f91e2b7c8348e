"""Points with intervals on a linear axis: rates by arm, differences, and standardised differences as dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.pages.formats import signed
from analysis.report.figures.canvas import INK, line, marker, nice_step, plain, svg, tag, text, wrap
from analysis.report.palette import ArmStyle

LETTER = 5.7  # the width of a letter of this figure's text


@dataclass(frozen=True)
class Point:
    """An estimate with its interval (None: not estimable), drawn in an arm's style or in ink."""

    label: str
    value: float | None
    lower: float | None
    upper: float | None
    shown: Markup | str
    style: ArmStyle | None = None


Groups = Sequence[tuple[str, Sequence[Point]]]
"""A heading and its points, group by group."""


def in_words(groups: Groups) -> str:
    """What the groups show, for a figure's description."""
    return "; ".join(f"{heading}, {p.label}: {plain(p.shown)}" for heading, points in groups for p in points)


def differences(key: str, title: str, described: str, groups: Groups) -> Markup:
    """Differences in percentage points around 0, on an axis as long to either side as the longest interval needs."""
    ends = [abs(v) for _, points in groups for p in points for v in (p.value, p.lower, p.upper) if v is not None]
    reach = min(100.0, 20.0 * -(-max([20.0, *ends]) // 20))
    words = f"{described} {in_words(groups)}"
    return intervals(key, title, words, groups, (-reach, reach), "percentage points", zero=True)


def intervals(
    key: str,
    title: str,
    description: str,
    groups: Groups,
    axis: tuple[float, float],
    unit: str,
    zero: bool = False,
) -> Markup:
    """Groups of points under each other, a heading for each; the estimate as text above its line."""
    # Room at both ends for the half of a tick's number.
    left, width = 16.0, 298.0
    low, high = axis

    def x(value: float) -> float:
        return left + width * (min(max(value, low), high) - low) / (high - low)

    drawn: list[Markup] = []
    y = 14.0
    for heading, points in groups:
        drawn.append(text(0, y, heading, size=11.5, weight=600))
        y += 19
        for point in points:
            if point.style:
                drawn.append(marker(point.style, 5, y - 4, 3.4))
            start = 14.0 if point.style else 0.0
            beside = start + LETTER * (len(point.label) + len(plain(point.shown)) + 2) <= 330
            lines = [point.label] if beside else wrap(point.label, 330 - start, 10.5)
            for k, words in enumerate(lines):
                y += 13 if k else 0
                drawn.append(text(start, y, words, size=10.5, soft=True))
            y += 0 if beside else 14
            drawn.append(text(330, y, point.shown, size=10.5, anchor="end"))
            y += 12
            drawn += _interval(point, x, y)
            y += 19
        y += 6
    bottom = y - 8
    if zero:
        drawn.insert(
            0, line(x(0), 20, x(0), bottom, stroke=INK, class_="median", stroke_width=0.8, stroke_dasharray="1.5 2.5")
        )
    drawn += _axis(low, high, x, bottom, unit)
    return svg(key, 330, bottom + 32, title, description, drawn, "intervals")


def _interval(point: Point, x: object, y: float) -> list[Markup]:
    scale = x if callable(x) else float
    drawn: list[Markup] = []
    look: dict[str, object] = (
        {"stroke": point.style.colour, "class_": f"{point.style.css} stroke"}
        if point.style
        else {"stroke": INK, "class_": "ink-line"}
    )
    if point.lower is not None and point.upper is not None:
        a, b = scale(point.lower), scale(point.upper)
        drawn.append(line(a, y, b, y, stroke_width=1.8, **look))
        drawn += [line(end, y - 4, end, y + 4, stroke_width=1.4, **look) for end in (a, b)]
    if point.value is not None:
        at = scale(point.value)
        drawn.append(
            marker(point.style, at, y, 4.6)
            if point.style
            else tag("circle", cx=at, cy=float(y), r=4.4, fill=INK, class_="ink")
        )
    return drawn


def _axis(low: float, high: float, x: object, y: float, unit: str) -> list[Markup]:
    scale = x if callable(x) else float
    drawn = [line(scale(low), y, scale(high), y, stroke_width=0.8)]
    step = nice_step(high - low, 4)
    tick = step * -(-low // step)
    while tick <= high + 1e-9:
        at = scale(tick)
        drawn += [
            line(at, y, at, y + 4, stroke_width=0.8),
            text(at, y + 15, signed(f"{tick:g}"), size=10.5, anchor="middle", soft=True),
        ]
        tick += step
    drawn.append(text(330, y + 29, unit, size=10.5, anchor="end", soft=True))
    return drawn


def balance(
    key: str,
    title: str,
    description: str,
    rows: Sequence[tuple[str, Sequence[tuple[ArmStyle, float]], Markup | str]],
    limit: float = 0.1,
) -> Markup:
    """Absolute standardised mean differences, a covariate a row, one dot a contrast, a line at ``limit``."""
    left, width, top, step = 212.0, 234.0, 12.0, 24.0
    far = max([0.5, *(abs(v) for _, dots, _ in rows for _, v in dots)]) * 1.06

    def x(value: float) -> float:
        return left + width * value / far

    bottom = top + step * len(rows)
    drawn = [
        line(
            x(limit), top - 6, x(limit), bottom, stroke=INK, class_="median", stroke_width=0.9, stroke_dasharray="3 3"
        ),
    ]
    for i, (label, dots, shown) in enumerate(rows):
        y = top + step * (i + 0.5)
        drawn.append(line(left, y, left + width, y, stroke_width=0.6, opacity=0.7))
        lines = wrap(label, left - 10)[:2]
        first = y + 4 if len(lines) == 1 else y - 1
        size = 11.5 if len(lines) == 1 else 10.5
        drawn += [text(left - 10, first + 11 * k, part, size=size, anchor="end") for k, part in enumerate(lines)]
        drawn += [marker(style, x(abs(value)), y, 4.4) for style, value in dots]
        drawn.append(text(left + width + 10, y + 4, shown, size=10.5))
    drawn += _axis(0.0, far, x, bottom + 2, "absolute standardised mean difference")[:-1]
    drawn.append(
        text(
            left + width / 2,
            bottom + 32,
            "Absolute standardised mean difference",
            size=10.5,
            anchor="middle",
            soft=True,
        )
    )
    return svg(key, 500, bottom + 38, title, description, drawn, "balance")
