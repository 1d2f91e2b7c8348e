"""Treatment alone in other ways beside the primary one: within strata, and with a robust variance."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context, Contrast, treatment_rows
from analysis.report.lookup import Cell, Lookup, Row
from analysis.study.survival import SITE

CLUSTERS = {SITE: "sites", "subject": "subjects"}


def within_strata(context: Context, lookup: Lookup, endpoint: str) -> list[dict[str, Any]]:
    """Of each contrast the primary Cox model and log-rank test, then what the study asks for beside them.

    Empty where it asks for neither strata nor clusters. A line without a log-rank test of its own has None for it.
    """
    if not (context.has(endpoint, "cox_stratified") or context.has(endpoint, "cox_robust")):
        return []
    return [line for contrast in context.contrasts for line in _contrast(context, lookup, endpoint, contrast)]


def _contrast(context: Context, lookup: Lookup, endpoint: str, contrast: Contrast) -> list[dict[str, Any]]:
    plan = context.study.analysis
    ties = plan.primary.ties
    name = f"{contrast.group}, " if len(context.contrasts) > 1 else ""
    strata = words.listing([_stratum(context, one) for one in plan.survival.strata])
    clusters = CLUSTERS.get(plan.survival.cluster or "", "")
    asked = (
        ("without strata", "cox_univariate", ties, "logrank"),
        (f"within strata of {strata}", "cox_stratified", ties, "logrank_stratified"),
        (f"robust variance over {clusters}", "cox_robust", f"{ties}_{plan.survival.cluster}", None),
    )
    lines = []
    for label, variable, method, test in asked:
        found = treatment_rows(context.index.of(endpoint, variable), contrast, method)
        if not found:
            continue
        tests = [lookup.cell(endpoint, test, s, group=contrast.group) for s in ("chi2", "p")] if test else None
        lines.append({"label": words.sentence_case(name + label), **_ratio(lookup, found), "logrank": tests})
    return lines


def _ratio(lookup: Lookup, found: dict[str, Row]) -> dict[str, Any]:
    hr, lower, upper, p = (lookup.show(found[s]) if s in found else Cell(None) for s in ("hr", "lower", "upper", "p"))
    return {
        "n": hr.denominator,
        "hr": hr,
        "interval": None if hr.value is None else Markup("{} to {}").format(lower.silent, upper.silent),
        "p": p.silent,
    }


def _stratum(context: Context, name: str) -> str:
    if name == SITE:
        return "site"
    return words.in_sentence(words.covariate_label(name, context.study.covariate.get(name)))
