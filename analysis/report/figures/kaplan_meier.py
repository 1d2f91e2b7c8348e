"""Kaplan-Meier curves with the table of number at risk, censored and events aligned under the axis.

Follows KMunicate (Morris et al., BMJ Open 2019;9:e030215): steps, ticks at censorings, pale bands, y from 0 to 1,
the numbers aligned to the ticks. Curves are labelled at their end; where fewer than 10 % of an arm are at risk its
curve is drawn pale.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from analysis.report.curves import Curve, Tick
from analysis.report.figures.canvas import INK, line, number, svg, tag
from analysis.report.figures.curve_axes import axes, inset_lines, risk_table
from analysis.report.figures.curve_labels import ArmCurve, Frame, place_names
from analysis.report.figures.step_curves import band, stroke

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
    children = [*axes(frame, ticks, "Probability", x_label), *_medians(frame, arms)]
    for arm in arms:
        children.append(band(frame, arm, 1.0))
    for arm in arms:
        children.extend(_steps(frame, arm))
    words, box = inset_lines(frame, arms, inset, ("top right", "bottom left"))
    children.extend(place_names(frame, arms, [box]))
    children.append(words)
    table, bottom = risk_table(frame, arms, ticks, beside)
    return svg(key, width, bottom, title, description, [*children, *table], "km km-wide" if wide else "km")


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
    drawn = stroke(arm, solid, tail)
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
