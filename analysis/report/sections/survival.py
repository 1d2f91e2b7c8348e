"""Time to event: the figures, the medians by each method, the log-rank test and follow-up."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context, treatment_rows
from analysis.report.curves import Curve, curve_of, risk_cells, ticks_of
from analysis.report.figures.curve_labels import ArmCurve
from analysis.report.figures.kaplan_meier import kaplan_meier
from analysis.report.lookup import Cell, Lookup
from analysis.report.sections.competing import competing
from analysis.report.sections.opening import median_text
from analysis.report.sections.restricted import restricted
from analysis.study.model import Endpoint

STATISTICS = (("At risk", "at_risk"), ("Censored", "censored"), ("Events", "events"))


def survival(context: Context) -> list[dict[str, Any]]:
    """One block for each endpoint with rows."""
    if context.masked:
        return []
    return [_endpoint(context, e) for e in context.endpoints]


def figures(context: Context, wide: bool) -> list[tuple[Endpoint, Markup]]:
    """The Kaplan-Meier figures of endpoints that have curves; the narrow ones stand on the first screen."""
    if context.masked:
        return []
    lookup = context.lookup()
    made = ((e, _figure(context, lookup, e, wide)) for e in context.endpoints)
    return [(e, figure) for e, figure in made if figure is not None]


def _endpoint(context: Context, endpoint: Endpoint) -> dict[str, Any]:
    lookup = context.lookup()
    curves = [curve_of(lookup, endpoint.id, arm) for arm in context.arms]
    ticks = ticks_of(lookup, endpoint.id)
    methods = list(
        dict.fromkeys(r.method for r in context.index.of(endpoint.id, "median") if r.statistic == "estimate")
    )
    first = words.median_method(context.study.analysis.primary)
    methods.sort(key=lambda m: m != first)
    return {
        "id": endpoint.id,
        "label": endpoint.label,
        "lookup": lookup,
        "figure": _figure(context, lookup, endpoint, wide=True),
        "events": [
            (
                arm,
                lookup.cell(endpoint.id, "events", "n", group=arm),
                lookup.cell(endpoint.id, "censored", "n", group=arm),
            )
            for arm in context.arms
        ],
        "medians": [
            (words.sentence_case(words.method(m)), [median_text(lookup, endpoint.id, arm, m) for arm in context.arms])
            for m in methods
        ],
        "restricted": restricted(context, lookup, endpoint, words.time_unit(context.study.endpoint_rules)),
        "logrank": [
            (r.group, lookup.show(r), lookup.cell(endpoint.id, "logrank", "chi2", group=r.group, method=r.method))
            for r in context.index.of(endpoint.id, "logrank")
            if r.statistic == "p"
        ],
        "competing": competing(context, lookup, endpoint),
        "follow_up": [_follow_up(lookup, endpoint.id, arm) for arm in context.arms],
        "ticks": [words.prettify(f"{t.time:g}") for t in ticks],
        "risk": [
            (arm, [(name, risk_cells(lookup, endpoint.id, arm, s, ticks)) for name, s in STATISTICS])
            for arm in context.arms
        ],
        "steps": [(c.label, _steps(lookup, c), len(c.steps)) for c in curves if c.steps],
    }


def _follow_up(lookup: Lookup, endpoint: str, arm: str) -> tuple[str, list[Cell], Cell]:
    observed = [lookup.cell(endpoint, "follow_up", s, group=arm, method="observed") for s in ("median", "min", "max")]
    return arm, observed, lookup.cell(endpoint, "follow_up", "median", group=arm, method="reverse_km")


def _steps(lookup: Lookup, curve: Curve) -> list[tuple[str, list[Cell]]]:
    wanted = ("at_risk", "events", "censored", "survival", "lower", "upper")
    return [(f"{step.time:.2f}", lookup.cells(step.rows, wanted)) for step in curve.thinned]


def _figure(context: Context, lookup: Lookup, endpoint: Endpoint, wide: bool) -> Markup | None:
    curves = {arm: curve_of(lookup, endpoint.id, arm) for arm in context.arms}
    if not any(c.drawn for c in curves.values()):
        return None
    ticks = ticks_of(lookup, endpoint.id)
    median = words.median_method(context.study.analysis.primary)
    wanted = STATISTICS if wide else STATISTICS[:1]
    arms = [
        ArmCurve(
            curves[arm],
            style,
            lookup.cell(endpoint.id, "median", "estimate", group=arm, method=median, quiet=True).value,
            tuple((name, risk_cells(lookup, endpoint.id, arm, s, ticks)) for name, s in wanted),
        )
        for arm, style in context.arms.items()
    ]
    unit = words.time_unit(context.study.endpoint_rules)
    return kaplan_meier(
        f"km-{endpoint.id.lower()}{'-wide' if wide else ''}",
        f"{endpoint.label}, Kaplan-Meier",
        _described(context, lookup, endpoint, unit),
        arms,
        ticks,
        f"{words.sentence_case(unit)} since the {words.start_of_time(context.study)}",
        _inset(context, lookup, endpoint),
        wide=wide,
    )


def _inset(context: Context, lookup: Lookup, endpoint: Endpoint) -> list[Markup]:
    """Hazard ratio and log-rank P; with more than three contrasts only the tests, the ratios stand in the table."""
    ties = context.study.analysis.primary.ties
    rows = context.index.of(endpoint.id, "cox_univariate")
    lines = []
    many = len(context.contrasts) > 1
    for contrast in context.contrasts if len(context.contrasts) <= 3 else []:
        found = treatment_rows(rows, contrast, ties)
        cells = lookup.cells(found, ("hr", "lower", "upper"), quiet=True)
        name = f" {contrast.experimental}" if many else ""
        if cells[0].value is None:
            lines.append(Markup("HR{} {}").format(name, cells[0].tspan))
        else:
            lines.append(Markup("HR{} {} ({} to {})").format(name, *(c.tspan for c in cells)))
    tests = [r for r in context.index.of(endpoint.id, "logrank") if r.statistic == "p"]
    if len(tests) > 3:
        tests = [r for r in tests if r.group == "total"]
    for row in tests:
        name = f" {row.group.partition(' vs ')[0]}" if len(tests) > 1 and row.group != "total" else ""
        sign = "" if lookup.show(row).text.startswith("<") else "= "
        lines.append(Markup("log-rank{} P {}{}").format(name, sign, lookup.show(row, quiet=True).tspan))
    return lines


def _described(context: Context, lookup: Lookup, endpoint: Endpoint, unit: str) -> str:
    method = words.median_method(context.study.analysis.primary)
    cells = {
        arm: lookup.cell(endpoint.id, "median", "estimate", group=arm, method=method, quiet=True)
        for arm in context.arms
    }
    medians = "; ".join(f"{arm}: median {cell.text} {unit}" for arm, cell in cells.items())
    return (
        f"Step curves by arm with censor ticks, pale bands and number at risk. {medians}. Every step stands in the "
        "table behind the figure."
    )
