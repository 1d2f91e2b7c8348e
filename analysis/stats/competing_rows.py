"""Rows of an endpoint with competing events: how many had one, cumulative incidence by arm, and Gray's test."""

from __future__ import annotations

import numpy as np

from analysis.stats.cohort import DAYS, Cohort
from analysis.stats.competing import (
    CENSORED,
    COMPETING,
    EVENT,
    cumulative_incidence,
    gray_test,
    incidence_limits,
)
from analysis.stats.estimates import FloatArray, finite
from analysis.stats.rows import TOTAL, Rows, contrast
from analysis.stats.survival import tick_positions

CAUSES = {EVENT: "", COMPETING: "_competing"}
"""What follows the variable's name for each cause: nothing for the endpoint's own event."""


def add_competing(rows: Rows, cohort: Cohort, name: str) -> None:
    """Nothing for an endpoint without competing events. Levels are times in the study's unit."""
    endpoint = next(e for e in cohort.study.endpoint if e.id == name)
    if not endpoint.competing:
        return
    data = cohort.endpoint(name)
    cause = np.where(data.event, EVENT, np.where(cohort.competing(name), COMPETING, CENSORED))
    arm = cohort.arm[data.index]
    ticks = tick_positions(float(data.time.max(initial=0.0)) / DAYS[cohort.study.endpoint_rules.unit])
    for i, label in enumerate(cohort.arms):
        mine = arm == i
        rows.add(name, "competing", "n", int((cause[mine] == COMPETING).sum()), group=label, n=int(mine.sum()))
        if mine.any():
            for of in CAUSES:
                _curve(rows, cohort, name, label, data.time[mine], cause[mine], of, ticks)
    rows.add(name, "competing", "n", int((cause == COMPETING).sum()), n=int(arm.size))
    groups = [
        (contrast(label, cohort.arms[cohort.reference]), (arm == i) | (arm == cohort.reference))
        for i, label in enumerate(cohort.arms)
        if i != cohort.reference
    ]
    groups += [(TOTAL, np.ones(arm.size, dtype=np.bool_))] if len(cohort.arms) > 2 else []
    for group, who in groups:
        for of, suffix in CAUSES.items():
            test = gray_test(data.time[who], cause[who], arm[who], of)
            rows.add(name, f"gray{suffix}", "chi2", test.chi2, group=group, method="gray", n=int(who.sum()))
            rows.add(name, f"gray{suffix}", "p", test.p, group=group, method="gray", n=int(who.sum()))


def _curve(
    rows: Rows,
    cohort: Cohort,
    name: str,
    group: str,
    time: FloatArray,
    cause: np.ndarray,
    of: int,
    ticks: FloatArray,
) -> None:
    """The whole step function as ``incidence``, and its value at the ticks of the risk table as ``incidence_table``."""
    days = DAYS[cohort.study.endpoint_rules.unit]
    transform = cohort.study.analysis.primary.km_ci
    curve = cumulative_incidence(time, cause, of)
    lower, upper = incidence_limits(curve, transform)
    suffix, n = CAUSES[of], int(time.size)
    where = [(f"incidence{suffix}", f"{at / days:.4f}", k) for k, at in enumerate(curve.time)]
    # After the last time of the arm nobody is left to say how it went on.
    where += [
        (f"incidence_table{suffix}", f"{tick:g}", curve.at(tick * days)) for tick in ticks if tick * days <= time.max()
    ]
    for variable, level, k in where:
        rows.add(name, variable, "estimate", float(curve.estimate[k]), group=group, level=level, n=n)
        rows.add(name, variable, "se", float(curve.standard_error[k]), group=group, level=level, n=n)
        for statistic, limits in (("lower", lower), ("upper", upper)):
            value = finite(float(limits[k]), "no interval where the incidence is 0 or 1")
            rows.add(name, variable, statistic, value, group=group, level=level, method=transform, n=n)
