"""The treatment contrast under every declared variation, side by side."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from analysis.report.context import TREATMENT, Context, Contrast, treatment_rows
from analysis.report.lookup import Cell, Lookup, Row
from analysis.report.sections.compared import compared
from analysis.report.sections.crossing import crossings, weighted_to
from analysis.report.sections.models import RATIO, forest_row, marked_once
from analysis.report.sections.side_by_side import PRIMARY, set_label, side_by_side
from analysis.study.model import Endpoint, Sensitivity


def sensitivity(context: Context) -> dict[str, Any] | None:
    """The primary analysis first, then each variation of the study file; None when none is declared."""
    declared = context.study.analysis.sensitivity
    if context.masked or not declared:
        return None
    lookup = context.lookup()
    blocks = []
    for endpoint in context.endpoints:
        for contrast in context.contrasts:
            lines = [_primary(context, lookup, endpoint, contrast)]
            for s in declared:
                label, parameter = set_label(s), f"sensitivity:{s.id}"
                lines.append(_line(s.id, label, _found(context, parameter, endpoint.id, contrast), lookup))
                if s.set_ is not None and s.set_.strata:
                    within = _found(context, parameter, f"{endpoint.id}_stratified", contrast)
                    lines.append(_line(f"{s.id}-stratified", f"{label}: within its strata", within, lookup))
                if s.set_ is not None and s.set_.weighting:
                    weighted = _found(context, parameter, f"{endpoint.id}_weighted", contrast)
                    whom = weighted_to(context, s.set_.weighting)
                    line = _line(f"{s.id}-weighted", f"{label}: weighted to {whom}", weighted, lookup)
                    lines.append({**line, "logrank": "", "test": None})  # the log-rank test is not weighted
            rows = [
                forest_row(
                    line["label"], line["quiet"], line["id"] == "primary", [t for t in (line["test"],) if t is not None]
                )
                for line in lines
            ]
            named = ("sensitivity", "every variation")
            blocks.append(compared(context, endpoint, contrast, lines, rows, named))
    return {
        "blocks": blocks,
        "lookup": lookup,
        "crossings": crossings(context, lookup),
        "weights": [
            _weights(context, lookup, s, contrast)
            for s in declared
            if s.set_ is not None and s.set_.weighting
            for contrast in context.contrasts  # one: more arms are not weighted; none where no comparison is held
        ],
        "side_by_side": side_by_side(context, lookup),
    }


def _weights(context: Context, lookup: Lookup, item: Sensitivity, contrast: Contrast) -> dict[str, Any]:
    """What the weights of one set made of its arms: no weighted ratio without it."""
    parameter = f"sensitivity:{item.id}"
    sizes = [(arm, lookup.cell(parameter, "weights", "ess", group=arm)) for arm in context.arms]
    largest = lookup.cell(parameter, "balance", "largest_smd", group=contrast.group)
    return {"label": set_label(item), "sizes": sizes, "largest": largest}


def _primary(context: Context, lookup: Lookup, endpoint: Endpoint, contrast: Contrast) -> dict[str, Any]:
    rows = context.index.of(endpoint.id, "cox_univariate")
    found = treatment_rows(rows, contrast, context.study.analysis.primary.ties)
    tests = [
        r
        for r in context.index.of(endpoint.id, "logrank")
        if r.statistic == "p" and r.group in (contrast.group, "total")
    ]
    return _line("primary", PRIMARY, found, lookup, tests[0] if tests else None)


def _found(context: Context, parameter: str, endpoint: str, contrast: Contrast) -> dict[str, Row]:
    """The contrast's rows; with two arms also rows that name no group of their own."""
    alone = len(context.study.arm) == 2
    found: dict[str, Row] = {}
    for row in context.index.of(parameter, endpoint):
        name, _, level = row.level.partition("=")
        mine = row.group == contrast.group or (name in TREATMENT and level == contrast.experimental)
        if mine or (alone and row.group in ("total", "")):
            found.setdefault("logrank" if row.method == "logrank" else row.statistic, row)
    return found


def _line(key: str, label: str, found: dict[str, Row], lookup: Lookup, logrank: Row | None = None) -> dict[str, Any]:
    test = logrank or found.get("logrank")
    hr, lower, upper, p, n, events = marked_once(lookup.cells(found, RATIO[:-1]))
    return {
        "id": key,
        "label": label,
        "hr": hr,
        "interval": None if hr.value is None else Markup("{} to {}").format(lower, upper),
        "p": p,
        "test": lookup.show(test, quiet=True) if test else Cell(None),
        "logrank": lookup.show(test) if test else Cell(None),
        "n": n,
        "events": events,
        "why": hr.row.warning.removeprefix("NE:").strip() if hr.row and hr.value is None and not n else "",
        "quiet": lookup.cells(found, RATIO, quiet=True),
    }
