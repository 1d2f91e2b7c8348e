"""Rows of the weighted comparison: propensity model, overlap, and for each estimand weights, balance and outcomes.

No weighted outcome without its balance and effective sample size: they are made here together or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.stats import logistic, weighted_cox
from analysis.stats.cohort import DAYS, Cohort
from analysis.stats.estimates import BoolArray, FloatArray, IntArray, NotEstimable, Value
from analysis.stats.logistic import LogisticFit
from analysis.stats.propensity import (
    balance,
    common_support,
    effective_size,
    weighted_difference,
    weighted_share,
    weighted_survival,
    weights,
)
from analysis.stats.rows import TOTAL, Rows, contrast
from analysis.stats.terms import Column, covariate_term
from analysis.stats.time_to_event import UNITS
from analysis.study.weighting import Estimand, Weighting

_BINS = 10


def add_weighting(rows: Rows, cohort: Cohort) -> None:
    """All rows of ``propensity`` and ``weighting:<estimand>``; none where the study does not ask."""
    plan = cohort.study.analysis.weighting
    if plan is None:
        return
    group = contrast(cohort.arms[0], cohort.arms[-1])
    if len(cohort.arms) > 2:
        _refused(rows, cohort, plan, group, NotEstimable("weighting compares two arms, and this study has more"))
        return
    columns = _columns(cohort, plan)
    known = ~np.any([np.isnan(column.values) for column in columns], axis=0)
    for label, members in _groups(cohort):
        rows.add("propensity", "missing", "n", int((members & ~known).sum()), group=label)
    used = np.flatnonzero(known)
    score = _model(rows, cohort, plan, group, columns, used)
    if not isinstance(score, NotEstimable) and plan.trim is not None:
        low, high = plan.trim
        keep = (score >= low) & (score <= high)
        for label, members in _groups(cohort):
            rows.add("propensity", "trimmed", "n", int((members[used] & ~keep).sum()), group=label)
        used = used[keep]
        # The model is fitted again in those who stay, whom the weights are for (Li, Thomas and Li, AJE 2019;188:250).
        if not keep.all():
            score = _scores(_fitted(cohort, plan, columns, used))
    if isinstance(score, NotEstimable):
        _refused(rows, cohort, plan, group, score)
        return
    sample = _Sample(used, score, cohort.arm[used] == 0, _warning(plan, len(used), len(columns)))
    _overlap(rows, cohort, group, sample)
    for estimand in plan.estimands:
        _estimand(rows, cohort, plan, estimand, group, sample)


@dataclass(frozen=True)
class _Sample:
    """Who is weighted (places in the cohort), their scores, who is in the experimental arm, and the rows' warning."""

    used: IntArray
    score: FloatArray
    treated: BoolArray
    warning: str


def _groups(cohort: Cohort) -> list[tuple[str, BoolArray]]:
    own = [(label, cohort.in_arm(i)) for i, label in enumerate(cohort.arms)]
    return [*own, (TOTAL, np.ones(cohort.n, dtype=np.bool_))]


def _columns(cohort: Cohort, plan: Weighting) -> list[Column]:
    """The propensity model's columns: each covariate as Cox models take it, or as a number."""
    found: list[Column] = []
    for name in plan.covariates:
        values = cohort.covariates[name].values
        if name in plan.linear and values is not None:
            found.append(Column(name, TOTAL, values))
        else:
            found += covariate_term(cohort, name).columns
    return found


def _few(n: int, terms: int) -> bool:
    return n < 10 * terms


def _warning(plan: Weighting, n: int, terms: int) -> str:
    return f"forced with fewer than 10 subjects a term: {plan.reason}" if _few(n, terms) else ""


def _fitted(cohort: Cohort, plan: Weighting, columns: list[Column], used: IntArray) -> LogisticFit | NotEstimable:
    if used.size == 0:
        return NotEstimable("no subject is left for the propensity model")
    x = np.column_stack([column.values[used] for column in columns])
    if _few(len(used), len(columns)) and not plan.force:
        return NotEstimable("fewer than 10 subjects a term: weighting is refused unless the study forces it")
    return logistic.fit(x, np.asarray(cohort.arm[used] == 0))


def _model(
    rows: Rows, cohort: Cohort, plan: Weighting, group: str, columns: list[Column], used: IntArray
) -> FloatArray | NotEstimable:
    """The propensity model's rows, and its scores."""
    n, warning = len(used), _warning(plan, len(used), len(columns))
    fit = _fitted(cohort, plan, columns, used)
    rows.add("propensity", "model", "terms", len(columns), group=group, method="logit", n=n)
    for k, level in enumerate(["intercept", *(column.level for column in columns)]):
        values: dict[str, Value] = (
            dict.fromkeys(("coef", "se"), fit)
            if isinstance(fit, NotEstimable)
            else {
                "coef": float(fit.coef[k]),
                "se": float(fit.se[k]),
            }
        )
        for statistic, value in values.items():
            rows.add(
                "propensity", "model", statistic, value, group=group, level=level, method="logit", n=n, warning=warning
            )
    return _scores(fit)


