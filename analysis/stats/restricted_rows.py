"""Rows of one endpoint that a study asks for in ``analysis.survival``: survival at landmarks, restricted means."""

from __future__ import annotations

from analysis.stats.cohort import DAYS, Cohort
from analysis.stats.estimates import NotEstimable, Value
from analysis.stats.restricted import Compared, Estimate, difference, ratio, restricted_mean, survival_at
from analysis.stats.rows import Rows, contrast
from analysis.stats.survival import KaplanMeier, kaplan_meier
from analysis.stats.time_to_event import UNITS
from analysis.study.survival import landmark_level

_NOBODY = NotEstimable("no subject of the arm has a time")


def _curves(cohort: Cohort, endpoint: str) -> list[KaplanMeier | None]:
    """The curve of each arm in the study's order; None where nobody in it has a time. Days."""
    data = cohort.endpoint(endpoint)
    members = [cohort.arm[data.index] == i for i in range(len(cohort.arms))]
    return [kaplan_meier(data.time[m], data.event[m]) if m.any() else None for m in members]


def _contrasts(cohort: Cohort, found: list[Estimate]) -> list[tuple[str, int, Estimate, Estimate]]:
    """(group, position of the experimental arm, its estimate, the reference's)."""
    last = cohort.reference
    return [
        (contrast(label, cohort.arms[last]), i, found[i], found[last])
        for i, label in enumerate(cohort.arms)
        if i != last
    ]


def _sizes(curves: list[KaplanMeier | None]) -> list[int]:
    return [0 if curve is None else curve.n for curve in curves]


def add_landmarks(rows: Rows, cohort: Cohort, endpoint: str) -> None:
    """Survival at each of the study's landmarks: each arm's, and the differences to the reference."""
    landmarks = cohort.study.analysis.survival.landmarks
    if not landmarks:
        return
    days = DAYS[cohort.study.endpoint_rules.unit]
    transform = cohort.study.analysis.primary.km_ci
    curves = _curves(cohort, endpoint)
    sizes = _sizes(curves)
    for time in landmarks:
        level = landmark_level(time)
        found = [
            Estimate(_NOBODY, _NOBODY, _NOBODY, _NOBODY)
            if curve is None
            else survival_at(curve, time * days, transform)
            for curve in curves
        ]
        for label, one, n in zip(cohort.arms, found, sizes, strict=True):
            where = {"group": label, "level": level}
            rows.add(endpoint, "landmark", "survival", one.value, n=n, **where)
            rows.add(endpoint, "landmark", "se", one.se, n=n, **where)
            rows.add(endpoint, "landmark", "lower", one.lower, method=transform, n=n, **where)
            rows.add(endpoint, "landmark", "upper", one.upper, method=transform, n=n, **where)
        for group, i, experimental, reference in _contrasts(cohort, found):
            compared = difference(experimental, reference, -1.0, 1.0)
            n = sizes[i] + sizes[cohort.reference]
            for statistic, value in _named(compared, "difference").items():
                rows.add(
                    endpoint, "landmark", statistic, value, group=group, level=level, method="wald_difference", n=n
                )


def add_restricted_means(rows: Rows, cohort: Cohort, endpoint: str) -> None:
    """Tau, the restricted mean of each arm, and differences and ratios to the reference. Computed on days."""
    asked = cohort.study.analysis.survival.rmst
    if asked is None:
        return
    unit = cohort.study.endpoint_rules.unit
    days = DAYS[unit]
    curves = _curves(cohort, endpoint)
    sizes = _sizes(curves)
    longest = [float(curve.time[-1]) for curve in curves if curve is not None]
    tau: Value = _NOBODY
    if asked.tau is not None:
        tau = asked.tau * days
    elif len(longest) == len(curves):
        tau = min(longest) if min(longest) > 0 else NotEstimable("an arm was observed on day 0 only")
    rows.add(endpoint, "rmst", "tau", _in_unit(tau, days), unit=UNITS[unit], n=sum(sizes))
    found = []
    for label, curve, n in zip(cohort.arms, curves, sizes, strict=True):
        reason = _NOBODY if curve is None else tau
        if curve is None or isinstance(tau, NotEstimable):
            assert isinstance(reason, NotEstimable)
            one = Estimate(reason, reason, reason, reason)
        else:
            one = restricted_mean(curve, tau)
        found.append(one)
        values = {"estimate": one.value, "se": one.se, "lower": one.lower, "upper": one.upper}
        for statistic, value in values.items():
            rows.add(
                endpoint, "rmst", statistic, _in_unit(value, days), group=label, unit=UNITS[unit], method="wald", n=n
            )
    for group, i, experimental, reference in _contrasts(cohort, found):
        n = sizes[i] + sizes[cohort.reference]
        most = tau if isinstance(tau, float) else 0.0
        for statistic, value in _named(difference(experimental, reference, -most, most), "difference").items():
            scaled = value if statistic == "p" else _in_unit(value, days)
            of = "" if statistic == "p" else UNITS[unit]
            rows.add(endpoint, "rmst", statistic, scaled, group=group, unit=of, method="wald_difference", n=n)
        for statistic, value in _named(ratio(experimental, reference), "ratio").items():
            rows.add(endpoint, "rmst", statistic, value, group=group, method="wald_log_ratio", n=n)


def _named(compared: Compared, name: str) -> dict[str, Value]:
    return {name: compared.value, "lower": compared.lower, "upper": compared.upper, "p": compared.p}


def _in_unit(value: Value, days: float) -> Value:
    return value if isinstance(value, NotEstimable) else value / days
