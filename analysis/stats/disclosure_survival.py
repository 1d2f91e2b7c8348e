"""Small-count suppression of survival at landmarks, restricted means, comparisons within strata and by response."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.stats.disclosure import Table


def hide_landmarks_and_means(table: Table, name: str) -> None:
    """Run after the curve of the endpoint ``name`` was thinned.

    A landmark is shown where it is, to the last bit, a point of the curve that is shown anyway: at a tick that stays,
    with no subject's time on the tick itself. Its standard error and limits are functions of the curve's limits, and
    the difference is one of both arms, so nothing new is told. A restricted mean sums over every time of the arm, and
    its tau is one subject's time unless the study names it: no rule has been shown to hold, and all of it goes.
    So do the comparisons within strata and the robust variances, margins of tables by site or covariate, and what is
    given from a landmark by response, a margin of best response and of the curve together, and the bootstrap of a
    stepwise choice: concordances are ratios of counts of pairs.
    """
    import numpy as np

    group, levels = (table.rows[column].astype(str).to_numpy() for column in ("group", "level"))
    value = table.rows["value"].to_numpy(dtype="float64")
    without_rule = ("rmst", "logrank_stratified", "cox_stratified", "cox_robust", "response_landmark")
    table.hidden |= table.at(parameter=name, variable=(*without_rule, "stepwise_bootstrap"))
    mine = table.at(parameter=name, variable="landmark")
    curve = table.at(parameter=name, variable="km", statistic="survival") & ~table.dropped & ~table.hidden
    ticks = set(levels[table.at(parameter=name, variable="risk_table") & ~table.hidden])
    for level in sorted(set(levels[mine])):
        at_level = mine & table.at(level=level)
        safe = level in ticks
        for row in np.flatnonzero(at_level & table.at(statistic="survival")):
            shown = np.flatnonzero(curve & table.at(group=group[row]))
            before = [point for point in shown if float(levels[point]) < float(level)]
            last = max(before, key=lambda point: float(levels[point]), default=None)
            safe = safe and last is not None and bool(value[last] == value[row])
        if not safe:
            table.hidden |= at_level
