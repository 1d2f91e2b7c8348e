"""Response: best response by arm, objective response and disease control with exact intervals, and the difference."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context
from analysis.report.figures.intervals import Point, differences, in_words, intervals
from analysis.report.figures.stacked_bars import Segment, stacked_bars
from analysis.report.lookup import Cell, Lookup
from analysis.report.palette import ArmStyle
from analysis.report.sections.opening import RATES, difference_cells, difference_text, of_n, rate_text

STRATIFIED = frozenset({"cmh"})  # over the sites: in a table of its own


def response(context: Context) -> dict[str, Any] | None:
    """The three panels and the tables behind them; None when the study has no response."""
    rule = context.study.response
    if rule is None or context.masked or not context.has("response"):
        return None
    lookup = context.lookup()
    found = {r.level for r in context.index.of("response", "best") if r.statistic == "count"}
    levels = [*rule.order, *sorted(found - set(rule.order))]
    levels = [level for level in levels if level in found]
    rates = [(v, label) for v, label in RATES if context.has("response", v)]
    return {
        "lookup": lookup,
        "criteria": rule.criteria,
        "levels": levels,
        "best": {
            arm: [(_best(lookup, level, arm, "count"), _best(lookup, level, arm, "percent")) for level in levels]
            for arm in context.arms
        },
        "best_p": [
            (r.group, words.method(r.method), lookup.show(r))
            for r in context.index.of("response", "best")
            if r.statistic == "p"
        ],
        "rates": [
            {
                "label": label,
                "levels": " + ".join(rule.responders if v == "orr" else rule.controlled),
                "arms": [rate_text(lookup, v, arm) for arm in context.arms],
                "contrasts": [(c.group, difference_text(lookup, v, c)) for c in context.contrasts],
                "p": [
                    (r.group, words.method(r.method), lookup.show(r))
                    for r in context.index.of("response", v)
                    if r.statistic == "p" and r.method not in STRATIFIED
                ],
            }
            for v, label in rates
        ],
        "bars": _bars(context, lookup, levels, list(rule.order)) if levels else None,
        "rates_figure": _rates(context, lookup, rates),
        "difference_figure": _differences(context, lookup, rates),
        "not_evaluable": rule.not_evaluable,
    }


def _best(lookup: Lookup, level: str, arm: str, statistic: str) -> Cell:
    return lookup.cell("response", "best", statistic, group=arm, level=level)


def _bars(context: Context, lookup: Lookup, levels: list[str], order: list[str]) -> Markup:
    """Worst defined level takes the warm fill, others pale from best on; what is not evaluable is grey."""
    last = len(order) - 1
    shades = [4 if lv not in order else 3 if order.index(lv) == last else min(order.index(lv), 2) for lv in levels]
    bars = [
        (
            style,
            [
                Segment(
                    level,
                    *(
                        lookup.cell("response", "best", s, group=arm, level=level, quiet=True)
                        for s in ("count", "percent")
                    ),
                )
                for level in levels
            ],
        )
        for arm, style in context.arms.items()
    ]
    described = "; ".join(
        f"{style.label}: " + ", ".join(f"{s.level} {s.count.text}" for s in row) for style, row in bars
    )
    return stacked_bars("best", "Best response by arm", f"Bars of 100 %, counts inside. {described}", bars, shades)


def _point(label: str, cells: tuple[Cell, ...], shown: Markup, style: ArmStyle | None) -> Point:
    """Estimate, lower and upper, on the percent scale."""
    value, lower, upper = (None if c.row is None else c.row.shown for c in cells)
    return Point(label, value, lower, upper, shown, style)


def _rates(context: Context, lookup: Lookup, rates: list[tuple[str, str]]) -> Markup | None:
    groups = []
    for variable, label in rates:
        points = []
        for arm, style in context.arms.items():
            cells = tuple(
                lookup.cell("response", variable, s, group=arm, quiet=True) for s in ("percent", "lower", "upper")
            )
            count = lookup.cell("response", variable, "count", group=arm, quiet=True)
            shown = Markup("{} of {}, {} % ({} to {})").format(
                count.tspan, _tspan(of_n(count, lookup, arm)), *(c.tspan for c in cells)
            )
            points.append(_point(arm, cells, shown, style))
        groups.append((label, points))
    if not groups:
        return None
    described = in_words(groups)
    return intervals(
        "rates",
        "Objective response and disease control",
        f"Shares with exact intervals, percent. {described}",
        groups,
        (0, 100),
        "percent, exact interval",
    )


def _tspan(shown: Markup | Cell) -> Markup:
    if isinstance(shown, Cell):
        return shown.tspan
    return Markup(str(shown).replace("<span", "<tspan").replace("</span", "</tspan"))  # noqa: S704


def _differences(context: Context, lookup: Lookup, rates: list[tuple[str, str]]) -> Markup | None:
    groups = []
    for variable, label in rates:
        points = []
        for contrast in context.contrasts:
            cells = tuple(difference_cells(lookup, variable, contrast, quiet=True))
            if not cells[0]:
                continue
            style = context.arms[contrast.experimental] if len(context.contrasts) > 1 else None
            estimable = cells[0].value is not None
            shown = Markup("{} ({} to {})").format(*(c.tspan for c in cells)) if estimable else cells[0].tspan
            named = f"{contrast.experimental} minus {contrast.reference}"
            points.append(_point(named, cells, shown, style))
        if points:
            groups.append((label, points))
    if not groups:
        return None
    return differences(
        "differences",
        "Difference of the arms in response",
        "Differences in percentage points with Miettinen-Nurminen intervals.",
        groups,
    )
