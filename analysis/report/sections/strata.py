"""Treatment's hazard ratio and log-rank test within strata, and with a robust variance, beside the plain ones."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context, Contrast, treatment_rows
from analysis.report.lookup import Lookup, Row
from analysis.report.sections.compared import compared
from analysis.report.sections.methods_asked import strata_names
from analysis.report.sections.models import RATIO, forest_row, marked_once
from analysis.study.model import Endpoint


def strata(context: Context) -> dict[str, dict[str, Any]]:
    """A block for each endpoint by its id; empty where the study asks for neither or arms are masked."""
    plan = context.study.analysis.survival
    if context.masked or not (plan.strata or plan.cluster):
        return {}
    return {e.id: _endpoint(context, e) for e in context.endpoints}


def _endpoint(context: Context, endpoint: Endpoint) -> dict[str, Any]:
    lookup = context.lookup()
    blocks = []
    for contrast in context.contrasts:
        lines = _lines(context, lookup, endpoint.id, contrast)
        rows = [forest_row(line["label"], line["quiet"], i == 0, line["tests"]) for i, line in enumerate(lines)]
        named = ("strata", "within strata and with a robust variance")
        blocks.append(compared(context, endpoint, contrast, lines, rows, named))
    return {"lookup": lookup, "blocks": blocks}


def _lines(context: Context, lookup: Lookup, endpoint: str, contrast: Contrast) -> list[dict[str, Any]]:
    """Treatment alone first; then each that the study asks for."""
    plan, ties = context.study.analysis.survival, context.study.analysis.primary.ties

    def rows(variable: str, method: str) -> dict[str, Row]:
        return treatment_rows(context.index.of(endpoint, variable), contrast, method)

    lines = [_line("Treatment alone", rows("cox_univariate", ties), lookup, _test(context, endpoint, "", contrast))]
    if plan.strata:
        label = f"Within strata of {words.listing(strata_names(context.study))}"
        test = _test(context, endpoint, "_stratified", contrast)
        lines.append(_line(label, rows("cox_stratified", ties), lookup, test))
    if plan.cluster:
        label = f"Robust variance, by {plan.cluster}"
        lines.append(_line(label, rows("cox_robust", f"{ties}_{plan.cluster}"), lookup, None))
    return lines


def _test(context: Context, endpoint: str, kind: str, contrast: Contrast) -> dict[str, Row]:
    """Chi-square and P of the log-rank test of two arms; of two in all the pooled one is the same."""
    found: dict[str, Row] = {}
    groups = (contrast.group, "total") if len(context.study.arm) == 2 else (contrast.group,)
    for row in context.index.of(endpoint, f"logrank{kind}"):
        if row.group in groups:
            found.setdefault(row.statistic, row)
    return found


def _line(label: str, found: dict[str, Row], lookup: Lookup, test: dict[str, Row] | None) -> dict[str, Any]:
    hr, lower, upper, p, *_ = marked_once(lookup.cells(found, RATIO[:-1]))
    return {
        "label": label,
        "hr": hr,
        "interval": None if lower.value is None and upper.value is None else Markup("{} to {}").format(lower, upper),
        "ends": lower,
        "p": p,
        "counts": [lookup.show(found[s]) if s in found else "" for s in ("n", "events")],
        "logrank": None if test is None else marked_once(lookup.cells(test, ("chi2", "p"))),
        "tests": () if test is None else lookup.cells(test, ("p",), quiet=True),
        "quiet": lookup.cells(found, RATIO, quiet=True),
    }
