"""Cumulative incidence by arm: rising steps with pale bands, number at risk under the ticks.

The scale begins at 0 and ends at ``high``, which the figures of one endpoint share, so that its event and what competes
with it can be compared by eye. Pale where fewer than 10 % of an arm are at risk, as in the Kaplan-Meier figures.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from analysis.report.curves import Tick
from analysis.report.figures.canvas import number, svg
from analysis.report.figures.curve_axes import axes, inset_lines, risk_table
from analysis.report.figures.curve_labels import ArmCurve, Frame, place_names
from analysis.report.figures.kaplan_meier import PALE_BELOW
from analysis.report.figures.step_curves import band, stroke

HIGHEST = (0.08, 0.2, 0.4, 0.6, 0.8, 1.0)  # each with quarters of two decimals


def highest(arms: Sequence[ArmCurve]) -> float:
    """The scale's upper end: the first that holds every curve and every band."""
    levels = [step.value(name) or 0.0 for arm in arms for step in arm.curve.drawn for name in (arm.curve.of, "upper")]
    return next(end for end in HIGHEST if max(levels, default=0.0) <= end or end == 1.0)


def cumulative_incidence(
    key: str,
    title: str,
    description: str,
    arms: Sequence[ArmCurve],
    ticks: Sequence[Tick],
    x_label: str,
    inset: Sequence[Markup | str],
    high: float,
) -> Markup:
    """The figure, 400 units wide. ``inset`` lines (Gray's test) stand inside the frame."""
    width, left = 400.0, 46.0
    last = max((step.time for arm in arms for step in arm.curve.steps), default=1.0)
    reach = max(last * 1.02, ticks[-1].time if ticks else 1.0) or 1.0
    frame = Frame(left, 24, width - left - 14, 190.0, reach, high)
    children = axes(frame, ticks, "Cumulative incidence", x_label)
    children += [band(frame, arm, 0.0) for arm in arms]
    for arm in arms:
        children += _steps(frame, arm)
    words, box = inset_lines(frame, arms, inset, ("top left", "top right", "bottom right"))
    children += place_names(frame, arms, [box])
    children.append(words)
    table, bottom = risk_table(frame, arms, ticks, beside=False)
    return svg(key, width, bottom, title, description, [*children, *table], "km incidence")


def _steps(frame: Frame, arm: ArmCurve) -> list[Markup]:
    """The line, and its pale tail."""
    enough = PALE_BELOW * (arm.curve.at_start or 0)
    solid, tail, before, level = [f"M{number(frame.x(0))} {number(frame.y(0))}"], list[str](), 0.0, 0.0
    for step in arm.curve.drawn:
        at_risk = step.value("at_risk")
        if not tail and at_risk is not None and at_risk < enough:
            tail.append(f"M{number(frame.x(before))} {number(frame.y(level))}")
        move = f"H{number(frame.x(step.time))}"
        if arm.curve.level(step) != level:
            level = arm.curve.level(step)
            move += f"V{number(frame.y(level))}"
        (tail or solid).append(move)
        before = step.time
    return stroke(arm, solid, tail)
