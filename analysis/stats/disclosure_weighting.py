"""Small-count suppression of the weighted comparison and of E-values. The rules, in words: ``docs/statistics.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.rows import TOTAL

if TYPE_CHECKING:
    from analysis.stats.disclosure import Table

_OUTCOMES = ("orr", "dcr")


def hide_weighting(table: Table) -> None:
    """Marks the rows of ``propensity``, ``weighting:<estimand>`` and ``e_value``; after the rules of response and
    endpoints, whose marks it reads.

    Single subjects' scores and weights never leave, nor weighted curves. Where the baseline table of a covariate of
    the propensity model is small anywhere, its scores, weights, balance and outcomes all go: each is a function of it.
    """
    parameter = table.columns("parameter")
    outcomes = np.char.startswith(parameter.astype(str), "weighting:")
    mine = outcomes | (parameter == "propensity")
    if mine.any():
        _weighting(table, mine, outcomes)
    for row in np.flatnonzero(table.at(variable="e_value")):
        _e_value(table, int(row))


def _weighting(table: Table, mine: np.ndarray, outcomes: np.ndarray) -> None:
    variable, level = table.columns("variable"), table.columns("level")
    names = np.char.partition(level.astype(str), "=")[:, 0]
    table.dropped |= outcomes & np.char.endswith(variable.astype(str), "_km")
    single = table.at(variable=("score", "weights"), statistic=("min", "max")) | table.at(variable="common_support")
    table.hidden |= mine & (single | table.few("median", 2) | table.few(("q1", "q3"), 4))
    histogram = mine & table.at(variable="histogram")
    outside = mine & table.at(variable="outside_support")
    for counts in (histogram, outside):
        if table.any_small(counts) or table.small(table.sizes(counts) - table.values(counts)).any():
            table.hidden |= counts
    left = mine & table.at(variable=("missing", "trimmed"))
    if table.any_small(left):
        table.hidden |= left

    baseline = table.at(parameter="baseline", statistic=("count", "missing", "n"))
    small = {str(v) for v in variable[baseline & table.small(table.values())]}
    modelled = {str(n) for n in names[mine & table.at(variable="model", statistic="coef")]}
    table.hidden |= mine & table.at(variable="balance") & np.isin(names, sorted(small))
    if small:
        table.hidden |= mine & table.at(statistic="largest_smd")
    if small & modelled or table.any_small(left):
        # No weighted outcome without its balance and effective size, so these go with them.
        table.hidden |= mine
    for endpoint in table.endpoints():
        own = outcomes & table.at(variable=(endpoint, f"{endpoint}_median"))
        status = table.at(parameter=endpoint, variable=("events", "censored", "unusable"), statistic="n")
        if table.any_small(status):
            table.hidden |= own
        table.hidden |= own & table.at(variable=f"{endpoint}_median") & (table.sizes() < 2 * table.k)
    # Weights of one make a crude share of those who have a score, whose count nothing else bounds.
    table.hidden |= table.at(parameter="weighting:ATT", variable=_OUTCOMES, statistic="percent")
    rates = table.at(parameter="response", variable=_OUTCOMES)
    if (rates & table.hidden).any():
        table.hidden |= outcomes & table.at(variable=_OUTCOMES)
    _sizes(table, mine)


def _sizes(table: Table, mine: np.ndarray) -> None:
    """The n beside the rows go where two of them, or one and the arm's own size, differ by few."""
    group = table.columns("group")
    for label in sorted(set(group[mine])):
        asked = mine & (group == label)
        whole = table.number(parameter="flow", variable="analysed", group=TOTAL if " vs " in label else label)
        sizes = np.unique([*table.sizes(asked), whole])
        if table.small(np.abs(sizes[:, None] - sizes).ravel()).any():
            table.no_n |= mine
    if table.any_small(table.at(parameter="baseline", statistic="missing")):
        table.no_n |= mine


def _e_value(table: Table, row: int) -> None:
    """An E-value is a function of its hazard ratio: it goes, and loses its n, with it."""
    endpoint, group, model = (str(table.columns(c)[row]) for c in ("parameter", "group", "level"))
    if model.startswith("weighting:"):
        ratio = table.at(parameter=model, variable=endpoint, group=group, statistic="hr")
    else:
        ratio = table.at(parameter=endpoint, variable=model, group=group, statistic="hr")
        ratio &= np.char.startswith(table.columns("level").astype(str), "treatment=")
    if not ratio.any() or table.hidden[ratio].any():
        table.hidden[row] = True
    table.no_n[row] |= bool(table.no_n[ratio].any())
