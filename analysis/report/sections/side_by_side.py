"""Medians, survival at named times and response rates of every sensitivity analysis beside the primary one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context, Contrast
from analysis.report.figures.intervals import Point, differences
from analysis.report.lookup import Cell, Lookup
from analysis.report.sections.opening import RATES, difference_cells
from analysis.report.sections.restricted import interval_text
from analysis.study.model import Sensitivity, Study
from analysis.study.survival import landmark_level

PRIMARY = "Primary analysis"
Line = tuple[str, list[Markup]]


def set_label(item: Sensitivity) -> str:
    """What a sensitivity analysis is called: its text, else its id in words."""
    return item.text or item.id.replace("-", " ")


def side_by_side(context: Context, lookup: Lookup) -> dict[str, Any] | None:
    """A table for each endpoint and one of the response, as far as the study asks; None where it asks for none."""
    asked = context.study.analysis.side_by_side
    endpoints = [
        {"label": endpoint.label, "measures": _measures(context, lookup, endpoint.id)}
        for endpoint in (context.endpoints if asked.median or asked.survival_at else ())
    ]
    rates = []
    if asked.response and context.study.response is not None:
        rates = [_rate(context, lookup, variable, label) for variable, label in RATES]
    if not endpoints and not rates:
        return None
    return {"endpoints": endpoints, "rates": rates, "figure": _figure(context, lookup) if rates else None}


def _measures(context: Context, lookup: Lookup, endpoint: str) -> list[tuple[str, list[Line]]]:
    """A block for each measure: its name, and a line for each analysis with the arms."""
    asked, unit = context.study.analysis.side_by_side, words.time_unit(context.study.endpoint_rules)
    method = words.median_method(context.study.analysis.primary)
    measures = []
    if asked.median:

        def median(arm: str, item: Sensitivity | None) -> Markup:
            if item is None:
                return _interval(lookup, endpoint, "median", "estimate", arm, "", method)
            return _interval(lookup, f"sensitivity:{item.id}", f"{endpoint}_median", "estimate", arm)

        measures.append((f"Median, {unit}", _lines(context, median)))
    for time in asked.survival_at:

        def survival(arm: str, item: Sensitivity | None, time: float = time) -> Markup:
            if item is None:
                return _interval(lookup, endpoint, "landmark", "survival", arm, landmark_level(time))
            return _interval(lookup, f"sensitivity:{item.id}", f"{endpoint}_survival", "survival", arm, f"{time:g}")

        measures.append((f"Survival at {time:g} {unit}", _lines(context, survival)))
    return measures


def _lines(context: Context, shown: Callable[[str, Sensitivity | None], Markup]) -> list[Line]:
    return [(label, [shown(arm, item) for arm in context.arms]) for label, item in _analyses(context.study)]


def _analyses(study: Study) -> list[tuple[str, Sensitivity | None]]:
    return [(PRIMARY, None), *((set_label(item), item) for item in study.analysis.sensitivity)]


def _interval(
    lookup: Lookup, parameter: str, variable: str, estimate: str, arm: str, level: str = "", method: str | None = None
) -> Markup:
    return interval_text(
        [
            lookup.cell(parameter, variable, statistic, group=arm, level=level, method=method)
            for statistic in (estimate, "lower", "upper")
        ]
    )


def _rate(context: Context, lookup: Lookup, variable: str, label: str) -> dict[str, Any]:
    lines = []
    for name, item in _analyses(context.study):
        parameter = f"sensitivity:{item.id}" if item else "response"
        method = (item.set_ if item and item.set_ else context.study.analysis.primary).response
        lines.append(
            {
                "label": name,
                "arms": [_percent(lookup.cell(parameter, variable, "percent", group=arm)) for arm in context.arms],
                "contrasts": [(c, interval_text(_difference(lookup, variable, c, item))) for c in context.contrasts],
                "test": words.method(method),
                "p": [lookup.cell(parameter, variable, "p", group=c.group, method=method) for c in context.contrasts],
            }
        )
    return {"label": label, "lines": lines}


def _percent(cell: Cell) -> Markup:
    """``36.4 % of 11``; the cell alone where it cannot be given."""
    if cell.value is None:
        return Markup("{}").format(cell)
    return Markup("{}\u00a0% of {}").format(cell, cell.denominator)


def _difference(
    lookup: Lookup, variable: str, contrast: Contrast, item: Sensitivity | None, quiet: bool = False
) -> list[Cell]:
    if item is None:
        return difference_cells(lookup, variable, contrast, quiet=quiet)
    return [
        lookup.cell(f"sensitivity:{item.id}", variable, statistic, group=contrast.group, quiet=quiet)
        for statistic in ("difference", "lower", "upper")
    ]


def _figure(context: Context, lookup: Lookup) -> Markup | None:
    """The differences of the rates under each analysis, a group for each rate and comparison; None without any."""
    groups = []
    for variable, label in RATES:
        for contrast in context.contrasts:
            many = len(context.contrasts) > 1
            style = context.arms[contrast.experimental] if many else None
            heading = f"{label}: {contrast.experimental} minus {contrast.reference}"
            points = []
            for name, item in _analyses(context.study):
                cells = _difference(lookup, variable, contrast, item, quiet=True)
                value, lower, upper = (c.value for c in cells)
                known = Markup("{} ({} to {})").format(*(c.tspan for c in cells))
                points.append(Point(name, value, lower, upper, cells[0].tspan if value is None else known, style))
            groups.append((heading, points))
    if all(v is None for _, points in groups for p in points for v in (p.value, p.lower, p.upper)):
        return None
    return differences(
        "sensitivity-response",
        "Difference of the arms in response, every variation",
        "Percentage points with intervals.",
        groups,
    )
