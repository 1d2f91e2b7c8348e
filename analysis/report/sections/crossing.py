"""Comparisons whose P lies on the other side of alpha than the primary or unweighted one, both P values named."""

from __future__ import annotations

from analysis.report import words
from analysis.report.context import Context, Contrast, treatment_rows
from analysis.report.lookup import Lookup, Row
from analysis.report.sections.side_by_side import set_label

Sentence = tuple[object, ...]
ESTIMANDS = {"ATE": "all subjects (ATE)", "ATT": "those of {} (ATT)", "ATO": "the overlap (ATO)"}
RATES = {"orr": "objective response", "dcr": "disease control"}


def crossings(context: Context, lookup: Lookup) -> list[Sentence]:
    """One piece of a sentence for each outcome and contrast that the results flag: text and cells, no full stop."""
    if context.masked:
        return []
    found = []
    for row in context.index.rows:
        if row.parameter != "alpha_crossing" or not row.value:
            continue
        contrast = next((c for c in context.contrasts if c.group == row.group), None)
        if contrast is not None:
            found.append(_piece(context, lookup, row, contrast))
    return found


def weighted_crossings(context: Context, lookup: Lookup) -> list[Sentence]:
    """One piece of a sentence for each endpoint whose P lies on the other side of alpha once subjects are weighted."""
    plan = context.study.analysis.weighting
    if plan is None or context.masked or not context.contrasts:
        return []
    contrast, alpha = context.contrasts[0], context.study.analysis.alpha
    ties = context.study.analysis.primary.ties
    found = []
    for endpoint in context.endpoints:
        first = treatment_rows(context.index.of(endpoint.id, "cox_univariate"), contrast, ties).get("p")
        if first is None or first.value is None:
            continue
        parts: list[object] = []
        for estimand in plan.estimands:
            for row in context.index.of(f"weighting:{estimand}", endpoint.id):
                if (row.statistic, row.method, row.group) != ("p", f"{ties}_robust", contrast.group):
                    continue
                if row.value is not None and (row.value < alpha) != (first.value < alpha):
                    whom = weighted_to(context, estimand)
                    parts += [", " if parts else "", lookup.show(row, quiet=True), f" weighted to {whom}"]
        if parts:
            found.append((f"{endpoint.id}, P ", lookup.show(first, quiet=True), " unweighted but ", *parts))
    return found


def weighted_to(context: Context, estimand: str) -> str:
    """Whom the weights make the arms resemble, in words."""
    return ESTIMANDS[estimand].format(context.study.experimental.label)


def _piece(context: Context, lookup: Lookup, row: Row, contrast: Contrast) -> Sentence:
    tests = _tests(context, row.variable, contrast)
    name = RATES.get(row.variable, row.variable)
    if len(context.contrasts) > 1:
        name = f"{name}, {contrast.experimental} against {contrast.reference}"
    alpha = context.study.analysis.alpha
    if not tests or tests[0][1].value is None:
        return (f"{name}: {row.warning}",)
    first, primary = tests[0]
    side = tests[0][1].value < alpha
    other = [(label, r) for label, r in tests[1:] if r.value is not None and (r.value < alpha) != side]
    if not other:  # those on the other side may not be shown
        return (f"{name}: {row.warning}",)
    parts: list[object] = [f"{name}, P ", lookup.show(primary, quiet=True), f" by {first} but "]
    for i, (label, r) in enumerate(other):
        parts += ["" if i == 0 else ", ", lookup.show(r, quiet=True), f" by {label}"]
    return tuple(parts)


def _tests(context: Context, outcome: str, contrast: Contrast) -> list[tuple[str, Row]]:
    """Every P of the outcome with its name, the primary one first."""
    plan = context.study.analysis
    if outcome in RATES:
        rows = [r for r in context.index.of("response", outcome) if r.statistic == "p" and r.group == contrast.group]
        rows.sort(key=lambda r: r.method != plan.primary.response)
        return [(words.method(r.method), r) for r in rows] + [
            (f"{words.method(r.method)} (sensitivity “{set_label(declared)}”)", r)
            for declared in plan.sensitivity
            for r in context.index.of(f"sensitivity:{declared.id}", outcome)
            if r.statistic == "p" and r.group == contrast.group
        ]
    found: list[tuple[str, Row]] = []
    rows = list(context.index.of(outcome, "cox_univariate"))
    for ties in sorted({r.method for r in rows if r.statistic == "p"}, key=lambda m: (m != plan.primary.ties, m)):
        mine = treatment_rows(rows, contrast, ties)
        if "p" in mine:
            found.append((f"Cox with {words.method(ties)}", mine["p"]))
    found += [
        ("the log-rank test", r)
        for r in context.index.of(outcome, "logrank")
        if r.statistic == "p" and r.group == contrast.group
    ]
    for declared in plan.sensitivity:
        found += [
            (f"{'the log-rank test' if r.method == 'logrank' else 'Cox'} (sensitivity “{set_label(declared)}”)", r)
            for r in context.index.of(f"sensitivity:{declared.id}", outcome)
            if r.statistic == "p" and r.group == contrast.group
        ]
    return found
