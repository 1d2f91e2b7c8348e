"""Propensity scores by arm, and weighted curves beside unweighted ones: both of released rows, so often not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.report import words
from analysis.report.context import Context
from analysis.report.curves import printed
from analysis.report.figures.score_histogram import score_histogram
from analysis.report.figures.weighted_curves import Pair, weighted_curves
from analysis.report.lookup import Cell, Lookup
from analysis.report.sections.crossing import weighted_to
from analysis.study.model import Endpoint


def scores(context: Context, lookup: Lookup) -> dict[str, Any] | None:
    """How many of each arm have a score in each tenth, and its quartiles; no figure where a count may not be shown."""
    rows = context.index.of("propensity", "histogram")
    levels = sorted({r.level for r in rows}, key=float)
    if not levels:
        return None
    counts = [
        (arm, [lookup.cell("propensity", "histogram", "count", group=arm, level=v) for v in levels])
        for arm in context.arms
    ]
    edges = [*levels, "1.0"]
    figure = None
    if len(counts) == 2 and all(cell.value is not None for _, cells in counts for cell in cells):
        experimental, reference = (label for label, _ in counts)
        figure = score_histogram(
            "scores",
            "Propensity scores by arm",
            f"How many subjects have a score in each tenth: {experimental} above the line, {reference} below it; the "
            "counts stand in the table under the figure.",
            [(context.arms[arm], cells) for arm, cells in counts],
            edges,
            f"Estimated probability of {experimental}",
        )
    return {
        "figure": figure,
        "lines": [
            (f"{low} to {high}", [cells[k] for _, cells in counts])
            for k, (low, high) in enumerate(zip(levels, edges[1:], strict=True))
        ],
        "quartiles": [
            [lookup.cell("propensity", "score", s, group=arm, quiet=True) for s in ("median", "q1", "q3")]
            for arm in context.arms
        ],
    }


def curves(context: Context, lookup: Lookup, endpoint: Endpoint, names: Sequence[str]) -> list[dict[str, Any]]:
    """Of each weighting the curves of both arms with their tables; empty where no weighted curve may be shown."""
    made = []
    unit = words.time_unit(context.study.endpoint_rules)
    for estimand in names:
        cells = {arm: _weighted(context, lookup, f"weighting:{estimand}", endpoint.id, arm) for arm in context.arms}
        if not all(cells.values()):
            continue
        whom = weighted_to(context, estimand)
        figure = weighted_curves(
            f"weighted-km-{endpoint.id.lower()}-{estimand.lower()}",
            f"{endpoint.label}, Kaplan-Meier weighted to {whom}",
            f"The weighted curve of each arm, and thin and pale the unweighted one: {words.listing([*cells])}; the "
            "values stand in the tables under the figure.",
            [
                Pair(context.arms[arm], _points(found), _unweighted(context, endpoint.id, arm))
                for arm, found in cells.items()
            ],
            f"{words.sentence_case(unit)} since the {words.start_of_time(context.study)}",
        )
        made.append({"whom": whom, "figure": figure, "tables": [(a, _thinned(f), len(f)) for a, f in cells.items()]})
    return made


def _weighted(context: Context, lookup: Lookup, parameter: str, endpoint: str, arm: str) -> list[tuple[float, Cell]]:
    rows = [
        r
        for r in context.index.of(parameter, f"{endpoint}_km")
        if r.statistic == "survival" and r.group == arm and r.value is not None
    ]
    return [(float(r.level), lookup.show(r, quiet=True)) for r in sorted(rows, key=lambda r: float(r.level))]


def _unweighted(context: Context, endpoint: str, arm: str) -> list[tuple[float, float]]:
    return sorted(
        (float(r.level), r.value)
        for r in context.index.of(endpoint, "km")
        if r.statistic == "survival" and r.group == arm and r.value is not None
    )


def _points(found: Sequence[tuple[float, Cell]]) -> list[tuple[float, float]]:
    return [(time, cell.value) for time, cell in found if cell.value is not None]


def _thinned(found: Sequence[tuple[float, Cell]]) -> list[tuple[str, Cell]]:
    return [(f"{found[i][0]:.2f}", found[i][1]) for i in printed(len(found))]
