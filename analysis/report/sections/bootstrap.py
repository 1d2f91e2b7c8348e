"""The bootstrap of the stepwise choice: how often each candidate was chosen, and how far its concordance flatters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.report import words
from analysis.report.context import TREATMENT, Context
from analysis.report.lookup import Cell, Lookup

_VARIABLE = "stepwise_bootstrap"


@dataclass(frozen=True)
class Way:
    """One way of choosing, with the words that begin its sentence."""

    words: str
    resamples: Cell
    no_fit: Cell
    concordance: Cell
    optimism: Cell
    corrected: Cell


def bootstraps(context: Context) -> dict[str, dict[str, Any]]:
    """A block for each endpoint by its id; empty where the results hold none or arms are masked."""
    if context.masked:
        return {}
    return {e.id: _endpoint(context, e.id) for e in context.endpoints if context.index.of(e.id, _VARIABLE)}


def _endpoint(context: Context, endpoint: str) -> dict[str, Any]:
    lookup = context.lookup()
    rows = context.index.of(endpoint, _VARIABLE)
    methods = sorted({r.method for r in rows})
    levels = {r.level for r in rows} - {""}
    order = {name: k for k, name in enumerate(context.study.covariate)}
    terms = sorted(levels, key=lambda level: (level not in TREATMENT, order.get(level, len(order)), level))
    refusals = any(r.statistic == "refused" and r.value for r in rows)
    statistics = ("percent", "refused") if refusals else ("percent",)
    return {
        "lookup": lookup,
        "methods": [words.selection(m) for m in methods],
        "refusals": refusals,
        "lines": [
            (
                _label(context, term),
                [lookup.cell(endpoint, _VARIABLE, s, level=term, method=m) for m in methods for s in statistics],
            )
            for term in terms
        ],
        "ways": [_way(lookup, endpoint, m) for m in methods],
    }


def _way(lookup: Lookup, endpoint: str, method: str) -> Way:
    def cell(statistic: str) -> Cell:
        return lookup.cell(endpoint, _VARIABLE, statistic, method=method)

    return Way(
        words.selection(method), *(cell(s) for s in ("resamples", "no_fit", "concordance", "optimism", "corrected"))
    )


def _label(context: Context, term: str) -> str:
    return "Treatment" if term in TREATMENT else words.covariate_label(term, context.study.covariate.get(term))
