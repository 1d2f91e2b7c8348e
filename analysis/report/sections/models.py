"""Cox models: each term alone, all together, stepwise; the test of proportional hazards; the forest plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import TREATMENT, Context
from analysis.report.figures.forest import ForestRow, described, forest
from analysis.report.lookup import Cell, Lookup, Row
from analysis.report.sections.log_log import log_log
from analysis.study.model import Endpoint

MODELS = (("cox_univariate", "Each term alone"), ("cox_adjusted", "All terms in one model"))
RATIO = ("hr", "lower", "upper", "p", "n", "events", "se")
"""What ``forest_row`` takes of a model's rows, in this order; a line of a table takes all but the last."""


def models(context: Context) -> list[dict[str, Any]]:
    """One block for each endpoint with a Cox model or a test of its assumption."""
    if context.masked:
        return []
    blocks = (_endpoint(context, e) for e in context.endpoints)
    return [b for b in blocks if b["tables"] or b["stepwise"] or b["ph"]]


def _endpoint(context: Context, endpoint: Endpoint) -> dict[str, Any]:
    lookup = context.lookup()
    primary = context.study.analysis.primary.ties
    tables = []
    for variable, label in MODELS:
        rows = context.index.of(endpoint.id, variable)
        for ties in sorted({r.method for r in rows if r.statistic == "hr"}, key=lambda m: (m != primary, m)):
            terms = by_term(context, [r for r in rows if r.method in (ties, "")])
            tables.append(
                {
                    "label": label,
                    "variable": variable,
                    "ties": words.method(ties),
                    "main": ties == primary,
                    "per_unit": any(not t.partition("=")[2] and t not in TREATMENT for t, _ in terms),
                    "terms": [_line(context, lookup, term, found) for term, found in terms],
                    "figure": _forest(context, endpoint, variable, label, terms) if ties == primary else None,
                }
            )
    return {
        "id": endpoint.id,
        "label": endpoint.label,
        "lookup": lookup,
        "tables": tables,
        "beside": _beside(tables),
        "stepwise": _stepwise(context, lookup, endpoint.id),
        "ph": _proportional(context, lookup, endpoint.id),
        "log_log": log_log(context, lookup, endpoint),
    }