def _scores(fit: LogisticFit | NotEstimable) -> FloatArray | NotEstimable:
    return fit if isinstance(fit, NotEstimable) else fit.probability


def _overlap(rows: Rows, cohort: Cohort, group: str, sample: _Sample) -> None:
    """The scores of each arm, a histogram of ten bins, and the support both arms share."""
    low, high = common_support(sample.score, sample.treated)
    empty = NotEstimable("no score is reached by both arms")
    for statistic, value in (("lower", low), ("upper", high)):
        shown: Value = value if low <= high else empty
        rows.add("propensity", "common_support", statistic, shown, group=group, n=len(sample.used))
    bins = np.minimum((sample.score * _BINS).astype(np.int64), _BINS - 1)
    for label, members in ((cohort.arms[0], sample.treated), (cohort.arms[1], ~sample.treated)):
        own = sample.score[members]
        n = int(own.size)
        outside = int(((own < low) | (own > high)).sum())
        rows.add("propensity", "outside_support", "n", outside, group=label, n=n)
        q1, median, q3 = (float(q) for q in np.quantile(own, [0.25, 0.5, 0.75]))
        summary = {"mean": float(own.mean()), "q1": q1, "median": median, "q3": q3}
        for statistic, value in {**summary, "min": float(own.min()), "max": float(own.max())}.items():
            rows.add("propensity", "score", statistic, value, group=label, n=n, warning=sample.warning)
        for k, count in enumerate(np.bincount(bins[members], minlength=_BINS)):
            rows.add("propensity", "histogram", "count", int(count), group=label, level=f"{k / _BINS:.1f}", n=n)


def _estimand(rows: Rows, cohort: Cohort, plan: Weighting, estimand: Estimand, group: str, sample: _Sample) -> None:
    parameter, treated = f"weighting:{estimand}", sample.treated
    weight = weights(sample.score, treated, estimand, stabilised=plan.stabilised)
    arms = ((cohort.arms[0], treated), (cohort.arms[1], ~treated))
    for label, members in arms:
        own = weight[members]
        values = {"ess": effective_size(own), "mean": own.mean(), "min": own.min(), "max": own.max(), "sum": own.sum()}
        for statistic, value in values.items():
            rows.add(parameter, "weights", statistic, value, group=label, n=int(own.size), warning=sample.warning)
    _balance(rows, cohort, plan, estimand, group, sample, weight)
    for endpoint in cohort.study.endpoint:
        _endpoint(rows, cohort, parameter, endpoint.id, group, sample, weight)
    if cohort.study.response is not None:
        _rates(rows, cohort, parameter, group, sample, weight)


def _balance(
    rows: Rows, cohort: Cohort, plan: Weighting, estimand: Estimand, group: str, sample: _Sample, weight: FloatArray
) -> None:
    """Before and after of every covariate of the study: its number, and each of its categories."""
    largest: dict[str, list[Value]] = {"unweighted": [], "weighted": []}
    for name, data in cohort.covariates.items():
        shown = [] if data.values is None else [(name, data.values)]
        missing = data.codes < 0
        for k, category in enumerate(data.categories):
            indicator = np.where(missing, np.nan, (data.codes == k).astype(np.float64))
            shown.append((f"{name}={category}", indicator))
        for level, values in shown:
            own = values[sample.used]
            there = ~np.isnan(own)
            for method, given in (("unweighted", None), ("weighted", weight[there])):
                if there[sample.treated].any() and there[~sample.treated].any():
                    smd = balance(own[there], sample.treated[there], given, estimand)
                else:
                    smd = NotEstimable("no values in one arm")
                if name in plan.covariates:
                    largest[method].append(smd)
                rows.add(
                    f"weighting:{estimand}",
                    "balance",
                    "smd",
                    smd,
                    group=group,
                    level=level,
                    method=method,
                    n=int(there.sum()),
                    warning=sample.warning,
                )
    for method, found in largest.items():
        # The largest among the covariates that were weighted for; without one of them there is no largest.
        gaps = [abs(smd) for smd in found if not isinstance(smd, NotEstimable)]
        value: Value = max(gaps) if len(gaps) == len(found) else NotEstimable("a covariate has no difference")
        rows.add(f"weighting:{estimand}", "balance", "largest_smd", value, group=group, method=method)


