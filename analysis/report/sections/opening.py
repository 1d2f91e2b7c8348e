"""The first screen: what was asked, of whom, and what came out, in one table and two figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context, Contrast, treatment_rows
from analysis.report.lookup import Cell, Lookup, Row
from analysis.study.model import Method


@dataclass(frozen=True)
class OutcomeRow:
    """A line of the one table: an outcome by one method."""

    outcome: str
    method: str
    arms: list[Markup]
    contrasts: list[Markup]
    p: list[Markup]
    published: bool = False


def opening(context: Context) -> dict[str, Any]:
    """Facts and table of the first screen."""
    lookup = context.lookup()
    study = context.study
    return {
        "question": study.study.question or study.study.title,
        "lookup": lookup,
        "screened": lookup.cell("flow", "screened", "n", quiet=True),
        "analysed": lookup.cell("flow", "analysed", "n", quiet=True),
        "arm_n": [
            (s, lookup.cell("flow", "analysed", "n", group=label, quiet=True)) for label, s in context.arms.items()
        ],
        "events": [_events(context, lookup, e.id) for e in context.endpoints],
        "follow_up": _follow_up(context, lookup),
        "rows": [] if context.masked else _rows(context, lookup),
        "unit": words.time_unit(study.endpoint_rules),
    }


def _events(context: Context, lookup: Lookup, endpoint: str) -> dict[str, Any]:
    by_arm = [(label, lookup.cell(endpoint, "events", "n", group=label, quiet=True)) for label in context.arms]
    return {
        "id": endpoint,
        "total": lookup.cell(endpoint, "events", "n", quiet=True),
        "arms": [(label, cell) for label, cell in by_arm if cell],
    }


def _follow_up(context: Context, lookup: Lookup) -> dict[str, Any] | None:
    """Of the last endpoint that reports it: in a study with overall survival, that one comes last."""
    named = [e for e in context.endpoints if context.has(e.id, "follow_up")]
    if not named:
        return None
    endpoint = named[-1].id
    labels = list(context.arms) or ["total"]
    return {
        "endpoint": endpoint,
        "arms": [
            {
                "label": label,
                **{
                    statistic: lookup.cell(endpoint, "follow_up", statistic, group=label, method="observed", quiet=True)
                    for statistic in ("median", "min", "max")
                },
                "reverse": lookup.cell(endpoint, "follow_up", "median", group=label, method="reverse_km"),
            }
            for label in labels
        ],
    }


def _rows(context: Context, lookup: Lookup) -> list[OutcomeRow]:
    plan = context.study.analysis
    rows: list[OutcomeRow] = []
    for endpoint in context.endpoints:
        for chosen, published in _methods(context):
            rows.append(_survival_row(context, lookup, endpoint.id, endpoint.label, chosen, published))
    if context.has("response"):
        names = (("orr", "Objective response"), ("dcr", "Disease control"))
        for variable, label in names:
            if context.has("response", variable):
                rows.append(_response_row(context, lookup, variable, label, plan.primary, False))
                if plan.published:
                    rows.append(_response_row(context, lookup, variable, label, plan.published, True))
    return rows


def _methods(context: Context) -> list[tuple[Method, bool]]:
    plan = context.study.analysis
    return [(plan.primary, False), *([(plan.published, True)] if plan.published else [])]


def _survival_row(
    context: Context, lookup: Lookup, endpoint: str, label: str, chosen: Method, published: bool
) -> OutcomeRow:
    median = words.median_method(chosen)
    unit = words.time_unit(context.study.endpoint_rules)
    arms = [median_text(lookup, endpoint, arm, median) for arm in context.arms]
    rows = context.index.of(endpoint, "cox_univariate")
    ratios = [
        Markup("HR {}").format(ratio_text(lookup, treatment_rows(rows, c, chosen.ties))) for c in context.contrasts
    ]
    return OutcomeRow(
        outcome=f"{label}, median {unit}",
        method=f"{words.sentence_case(words.method(median))}; Cox with {words.method(chosen.ties)}; log-rank",
        arms=arms,
        contrasts=ratios,
        p=[_p(lookup.cell(endpoint, "logrank", "p", group=g)) for g in _p_groups(context, endpoint, "logrank")],
        published=published,
    )


def _response_row(
    context: Context, lookup: Lookup, variable: str, label: str, chosen: Method, published: bool
) -> OutcomeRow:
    levels = context.study.response
    which = (levels.responders if variable == "orr" else levels.controlled) if levels else ()
    return OutcomeRow(
        outcome=f"{label} ({' + '.join(which)})" if which else label,
        method=f"Exact intervals; Miettinen-Nurminen difference, points; {words.method(chosen.response)}",
        arms=[rate_text(lookup, variable, arm) for arm in context.arms],
        contrasts=[difference_text(lookup, variable, c) for c in context.contrasts],
        p=[
            _p(lookup.cell("response", variable, "p", group=g, method=chosen.response))
            for g in _p_groups(context, "response", variable)
        ],
        published=published,
    )


def _p_groups(context: Context, parameter: str, variable: str) -> list[str]:
    """The groups a P value is reported for: each contrast, or one for all arms."""
    have = {r.group for r in context.index.of(parameter, variable) if r.statistic == "p"}
    return [c.group for c in context.contrasts if c.group in have] or sorted(have) or ["total"]


def _p(cell: Cell) -> Markup:
    return Markup("{}").format(cell)


def median_text(lookup: Lookup, endpoint: str, arm: str, method: str) -> Markup:
    """``12.0 (5.6 to 18.4)``."""
    cells = [lookup.cell(endpoint, "median", s, group=arm, method=method) for s in ("estimate", "lower", "upper")]
    return Markup('<b class="estimate">{}</b> <span class="interval">({} to {})</span>').format(*cells)


def ratio_text(lookup: Lookup, rows: dict[str, Row]) -> Markup:
    """``0.310 (0.110 to 0.875)``; one NE when the whole row is not estimable."""
    shown = [lookup.show(rows[s]) if s in rows else Cell(None) for s in ("hr", "lower", "upper")]
    if shown[0].value is None:
        return Markup("{}").format(shown[0])
    return Markup('<b class="estimate">{}</b> <span class="interval">({} to {})</span>').format(*shown)


def rate_text(lookup: Lookup, variable: str, arm: str) -> Markup:
    """``4 of 11, 36.4 % (10.9 to 69.2)``."""
    count, percent, lower, upper = (
        lookup.cell("response", variable, s, group=arm) for s in ("count", "percent", "lower", "upper")
    )
    return Markup('<b class="estimate">{} of {}</b> <span class="interval">{} % ({} to {})</span>').format(
        count, of_n(count, lookup, arm), percent, lower, upper
    )


def difference_text(lookup: Lookup, variable: str, contrast: Contrast) -> Markup:
    """``18.2 points (−20.4 to 52.4)``."""
    cells = [lookup.cell("response", variable, s, group=contrast.group) for s in ("difference", "lower", "upper")]
    return Markup('<b class="estimate">{} points</b> <span class="interval">({} to {})</span>').format(*cells)


def of_n(cell: Cell, lookup: Lookup, arm: str) -> Markup | Cell:
    """The denominator: the row's own n, else the analysed of the arm."""
    if cell.row is not None and cell.row.n is not None:
        return cell.denominator
    return lookup.cell("flow", "analysed", "n", group=arm, quiet=True)
