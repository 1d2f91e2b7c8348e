"""Kaplan-Meier curves with the table of number at risk, censored and events aligned under the axis.

Follows KMunicate (Morris et al., BMJ Open 2019;9:e030215): steps, ticks at censorings, pale bands, y from 0 to 1,
the numbers aligned to the ticks. Curves are labelled at their end; where fewer than 10 % of an arm are at risk its
curve is drawn pale.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from analysis.report.curves import Curve, Tick
from analysis.report.figures.canvas import INK, PAPER, line, marker, number, plain, rect, svg, tag, text
from analysis.report.figures.curve_labels import ArmCurve, Box, Frame, crossings, place_names

PALE_BELOW = 0.10


def kaplan_meier(
    key: str,
    title: str,
    description: str,
    arms: Sequence[ArmCurve],
    ticks: Sequence[Tick],
    x_label: str,
    inset: Sequence[Markup | str],
    wide: bool = False,
) -> Markup:
    """The figure. ``inset`` lines (hazard ratio, log-rank) stand inside the frame; ``wide`` is the full-width form."""
    width, height = (760.0, 340.0) if wide else (400.0, 210.0)
    longest = max((len(a.style.label) for a in arms), default=0)
    beside = not wide and longest <= 10
    left = 96.0 if wide else max(46.0, 30 + longest * 6.6) if beside else 46.0
    last_step = max((s.time for a in arms for s in a.curve.steps), default=1.0)
    frame = Frame(left, 24, width - left - 14, height, max(last_step * 1.02, ticks[-1].time if ticks else 1.0) or 1.0)
    children = [*_axes(frame, ticks, x_label), *_medians(frame, arms)]
    for arm in arms:
        children.append(_band(frame, arm))
    for arm in arms:
        children.extend(_steps(frame, arm))
    words, box = _inset(frame, arms, inset)
    children.extend(place_names(frame, arms, [box]))
    children.append(words)
    table, bottom = _risk_table(frame, arms, ticks, beside)
    return svg(key, width, bottom, title, description, [*children, *table], "km km-wide" if wide else "km")


def _axes(frame: Frame, ticks: Sequence[Tick], x_label: str) -> list[Markup]:
    drawn = [text(frame.left, frame.top - 10, "Probability", size=10.5, soft=True)]
    for tenth in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = frame.y(tenth)
        drawn.append(
            line(
                frame.left,
                y,
                frame.right,
                y,
                stroke_width=1 if tenth == 0 else 0.6,
                opacity=None if tenth == 0 else 0.6,
            )
        )
        drawn.append(
            text(
                frame.left - 7,
                y + 3.8,
                f"{tenth:.2f}".rstrip("0").rstrip(".") if tenth not in (0, 1) else f"{tenth:.0f}",
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


def _medians(frame: Frame, arms: Sequence[ArmCurve]) -> list[Markup]:
    reached = [a for a in arms if a.median is not None and a.median <= frame.last]
    if not reached:
        return []
    far = max(a.median for a in reached if a.median is not None)
    y = frame.y(0.5)
    drawn = [
        line(frame.left, y, frame.x(far), y, stroke=INK, class_="median", stroke_width=0.8, stroke_dasharray="1.5 2.5")
    ]
    for arm in reached:
        x = frame.x(arm.median or 0)
        drawn.append(
            line(
                x,
                y,
                x,
                frame.bottom,
                stroke=arm.style.colour,
                class_=f"{arm.style.css} stroke",
                stroke_width=0.9,
                stroke_dasharray="1.5 2.5",
            )
        )
    return drawn


def _band(frame: Frame, arm: ArmCurve) -> Markup:
    upper, lower = [(0.0, 1.0)], [(0.0, 1.0)]
    for step in arm.curve.drawn:
        high, low = step.value("upper"), step.value("lower")
        if step.value("survival") == 1:
            high = low = 1.0  # no interval is defined before the first event
        if high is None or low is None:
            break
        upper += [(step.time, upper[-1][1]), (step.time, high)]
        lower += [(step.time, lower[-1][1]), (step.time, low)]
    if len(upper) == 1:
        return Markup("")
    points = [*upper, *reversed(lower)]
    path = "M" + "L".join(f"{number(frame.x(t))} {number(frame.y(s))}" for t, s in points) + "Z"
    return tag("path", d=path, fill=arm.style.colour, fill_opacity=0.1, class_=f"{arm.style.css} fill band")


def _steps(frame: Frame, arm: ArmCurve) -> list[Markup]:
    """The line, its pale tail, and the censor ticks."""
    enough = PALE_BELOW * (arm.curve.at_start or 0)
    solid, tail = [f"M{number(frame.x(0))} {number(frame.y(1))}"], list[str]()
    level, ticks = 1.0, list[str]()
    for step in arm.curve.drawn:
        survival = step.value("survival")
        assert survival is not None
        x = number(frame.x(step.time))
        move = f"H{x}" + (f"V{number(frame.y(survival))}" if survival != level else "")
        at_risk = step.value("at_risk")
        if tail or (at_risk is not None and at_risk < enough):
            if not tail:
                tail.append(f"M{number(frame.x(_time_before(arm.curve, step.time)))} {number(frame.y(level))}")
            tail.append(move)
        else:
            solid.append(move)
        level = survival
        if step.value("censored"):
            ticks.append(f"M{x} {number(frame.y(level) - 4)}v8")
    look: dict[str, object] = {
        "fill": "none",
        "stroke": arm.style.colour,
        "class_": f"{arm.style.css} stroke",
        "stroke_width": 2,
        "stroke_dasharray": arm.style.dash,
    }
    drawn = [tag("path", d="".join(solid), **look)]
    if tail:
        drawn.append(tag("path", d="".join(tail), opacity=0.45, **look))
    if ticks:
        drawn.append(
            tag(
                "path",
                d="".join(ticks),
                fill="none",
                stroke=arm.style.colour,
                class_=f"{arm.style.css} stroke",
                stroke_width=1.3,
            )
        )
    return drawn


def _time_before(curve: Curve, time: float) -> float:
    return max((s.time for s in curve.drawn if s.time < time), default=0.0)


def _inset(frame: Frame, arms: Sequence[ArmCurve], lines: Sequence[Markup | str]) -> tuple[Markup, Box]:
    """The lines at the top right, or at the bottom left where fewer curves run through; and where they lie."""
    wide = 6.1 * max((len(plain(words)) for words in lines), default=0)
    tall = 6.0 + 14.0 * len(lines)
    low = frame.bottom - 4 - tall
    places = (Box(frame.right - 4 - wide, frame.top + 1.0, wide, tall), Box(frame.left + 8.0, low, wide, tall))
    crossed = [crossings(frame, arms, box) for box in places]
    left = crossed[1] < crossed[0]
    x, anchor = (frame.left + 8.0, "start") if left else (frame.right - 4, "end")
    top = low + 11 if left else frame.top + 13
    rows = [text(x, top + 14 * i, words, size=10.5, anchor=anchor) for i, words in enumerate(lines)]
    return tag("g", *rows, paint_order="stroke", stroke=PAPER, stroke_width=3, class_="halo"), places[left]


def _risk_table(
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