def _endpoint(
    rows: Rows, cohort: Cohort, parameter: str, endpoint: str, group: str, sample: _Sample, weight: FloatArray
) -> None:
    """Weighted Kaplan-Meier of each arm with its median, and the weighted Cox model with robust variance."""
    data = cohort.endpoint(endpoint)
    place = np.full(cohort.n, -1, dtype=np.int64)
    place[data.index] = np.arange(data.index.size)
    there = place[sample.used] >= 0
    rows_of = place[sample.used][there]
    time, event = data.time[rows_of], data.event[rows_of]
    treated, w = sample.treated[there], weight[there]
    ties, n = cohort.study.analysis.primary.ties, int(time.size)
    unit = cohort.study.endpoint_rules.unit
    for label, members in ((cohort.arms[0], treated), (cohort.arms[1], ~treated)):
        own = int(members.sum())
        where = {"group": label, "method": "weighted_km", "n": own}
        if own == 0:
            continue
        times, survival = weighted_survival(time[members], event[members], w[members])
        for t, s in zip(times, survival, strict=True):
            level = f"{t / DAYS[unit]:.4f}"
            rows.add(parameter, f"{endpoint}_km", "survival", float(s), level=level, **where)  # type: ignore[arg-type]
        below = np.flatnonzero(survival <= 0.5 + 1.5e-8)
        median: Value = float(times[below[0]]) / DAYS[unit] if below.size else NotEstimable("median not reached")
        rows.add(parameter, f"{endpoint}_median", "estimate", median, unit=UNITS[unit], warning=sample.warning, **where)  # type: ignore[arg-type]
    fit = weighted_cox.fit(time, event, treated.astype(np.float64), w, ties) if n else NotEstimable("no subjects")
    names = ("hr", "lower", "upper", "p", "coef", "se")
    values: dict[str, Value] = (
        dict.fromkeys(names, fit)
        if isinstance(fit, NotEstimable)
        else dict(zip(names, (*fit.hazard_ratio(), fit.wald_p(), fit.coef, fit.se), strict=True))
    )
    for statistic, value in values.items():
        method = f"{ties}_robust"
        rows.add(parameter, endpoint, statistic, value, group=group, method=method, n=n, warning=sample.warning)


def _rates(rows: Rows, cohort: Cohort, parameter: str, group: str, sample: _Sample, weight: FloatArray) -> None:
    """Weighted response and control rate by arm, and their difference with robust limits, in percentage points."""
    response = cohort.study.response
    assert response is not None
    best = cohort.best_response[sample.used]
    counted = np.ones(best.size, dtype=np.bool_)
    if response.not_evaluable == "exclude":
        counted = best < len(response.order)
    treated, w, best = sample.treated[counted], weight[counted], best[counted]
    for name, levels in (("orr", response.responders), ("dcr", response.controlled)):
        outcome = np.isin(best, [response.order.index(level) for level in levels])
        sides = ((cohort.arms[0], treated), (cohort.arms[1], ~treated))
        empty = [label for label, members in sides if not members.any()]
        reason = NotEstimable("nobody in one arm is counted")
        for label, members in sides:
            share: Value = reason if empty else 100 * weighted_share(outcome[members], w[members])[0]
            rows.add(
                parameter, name, "percent", share, group=label, unit="%", n=int(members.sum()), warning=sample.warning
            )
        found = (reason, reason, reason) if empty else weighted_difference(outcome, treated, w)
        for statistic, value in zip(("difference", "lower", "upper"), found, strict=True):
            shown = value if isinstance(value, NotEstimable) else 100 * value
            rows.add(
                parameter,
                name,
                statistic,
                shown,
                group=group,
                unit="percentage points",
                method="robust",
                n=int(best.size),
                warning=sample.warning,
            )


def _refused(rows: Rows, cohort: Cohort, plan: Weighting, group: str, reason: NotEstimable) -> None:
    """The rows a reader looks for, each with the reason."""
    ties = cohort.study.analysis.primary.ties
    for estimand in plan.estimands:
        parameter = f"weighting:{estimand}"
        for label in cohort.arms:
            rows.add(parameter, "weights", "ess", reason, group=label)
        rows.add(parameter, "balance", "largest_smd", reason, group=group, method="weighted")
        for endpoint in cohort.study.endpoint:
            for statistic in ("hr", "lower", "upper", "p"):
                rows.add(parameter, endpoint.id, statistic, reason, group=group, method=f"{ties}_robust")
        for name in ("orr", "dcr") if cohort.study.response is not None else ():
            for statistic in ("difference", "lower", "upper"):
                unit = "percentage points"
                rows.add(parameter, name, statistic, reason, group=group, unit=unit, method="robust")
