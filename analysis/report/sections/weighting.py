"""Weighting by propensity scores: balance before and after, effective sample sizes, weighted ratios, E-values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context, Contrast, treatment_rows
from analysis.report.figures.forest import described, forest
from analysis.report.figures.love_plot import Balance, love_plot
from analysis.report.lookup import Cell, Lookup
from analysis.report.sections.crossing import weighted_to
from analysis.report.sections.models import RATIO, forest_row
from analysis.report.sections.scores import curves, scores
from analysis.study.model import Endpoint

FORCED = "forced with fewer than 10 subjects"
"""As ``analysis.stats.propensity_scores`` warns."""


def weighting(context: Context) -> dict[str, Any] | None:
    """What the study's weighting gave; None where it asks for none or arms are masked."""
    plan = context.study.analysis.weighting
    if plan is None or context.masked or not context.contrasts:
        return None
    names = [e for e in plan.estimands if context.has(f"weighting:{e}")]
    if not names:
        return None
    lookup = context.lookup()
    contrast = context.contrasts[0]
    return {
        "lookup": lookup,
        "reason": plan.reason.rstrip(".") if plan.reason and _was_forced(context) else None,
        "names": [words.sentence_case(weighted_to(context, e)) for e in names],
        "missing": lookup.cell("propensity", "missing", "n", quiet=True),
        "outside": [(arm, lookup.cell("propensity", "outside_support", "n", group=arm)) for arm in context.arms],
        "scores": scores(context, lookup),
        "sizes": [_sizes(context, lookup, e) for e in names],
        **_balance(context, lookup, contrast, names),
        "outcomes": [_outcome(context, lookup, contrast, e, names) for e in context.endpoints],
    }


def _was_forced(context: Context) -> bool:
    """Whether any row says that force was needed: a study may say ``force`` and have subjects enough."""
    return any(
        FORCED in row.warning
        for row in context.index.rows
        if row.parameter == "propensity" or row.parameter.startswith("weighting:")
    )


def _sizes(context: Context, lookup: Lookup, estimand: str) -> tuple[str, list[tuple[Cell, Cell]]]:
    """Of each arm the effective sample size and the largest weight."""
    cells = [
        (
            lookup.cell(f"weighting:{estimand}", "weights", "ess", group=arm),
            lookup.cell(f"weighting:{estimand}", "weights", "max", group=arm),
        )
        for arm in context.arms
    ]
    return words.sentence_case(weighted_to(context, estimand)), cells


def _balance(context: Context, lookup: Lookup, contrast: Contrast, names: Sequence[str]) -> dict[str, Any]:
    """The table of differences and the figure; the marks stand at the table's first column only."""
    rows = context.index.of(f"weighting:{names[0]}", "balance")
    levels = list(dict.fromkeys(r.level for r in rows if r.statistic == "smd"))
    order = list(context.study.covariate)
    levels.sort(key=lambda level: order.index(level.partition("=")[0]) if level.partition("=")[0] in order else 0)
    lines = []
    for level in levels:
        before = _smd(lookup, names[0], level, contrast, "unweighted", quiet=False)
        after = [_smd(lookup, e, level, contrast, "weighted", quiet=True) for e in names]
        lines.append((_label(context, level), before, after))
    drawn = [Balance(label, before.value, tuple(c.value for c in after)) for label, before, after in lines]
    figure = love_plot(
        "love",
        "Balance before and after weighting",
        f"Absolute standardised mean differences of {len(drawn)} covariates and categories; each stands in the table.",
        drawn,
        [weighted_to(context, e) for e in names],
    )
    known = any(v is not None for b in drawn for v in (b.unweighted, *b.weighted))
    return {"balance": lines, "figure": figure if known else None}


def _smd(lookup: Lookup, estimand: str, level: str, contrast: Contrast, method: str, quiet: bool) -> Cell:
    parameter = f"weighting:{estimand}"
    return lookup.cell(
        parameter, "balance", "smd", group=contrast.group, level=level, method=method, quiet=quiet
    )  # fmt: skip


def _label(context: Context, level: str) -> str:
    name, _, category = level.partition("=")
    covariate = context.study.covariate.get(name)
    label = words.covariate_label(name, covariate)
    return f"{label}: {words.level_label(category, covariate)}" if category else label


def _outcome(
    context: Context, lookup: Lookup, contrast: Contrast, endpoint: Endpoint, names: Sequence[str]
) -> dict[str, Any]:
    """The ratio without and with weights, and the E-value of each."""
    ties = context.study.analysis.primary.ties
    found = [
        (
            "Unweighted",
            "cox_univariate",
            treatment_rows(context.index.of(endpoint.id, "cox_univariate"), contrast, ties),
        )
    ]
    for estimand in names:
        mine = context.index.of(f"weighting:{estimand}", endpoint.id)
        rows = {r.statistic: r for r in mine if r.group == contrast.group and r.method == f"{ties}_robust"}
        found.append((f"Weighted to {weighted_to(context, estimand)}", f"weighting:{estimand}", rows))
    lines, drawn = [], []
    for label, source, rows in found:
        hr, lower, upper, p = lookup.cells(rows, RATIO[:4])
        limits = [
            lookup.cell(endpoint.id, "e_value", s, group=contrast.group, level=source) for s in ("estimate", "limit")
        ]
        lines.append(
            {
                "label": label,
                "hr": hr,
                "interval": None if hr.value is None else Markup("{} to {}").format(lower.silent, upper.silent),
                "p": p.silent,
                "e_value": limits[0].silent,
                "e_limit": limits[1].silent,
            }
        )
        drawn.append(forest_row(label, lookup.cells(rows, RATIO, quiet=True), label == "Unweighted"))
    return {
        "label": endpoint.label,
        "lines": lines,
        "curves": curves(context, lookup, endpoint, names),
        "figure": forest(
            f"weighted-{endpoint.id.lower()}",
            f"{endpoint.label}: hazard ratio without and with weights",
            described(drawn, ("P",)),
            drawn,
            ("lower hazard", "higher hazard"),
            words.confidence(context.study),
            beside=True,
        )
        if any(row.hr is not None for row in drawn)
        else None,
    }
