"""Rows of a sensitivity set that is also compared weighted, always with its effective sizes and its balance."""

from __future__ import annotations

from analysis.stats.cohort import Cohort
from analysis.stats.estimates import NotEstimable, Value
from analysis.stats.propensity import effective_size, weights
from analysis.stats.propensity_scores import score
from analysis.stats.rows import Rows, contrast
from analysis.stats.weighting_rows import largest_difference, weighted_ratio
from analysis.study.model import Sensitivity, Study

_RATIO = ("hr", "lower", "upper", "p", "se")


def add_set_weighted(rows: Rows, study: Study, item: Sensitivity, found: Cohort | NotEstimable) -> None:
    """Rows of ``sensitivity:<id>``: variables ``weights``, ``balance`` and, of each endpoint, ``<endpoint>_weighted``.

    The propensity score is the study's own, fitted anew in the set's subjects; the estimand and the ties are the
    set's. None where the set names no estimand.
    """
    plan, method = study.analysis.weighting, item.set_
    if plan is None or method is None or method.weighting is None:
        return
    estimand, parameter = method.weighting, f"sensitivity:{item.id}"
    group = contrast(study.arm[0].label, study.arm[-1].label)
    scored = found if isinstance(found, NotEstimable) else score(found, plan)
    sample = scored if isinstance(scored, NotEstimable) else scored.sample
    if isinstance(found, NotEstimable) or isinstance(sample, NotEstimable):
        reason = found if isinstance(found, NotEstimable) else sample
        assert isinstance(reason, NotEstimable)
        for arm in study.arm:
            rows.add(parameter, "weights", "ess", reason, group=arm.label, method=estimand)
        rows.add(parameter, "balance", "largest_smd", reason, group=group, method=estimand)
        for endpoint in study.endpoint:
            for statistic in _RATIO:
                variable, ties = f"{endpoint.id}_weighted", f"{method.ties}_robust"
                rows.add(parameter, variable, statistic, reason, group=group, method=ties)
        return
    weight = weights(sample.score, sample.treated, estimand, stabilised=plan.stabilised)
    for label, members in zip(found.arms, (sample.treated, ~sample.treated), strict=True):
        own = weight[members]
        told = {"group": label, "method": estimand, "warning": sample.warning}
        rows.add(parameter, "weights", "ess", effective_size(own), n=own.size, **told)
    largest = largest_difference(found, plan, estimand, sample, weight)
    rows.add(parameter, "balance", "largest_smd", largest, group=group, method=estimand, n=len(sample.used))
    for endpoint in study.endpoint:
        values, n, events = weighted_ratio(found, endpoint.id, sample, weight, method.ties)
        variable = f"{endpoint.id}_weighted"
        for statistic in _RATIO:
            told = {"group": group, "method": f"{method.ties}_robust", "warning": sample.warning}
            rows.add(parameter, variable, statistic, values[statistic], n=n, **told)
        counts: dict[str, Value] = {"n": n, "events": events}
        for statistic, value in counts.items():
            rows.add(parameter, variable, statistic, value, group=group, n=n)
