"""Competing risks of one endpoint: cumulative incidence of its event and of what competes with it, Gray's test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context
from analysis.report.curves import Curve, Step, Tick, risk_cells, ticks_of
from analysis.report.figures.cumulative_incidence import cumulative_incidence, highest
from analysis.report.figures.curve_labels import ArmCurve
from analysis.report.lookup import Cell, Lookup, Row
from analysis.report.sections.restricted import interval_text
from analysis.study.model import Endpoint

CAUSES = ("", "_competing")
"""What follows the name of a variable: nothing for the endpoint's own event."""


def competing(context: Context, lookup: Lookup, endpoint: Endpoint) -> dict[str, Any] | None:
    """Two figures and the table at the ticks; ``withheld`` where nothing may be shown; None where none is asked."""
    if not context.has(endpoint.id, "competing"):
        return None
    told = [row for cause in CAUSES for row in context.index.of(endpoint.id, f"incidence_table{cause}")]
    if told and all(row.suppressed for row in told):
        return {"withheld": True}
    ticks = ticks_of(lookup, endpoint.id)
    curves = {cause: _curves(context, lookup, endpoint.id, cause, ticks) for cause in CAUSES}
    high = max(highest(arms) for arms in curves.values())
    return {
        "withheld": False,
        "figures": [
            (label, figure)
            for cause, label in zip(CAUSES, _labels(endpoint), strict=True)
            if (figure := _figure(context, endpoint, cause, label, curves[cause], ticks, high)) is not None
        ],
        "causes": [
            _cause(context, lookup, endpoint, cause, label, [tick for tick in ticks if tick.time > 0])
            for cause, label in zip(CAUSES, _labels(endpoint), strict=True)
        ],
    }


def _labels(endpoint: Endpoint) -> tuple[str, str]:
    """The events and the competing events in the words of the study file."""
    events, others = (
        words.listing([words.in_sentence(event.desc) for event in sources], "or")
        for sources in (endpoint.events, endpoint.competing)
    )
    return words.sentence_case(events), words.sentence_case(others)


def _cause(
    context: Context, lookup: Lookup, endpoint: Endpoint, cause: str, label: str, ticks: Sequence[Tick]
) -> dict[str, Any]:
    counted = ("competing", "n") if cause else ("events", "n")

    def at(arm: str, tick: Tick) -> Markup:
        where = {"group": arm, "level": tick.level}
        return interval_text(
            [lookup.cell(endpoint.id, f"incidence_table{cause}", s, **where) for s in ("estimate", "lower", "upper")]  # type: ignore[arg-type]
        )

    return {
        "label": label,
        "counts": [lookup.cell(endpoint.id, *counted, group=arm) for arm in context.arms],
        "gray": [
            (row.group, lookup.cell(endpoint.id, f"gray{cause}", "chi2", group=row.group), lookup.show(row))
            for row in context.index.of(endpoint.id, f"gray{cause}")
            if row.statistic == "p"
        ],
        "times": [(words.prettify(f"{tick.time:g}"), [at(arm, tick) for arm in context.arms]) for tick in ticks],
    }


def _curves(context: Context, lookup: Lookup, endpoint: str, cause: str, ticks: tuple[Tick, ...]) -> list[ArmCurve]:
    """A curve for each arm, with the number at risk from the rows of Kaplan-Meier, to whose last time it runs on."""
    found: dict[str, dict[str, dict[str, Row]]] = {}
    for row in context.index.of(endpoint, f"incidence{cause}"):
        found.setdefault(row.group, {}).setdefault(row.level, {})[row.statistic] = row
    at_risk: dict[str, dict[str, Row]] = {}
    for row in context.index.of(endpoint, "km"):
        if row.statistic == "at_risk":
            at_risk.setdefault(row.group, {})[row.level] = row
    made = []
    for arm, style in context.arms.items():
        changes, beside = found.get(arm, {}), at_risk.get(arm, {})
        steps, rows = [], dict[str, Row]()
        for level in sorted({*changes, *beside} if changes else (), key=float):
            rows = changes.get(level, rows)
            steps.append(Step(float(level), {**rows, "at_risk": beside[level]} if level in beside else rows))
        start = lookup.cell(endpoint, "risk_table", "at_risk", group=arm, level="0", quiet=True).value
        curve = Curve(arm, tuple(steps), start, "estimate", 0.0)
        table = (("At risk", risk_cells(lookup, endpoint, arm, "at_risk", ticks)),)
        made.append(ArmCurve(curve, style, None, table))
    return made


def _figure(
    context: Context,
    endpoint: Endpoint,
    cause: str,
    label: str,
    arms: Sequence[ArmCurve],
    ticks: Sequence[Tick],
    high: float,
) -> Markup | None:
    if not any(arm.curve.drawn for arm in arms):
        return None
    unit = words.sentence_case(words.time_unit(context.study.endpoint_rules))
    ends = "; ".join(f"{arm.style.label}: {_last(arm.curve).text} at its end" for arm in arms if arm.curve.drawn)
    return cumulative_incidence(
        f"incidence-{endpoint.id.lower()}{cause.replace('_', '-')}",
        f"{endpoint.label}, cumulative incidence: {label}",
        f"Rising step curves by arm with pale bands and number at risk. {ends}. The values at the ticks stand in the "
        "table below.",
        arms,
        ticks,
        f"{unit} since the {words.start_of_time(context.study)}",
        _inset(context, endpoint, cause),
        high,
    )


def _last(curve: Curve) -> Cell:
    return Cell(curve.drawn[-1].rows[curve.of])


def _inset(context: Context, endpoint: Endpoint, cause: str) -> list[Markup]:
    """P of Gray's test: of each contrast, or of all arms where there are more than three."""
    quiet = context.lookup()
    tests = [r for r in context.index.of(endpoint.id, f"gray{cause}") if r.statistic == "p"]
    if len(tests) > 3:
        tests = [r for r in tests if r.group == "total"]
    lines = []
    for row in tests:
        name = f" {row.group.partition(' vs ')[0]}" if len(tests) > 1 and row.group != "total" else ""
        cell = quiet.show(row, quiet=True)
        lines.append(Markup("Gray{} P {}{}").format(name, "" if cell.text.startswith("<") else "= ", cell.tspan))
    return lines
