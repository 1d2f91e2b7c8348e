"""Survival at the study's named times, and restricted mean times: by arm and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from analysis.report.context import Context
from analysis.report.lookup import Cell, Lookup
from analysis.study.model import Endpoint

WALD = "wald_difference"


def restricted(context: Context, lookup: Lookup, endpoint: Endpoint, unit: str) -> list[dict[str, Any]]:
    """A line a time, in order, then the restricted mean; empty where the results hold neither."""
    levels = {r.level for r in context.index.of(endpoint.id, "landmark")}
    lines = [
        _line(context, lookup, endpoint.id, "landmark", level, Markup("Survival at {} {}").format(level, unit))
        for level in sorted(levels, key=float)
    ]
    tau = lookup.cell(endpoint.id, "rmst", "tau", quiet=True)
    if tau:
        label = Markup("Restricted mean time, up to {} {}").format(tau, unit)
        lines.append(_line(context, lookup, endpoint.id, "rmst", "", label))
    return lines


def _line(context: Context, lookup: Lookup, endpoint: str, variable: str, level: str, label: Markup) -> dict[str, Any]:
    estimate = "survival" if variable == "landmark" else "estimate"

    def cells(group: str, *statistics: str, method: str | None = None) -> list[Cell]:
        return [lookup.cell(endpoint, variable, s, group=group, level=level, method=method) for s in statistics]

    groups = [c.group for c in context.contrasts]
    return {
        "label": label,
        "arms": [interval_text(cells(arm, estimate, "lower", "upper")) for arm in context.arms],
        "differences": [interval_text(cells(g, "difference", "lower", "upper", method=WALD)) for g in groups],
        "p": [cells(g, "p", method=WALD)[0] for g in groups],
    }


def interval_text(cells: Sequence[Cell]) -> Markup:
    """``0.727 (0.371 to 0.903)``; one NE when the estimate is none, or in place of an interval that is none."""
    estimate, lower, upper = cells
    if estimate.value is None:
        return Markup("{}").format(estimate)
    if lower.value is None and upper.value is None and lower:
        return Markup('{} <span class="interval">({})</span>').format(estimate, lower)
    return Markup('{} <span class="interval">({} to {})</span>').format(estimate, lower, upper)