def _beside(tables: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The main tables of both models as one, a term a line; n and events of the adjusted model are those of all terms.

    None where one of the two is not there: the other then stands as it is.
    """
    main = {table["variable"]: table for table in tables if table["main"]}
    if len(main) < len(MODELS):
        return None
    alone, together = ({line["term"]: line for line in main[variable]["terms"]} for variable, _ in MODELS)
    model = next(iter(together.values()))
    return {
        "ties": main[MODELS[0][0]]["ties"],
        "heads": [label for _, label in MODELS],
        "n": model["n"],
        "events": model["events"],
        "lines": [
            ((alone.get(term) or together[term])["label"], alone.get(term), together.get(term))
            for term in dict.fromkeys([*alone, *together])
        ],
    }


def by_term(context: Context, rows: Sequence[Row]) -> list[tuple[str, dict[str, Row]]]:
    """Rows of one model gathered by term, treatment first, then in the order of the study file."""
    found: dict[str, dict[str, Row]] = {}
    for row in _ordered(context, rows):
        found.setdefault(term_of(row), {})[row.statistic] = row
    return list(found.items())


def term_of(row: Row) -> str:
    """The row's term; a treatment term names its arm, which the results keep in the group."""
    if row.level in TREATMENT and " vs " in row.group:
        return f"{row.level}={row.group.partition(' vs ')[0]}"
    return row.level


def _ordered(context: Context, rows: Sequence[Row]) -> list[Row]:
    order = [*context.study.covariate]
    arms = [a.label for a in context.study.arm]

    def place(row: Row) -> tuple[int, int, str]:
        name, _, level = term_of(row).partition("=")
        if name in TREATMENT:
            return (-1, arms.index(level) if level in arms else 0, level)
        covariate = context.study.covariate.get(name)
        if covariate is None:
            return (len(order), 0, row.level)
        categories = covariate.categories
        return (order.index(name), categories.index(level) if level in categories else 0, level)

    return sorted(rows, key=place)


def marked_once(cells: Sequence[Cell]) -> list[Cell]:
    """A line's cells with each mark printed at its first cell only."""
    seen: set[str] = set()
    shown = []
    for cell in cells:
        shown.append(cell.silent if cell.mark in seen else cell)
        seen.add(cell.mark)
    return shown


def _line(context: Context, lookup: Lookup, term: str, found: dict[str, Row]) -> dict[str, Any]:
    hr, lower, upper, p, n, events = marked_once(lookup.cells(found, RATIO[:-1]))
    return {
        "term": term,
        "label": words.term_label(context.study, term),
        "treatment": term.partition("=")[0] in TREATMENT,
        "hr": hr,
        "interval": None if hr.value is None else Markup("{} to {}").format(lower, upper),
        "p": p,
        "n": n,
        "events": events,
    }


def _stepwise(context: Context, lookup: Lookup, endpoint: str) -> list[dict[str, Any]]:
    """The chosen terms in the order they entered, by each removal rule, and those looked at and not chosen."""
    rows = context.index.of(endpoint, "cox_stepwise")
    made = []
    for method in sorted({r.method for r in rows}):
        terms = by_term(context, [r for r in rows if r.method == method])
        chosen = [(t, f) for t, f in terms if "entered" in f and (f["entered"].value or 0) > 0]
        chosen.sort(key=lambda item: item[1]["entered"].value or 0)
        left = [words.term_label(context.study, t) for t, f in terms if (t, f) not in chosen]
        made.append(
            {
                "method": words.selection(method),
                "chosen": [
                    {**_line(context, lookup, t, f), "step": lookup.show(f["entered"], quiet=True)} for t, f in chosen
                ],
                "left": left,
            }
        )
    return made


def _proportional(context: Context, lookup: Lookup, endpoint: str) -> dict[str, Any] | None:
    """The test of proportional hazards: a term a row, chi-square and P for each kind of model."""
    rows = [r for r in context.index.of(endpoint, "ph_test") if r.statistic == "p"]
    if not rows:
        return None
    methods = sorted({r.method for r in rows})
    terms = list(dict.fromkeys((r.level, r.group) for r in _ordered(context, rows)))
    return {
        "methods": [words.method(m) for m in methods],
        "lines": [
            (
                "All terms together" if level.lower() in ("global", "") else _ph_label(context, level),
                [
                    [lookup.cell(endpoint, "ph_test", s, group=group, level=level, method=m) for s in ("chi2", "p")]
                    for m in methods
                ],
            )
            for level, group in terms
        ],
    }


def _ph_label(context: Context, term: str) -> str:
    name = term.partition("=")[0]
    return "Treatment" if name in TREATMENT else words.covariate_label(name, context.study.covariate.get(name))


def _forest(
    context: Context, endpoint: Endpoint, variable: str, label: str, terms: list[tuple[str, dict[str, Row]]]
) -> Markup | None:
    quiet = context.lookup()
    rows = [_forest_row(context, quiet, term, found) for term, found in terms]
    if not any(r.hr is not None for r in rows):
        return None
    return forest(
        f"forest-{endpoint.id.lower()}-{variable.removeprefix('cox_')}",
        f"{endpoint.label}: hazard ratios, {label.lower()}",
        f"Hazard ratios on a log axis. {described(rows, ('P',))}",
        rows,
        ("lower hazard", "higher hazard"),
        words.confidence(context.study),
    )


def _forest_row(context: Context, lookup: Lookup, term: str, found: dict[str, Row]) -> ForestRow:
    cells = lookup.cells(found, RATIO, quiet=True)
    name, _, level = term.partition("=")
    treatment = name in TREATMENT
    return forest_row(words.term_label(context.study, term), cells, treatment, per_unit=not treatment and not level)


def forest_row(
    label: str, cells: list[Cell], strong: bool, more: Sequence[Cell] = (), per_unit: bool = False
) -> ForestRow:
    """A row from the cells hr, lower, upper, p, n, events, se; ``more`` are further P."""
    hr, lower, upper, p, n, events, se = cells
    counts = Markup("{} / {}").format(n.tspan, events.tspan) if n and events else ""
    if hr.value is None:
        shown = Markup("{}").format(hr.tspan)
    else:
        shown = Markup("{} ({} to {})").format(hr.tspan, lower.tspan, upper.tspan)
    tests = tuple("" if cell.value is None and hr.value is None else cell.tspan for cell in (p, *more))
    weight = 1 / se.value**2 if se.value else None
    return ForestRow(label, counts, shown, hr.value, lower.value, upper.value, weight, strong, tests, per_unit)
