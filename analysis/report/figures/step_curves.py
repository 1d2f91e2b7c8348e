"""What curves of survival and of incidence share: the band between their limits, the line with its pale tail."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from analysis.report.figures.canvas import number, tag
from analysis.report.figures.curve_labels import ArmCurve, Frame


def band(frame: Frame, arm: ArmCurve, start: float) -> Markup:
    """Between the limits, from the level ``start`` on; on the line as long as no interval is defined, which is before
    the first event. Empty where no interval is."""
    upper, lower = [(0.0, start)], [(0.0, start)]
    for step in arm.curve.drawn:
        high, low = step.value("upper"), step.value("lower")
        if arm.curve.level(step) == start:
            high = low = start
        if high is None or low is None:
            break
        upper += [(step.time, upper[-1][1]), (step.time, high)]
        lower += [(step.time, lower[-1][1]), (step.time, low)]
    if len(upper) == 1:
        return Markup("")
    path = "M" + "L".join(f"{number(frame.x(t))} {number(frame.y(s))}" for t, s in (*upper, *reversed(lower))) + "Z"
    return tag("path", d=path, fill=arm.style.colour, fill_opacity=0.1, class_=f"{arm.style.css} fill band")


def stroke(arm: ArmCurve, solid: Sequence[str], tail: Sequence[str]) -> list[Markup]:
    """The line of an arm by its moves, and its pale tail where it has one."""
    look: dict[str, object] = {
        "fill": "none",
        "stroke": arm.style.colour,
        "class_": f"{arm.style.css} stroke",
        "stroke_width": 2,
        "stroke_dasharray": arm.style.dash,
    }
    drawn = [tag("path", d="".join(solid), **look)]
    return [*drawn, tag("path", d="".join(tail), opacity=0.45, **look)] if tail else drawn
