"""Survival from the study's landmarks by response until then: a description, labelled as one, without a P."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from analysis.report import words
from analysis.report.context import Context
from analysis.report.lookup import Cell, Lookup
from analysis.report.sections.restricted import interval_text
from analysis.study.model import Endpoint

VARIABLE = "response_landmark"
GROUPS = (("responder", "Responders by then"), ("non-responder", "The others"))
LABEL = "descriptive: "


def response_landmark(context: Context) -> dict[str, Any] | None:
    """A block for each endpoint and landmark, and why they describe only; None where the study asks for none."""
    rows = [row for endpoint in context.endpoints for row in context.index.of(endpoint.id, VARIABLE)]
    if not rows:
        return None
    if all(row.suppressed for row in rows):
        return {"withheld": True}
    lookup = context.lookup()
    why = next((part for row in rows for part in row.warning.split("; ") if part.startswith(LABEL)), "")
    return {
        "withheld": False,
        "lookup": lookup,
        "why": words.sentence_case(why.removeprefix(LABEL)),
        "blocks": [
            _block(context, lookup, endpoint, level)
            for endpoint in context.endpoints
            for level in sorted(_landmarks(context, endpoint), key=float)
        ],
    }


def _landmarks(context: Context, endpoint: Endpoint) -> set[str]:
    return {row.level for row in context.index.of(endpoint.id, VARIABLE) if "=" not in row.level}


def _block(context: Context, lookup: Lookup, endpoint: Endpoint, level: str) -> dict[str, Any]:
    def cells(level: str, *statistics: str) -> list[Cell]:
        return [_cell(lookup, endpoint.id, level, statistic) for statistic in statistics]

    n, gone, missing = cells(level, "n", "gone", "missing")
    return {
        "label": f"{endpoint.label} from {level} {words.time_unit(context.study.endpoint_rules)}",
        "n": n,
        "gone": gone,
        "missing": missing,
        "ratio": interval_text(cells(level, "hr", "lower", "upper")),
        "groups": [
            (label, *cells(f"{level}={name}", "n", "events"), interval_text(cells(f"{level}={name}", *_MEDIAN)))
            for name, label in GROUPS
        ],
    }


_MEDIAN = ("estimate", "lower", "upper")


def _cell(lookup: Lookup, endpoint: str, level: str, statistic: str) -> Cell:
    """The row's cell; that it describes only is said once above the table, and not by a mark at every number."""
    plain = lookup.cell(endpoint, VARIABLE, statistic, level=level, quiet=True)
    if plain.row is None:
        return plain
    kept = [part for part in plain.row.warning.split("; ") if not part.startswith(LABEL)]
    return lookup.show(replace(plain.row, warning="; ".join(kept)))
