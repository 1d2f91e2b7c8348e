"""Record against supplement: how far the two sources agree on each covariate that both may hold."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context
from analysis.report.lookup import Cell, Lookup
from analysis.report.sections.recorded import of_all
from analysis.report.sections.restricted import interval_text
from analysis.study.model import Covariate

PARAMETER = "agreement"


def sources(context: Context) -> dict[str, Any] | None:
    """A line for each covariate of a supplement; None where the results hold none or arms are masked."""
    if context.study.supplement is None or context.masked:
        return None
    lookup = context.lookup()
    named = [
        (name, rule)
        for name, rule in context.study.covariate.items()
        if context.has(PARAMETER, f"record_supplement:{name}")
    ]
    if not named:
        return None
    return {"lookup": lookup, "lines": [_line(lookup, name, rule) for name, rule in named]}


def _line(lookup: Lookup, name: str, rule: Covariate) -> dict[str, Any]:
    variable = f"record_supplement:{name}"

    def cells(*statistics: str, method: str) -> list[Cell]:
        return [lookup.cell(PARAMETER, variable, statistic, method=method) for statistic in statistics]

    agree = lookup.cell(PARAMETER, variable, "count", level="agree")
    levels = bool(rule.levels)
    return {
        "label": words.covariate_label(name, rule),
        "agree": of_all(agree),
        "only": [
            lookup.cell(PARAMETER, variable, "count", level=f"only_{where}") for where in ("record", "supplement")
        ],
        "kappa": interval_text(cells("kappa", "lower", "upper", method="unweighted")) if levels else Markup(""),
        "difference": Markup("")
        if levels
        else interval_text(cells("mean_difference", "lower", "upper", method="limits_of_agreement")),
    }
