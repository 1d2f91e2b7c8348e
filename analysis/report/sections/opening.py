"""The first screen: what was asked, of whom, and what came out, in one table and two figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context, Contrast, treatment_rows
from analysis.report.lookup import Cell, Lookup, Row
from analysis.study.model import Endpoint, Method

RATES = (("orr", "Objective response"), ("dcr", "Disease control"))
DIFFERENCE = "miettinen_nurminen"
SAME = Markup('<span class="same">same</span>')


@dataclass(frozen=True)
class OutcomeRow:
    """A line of the one table: an outcome by one method."""

    outcome: str
    method: str
    arms: dict[str, Markup]
    contrasts: dict[str, Markup]  # by experimental arm
    p: dict[str, Markup]  # by experimental arm, or "" for one test of all arms
    published: bool = False
    kind: str = "Difference"


def opening(context: Context) -> dict[str, Any]:
    """Facts and table of the first screen."""
    lookup = context.lookup()
    study = context.study
    return {
        "question": unbroken(study.study.question or study.study.title),
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
        "long": len(context.arms) > 3,
    }


def unbroken(question: str) -> Markup:
    """The headline; a word with a hyphen is not torn at it."""
    parts = [
        Markup('<span class="whole">{}</span>').format(word) if "-" in word and len(word) <= 20 else Markup.escape(word)
        for word in question.split()
    ]
    return Markup(" ").join(parts)


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
            }
            for label in labels
        ],
    }


def _rows(context: Context, lookup: Lookup) -> list[OutcomeRow]:
    plan = context.study.analysis
    rows: list[OutcomeRow] = []
    for endpoint in context.endpoints:
        rows.append(_survival_row(context, lookup, endpoint, plan.primary))
        if plan.published:
            rows += _published_survival(context, lookup, endpoint, plan.primary, plan.published)
    for variable, label in RATES:
        if context.has("response", variable):
            rows.append(_response_row(context, lookup, variable, label, plan.primary))
            if plan.published and plan.published.response != plan.primary.response:
                rows.append(_published_response(context, lookup, variable, label, plan.published))
    return rows


def _survival_row(context: Context, lookup: Lookup, endpoint: Endpoint, chosen: Method) -> OutcomeRow:
    median = words.median_method(chosen)
    return OutcomeRow(
        outcome=f"{endpoint.label}, median {words.time_unit(context.study.endpoint_rules)}",
        method=f"{words.sentence_case(words.method(median))}; Cox with {words.method(chosen.ties)}; log-rank",
        arms={arm: median_text(lookup, endpoint.id, arm, median) for arm in context.arms},
        contrasts=_ratios(context, lookup, endpoint.id, chosen),
        p=_ps(context, lookup, endpoint.id, "logrank", "logrank"),
        kind="Hazard ratio",
    )


def _published_survival(
    context: Context, lookup: Lookup, endpoint: Endpoint, primary: Method, published: Method
) -> list[OutcomeRow]:
    """What the published method gives otherwise; no line where it gives the same."""
    ours, theirs = words.median_method(primary), words.median_method(published)
    named = []
    if ours != theirs:
        named.append(words.method(theirs))
    if primary.ties != published.ties:
        named.append(f"Cox with {words.method(published.ties)}")
    if not named:
        return []
    same = {c.experimental: SAME for c in context.contrasts}
    row = OutcomeRow(
        outcome=f"{endpoint.label}, median {words.time_unit(context.study.endpoint_rules)}",
        method="; ".join(named),
        arms={arm: median_text(lookup, endpoint.id, arm, theirs) if ours != theirs else SAME for arm in context.arms},
        contrasts=_ratios(context, lookup, endpoint.id, published) if primary.ties != published.ties else same,
        p=same or {"": SAME},
        published=True,
        kind="Hazard ratio",
    )
    return [row]


def _ratios(context: Context, lookup: Lookup, endpoint: str, chosen: Method) -> dict[str, Markup]:
    rows = context.index.of(endpoint, "cox_univariate")
    return {
        c.experimental: Markup("HR {}").format(ratio_text(lookup, treatment_rows(rows, c, chosen.ties)))
        for c in context.contrasts
    }


def _response_row(context: Context, lookup: Lookup, variable: str, label: str, chosen: Method) -> OutcomeRow:
    return OutcomeRow(
        outcome=_rate_name(context, variable, label),
        method=f"Exact intervals; Miettinen-Nurminen difference, points; {words.method(chosen.response)}",
        arms={arm: rate_text(lookup, variable, arm) for arm in context.arms},
        contrasts={c.experimental: difference_text(lookup, variable, c) for c in context.contrasts},
        p=_ps(context, lookup, "response", variable, chosen.response),
    )


def _published_response(context: Context, lookup: Lookup, variable: str, label: str, published: Method) -> OutcomeRow:
    return OutcomeRow(
        outcome=_rate_name(context, variable, label),
        method=words.method(published.response),
        arms=dict.fromkeys(context.arms, SAME),
        contrasts={c.experimental: SAME for c in context.contrasts},
        p=_ps(context, lookup, "response", variable, published.response),
        published=True,
    )


def _rate_name(context: Context, variable: str, label: str) -> str:
    rule = context.study.response
    which = () if rule is None else rule.responders if variable == "orr" else rule.controlled
    return f"{label} ({' + '.join(which)})" if which else label


def _ps(context: Context, lookup: Lookup, parameter: str, variable: str, method: str | None) -> dict[str, Markup]:
    """P by experimental arm; under "" the test of all arms where only that was made."""
    groups = {c.group: c.experimental for c in context.contrasts}
    return {
        groups.get(g, ""): Markup("{}").format(lookup.cell(parameter, variable, "p", group=g, method=method))
        for g in _p_groups(context, parameter, variable)
    }


def _p_groups(context: Context, parameter: str, variable: str) -> list[str]:
    """The groups a P value is reported for: each contrast, or one for all arms."""
    have = {r.group for r in context.index.of(parameter, variable) if r.statistic == "p"}
    return [c.group for c in context.contrasts if c.group in have] or sorted(have) or ["total"]


def median_text(lookup: Lookup, endpoint: str, arm: str, method: str) -> Markup:
    """``12.0 (5.6 to 18.4)``."""
    cells = [lookup.cell(endpoint, "median", s, group=arm, method=method) for s in ("estimate", "lower", "upper")]
    return Markup('<b class="estimate">{}</b> <span class="interval">({} to {})</span>').format(*cells)


def ratio_text(lookup: Lookup, rows: dict[str, Row]) -> Markup:
    """``0.310 (0.110 to 0.875)``; one NE when the whole row is not estimable."""
    shown = lookup.cells(rows, ("hr", "lower", "upper"))
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
    """``18.2 points (−20.4 to 52.4)``; one NE when it is not estimable."""
    cells = difference_cells(lookup, variable, contrast)
    if cells[0].value is None:
        return Markup("{}").format(cells[0])
    return Markup('<b class="estimate">{} points</b> <span class="interval">({} to {})</span>').format(*cells)


def difference_cells(lookup: Lookup, variable: str, contrast: Contrast, quiet: bool = False) -> list[Cell]:
    """Difference, lower and upper of all subjects together; the sites' common one is another method's."""
    return [
        lookup.cell("response", variable, s, group=contrast.group, method=DIFFERENCE, quiet=quiet)
        for s in ("difference", "lower", "upper")
    ]


def of_n(cell: Cell, lookup: Lookup, arm: str) -> Markup | Cell:
    """The denominator: the row's own n, else the analysed of the arm."""
    if cell.row is not None and cell.row.n is not None:
        return cell.denominator
    return lookup.cell("flow", "analysed", "n", group=arm, quiet=True)
