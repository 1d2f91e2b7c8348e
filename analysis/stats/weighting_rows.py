"""Rows of the weighted comparison: propensity model, overlap, and for each estimand weights, balance and outcomes.

No weighted outcome without its balance and effective sample size: they are made here together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.stats import weighted_cox
from analysis.stats.cohort import DAYS, Cohort
from analysis.stats.estimates import BoolArray, FloatArray, NotEstimable, Value
from analysis.stats.propensity import (
    balance,
    common_support,
    effective_size,
    weighted_difference,
    weighted_share,
    weighted_survival,
    weights,
)
from analysis.stats.propensity_scores import Sample, Scored, score
from analysis.stats.rows import TOTAL, Rows, contrast
from analysis.stats.time_to_event import UNITS
from analysis.study.comparison import Ties
from analysis.study.weighting import Estimand, Weighting

_BINS = 10


def add_weighting(rows: Rows, cohort: Cohort) -> None:
    """All rows of ``propensity`` and ``weighting:<estimand>``; none where the study does not ask."""
    plan = cohort.study.analysis.weighting
    if plan is None:
        return
    group = contrast(cohort.arms[0], cohort.arms[-1])
    scored = score(cohort, plan)
    if isinstance(scored, NotEstimable):
        _refused(rows, cohort, plan, group, scored)
        return
    for label, members in _groups(cohort):
        rows.add("propensity", "missing", "n", int((members & ~scored.known).sum()), group=label)
    _model(rows, group, scored)
    if scored.trimmed is not None:
        for label, members in _groups(cohort):
            rows.add("propensity", "trimmed", "n", int((members & scored.trimmed).sum()), group=label)
    sample = scored.sample
    if isinstance(sample, NotEstimable):
        _refused(rows, cohort, plan, group, sample)
        return
    _overlap(rows, cohort, group, sample)
    for estimand in plan.estimands:
        _estimand(rows, cohort, plan, estimand, group, sample)


def _groups(cohort: Cohort) -> list[tuple[str, BoolArray]]:
    own = [(label, cohort.in_arm(i)) for i, label in enumerate(cohort.arms)]
    return [*own, (TOTAL, np.ones(cohort.n, dtype=np.bool_))]


def _model(rows: Rows, group: str, scored: Scored) -> None:
    """How many terms the propensity model has, and its coefficients with their standard errors."""
    n, fit = int(scored.known.sum()), scored.fit
    rows.add("propensity", "model", "terms", len(scored.columns), group=group, method="logit", n=n)
    where = {"group": group, "method": "logit", "warning": scored.warning}
    for k, level in enumerate(["intercept", *(column.level for column in scored.columns)]):
        values: dict[str, Value] = (
            {"coef": fit, "se": fit}
            if isinstance(fit, NotEstimable)
            else {"coef": float(fit.coef[k]), "se": float(fit.se[k])}
        )
        for statistic, value in values.items():
            rows.add("propensity", "model", statistic, value, level=level, n=n, **where)


def _overlap(rows: Rows, cohort: Cohort, group: str, sample: Sample) -> None:
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


def _estimand(rows: Rows, cohort: Cohort, plan: Weighting, estimand: Estimand, group: str, sample: Sample) -> None:
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
    rows: Rows, cohort: Cohort, plan: Weighting, estimand: Estimand, group: str, sample: Sample, weight: FloatArray
) -> None:
    """Before and after of every covariate of the study: its number, and each of its categories."""
    parameter = f"weighting:{estimand}"
    for method, given in (("unweighted", None), ("weighted", weight)):
        for _, level, smd, n in _differences(cohort, estimand, sample, given):
            where = {"group": group, "level": level, "method": method, "warning": sample.warning}
            rows.add(parameter, "balance", "smd", smd, n=n, **where)
        largest = largest_difference(cohort, plan, estimand, sample, given)
        rows.add(parameter, "balance", "largest_smd", largest, group=group, method=method)


def _differences(
    cohort: Cohort, estimand: Estimand, sample: Sample, weight: FloatArray | None
) -> Iterator[tuple[str, str, Value, int]]:
    """Covariate, level, standardised mean difference and subjects, of each number and category; unweighted by None."""
    for name, data in cohort.covariates.items():
        shown = [] if data.values is None else [(name, data.values)]
        missing = data.codes < 0
        for k, category in enumerate(data.categories):
            indicator = np.where(missing, np.nan, (data.codes == k).astype(np.float64))
            shown.append((f"{name}={category}", indicator))
        for level, values in shown:
            own = values[sample.used]
            there = ~np.isnan(own)
            smd: Value = NotEstimable("no values in one arm")
            if there[sample.treated].any() and there[~sample.treated].any():
                given = None if weight is None else weight[there]
                smd = balance(own[there], sample.treated[there], given, estimand)
            yield name, level, smd, int(there.sum())


def largest_difference(
    cohort: Cohort, plan: Weighting, estimand: Estimand, sample: Sample, weight: FloatArray | None
) -> Value:
    """The largest absolute difference among the covariates weighted for; without one of them there is no largest."""
    found = [smd for name, _, smd, _ in _differences(cohort, estimand, sample, weight) if name in plan.covariates]
    gaps = [abs(smd) for smd in found if not isinstance(smd, NotEstimable)]
    return max(gaps) if len(gaps) == len(found) else NotEstimable("a covariate has no difference")


def _outcome(
    cohort: Cohort, endpoint: str, sample: Sample, weight: FloatArray
) -> tuple[FloatArray, BoolArray, BoolArray, FloatArray]:
    """Time in days, event, experimental arm and weight of those of the sample who have a usable time."""
    data = cohort.endpoint(endpoint)
    place = np.full(cohort.n, -1, dtype=np.int64)
    place[data.index] = np.arange(data.index.size)
    there = place[sample.used] >= 0
    rows_of = place[sample.used][there]
    return data.time[rows_of], data.event[rows_of], sample.treated[there], weight[there]


def weighted_ratio(
    cohort: Cohort, endpoint: str, sample: Sample, weight: FloatArray, ties: Ties
) -> tuple[dict[str, Value], int, int]:
    """The weighted Cox model with robust variance, ``hr lower upper p coef se``, and its subjects and events."""
    time, event, treated, w = _outcome(cohort, endpoint, sample, weight)
    n, events = int(time.size), int(event.sum())
    fit = weighted_cox.fit(time, event, treated.astype(np.float64), w, ties) if n else NotEstimable("no subjects")
    names = ("hr", "lower", "upper", "p", "coef", "se")
    if isinstance(fit, NotEstimable):
        return dict.fromkeys(names, fit), n, events
    return dict(zip(names, (*fit.hazard_ratio(), fit.wald_p(), fit.coef, fit.se), strict=True)), n, events


def _endpoint(
    rows: Rows, cohort: Cohort, parameter: str, endpoint: str, group: str, sample: Sample, weight: FloatArray
) -> None:
    """Weighted Kaplan-Meier of each arm with its median, and the weighted Cox model with robust variance."""
    time, event, treated, w = _outcome(cohort, endpoint, sample, weight)
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
    ties = cohort.study.analysis.primary.ties
    values, n, _ = weighted_ratio(cohort, endpoint, sample, weight, ties)
    for statistic, value in values.items():
        told = {"group": group, "method": f"{ties}_robust", "warning": sample.warning}
        rows.add(parameter, endpoint, statistic, value, n=n, **told)


def _rates(rows: Rows, cohort: Cohort, parameter: str, group: str, sample: Sample, weight: FloatArray) -> None:
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
