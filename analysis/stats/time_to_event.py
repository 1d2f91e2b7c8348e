"""Rows of one endpoint without a model: counts, curves, medians, follow-up, risk table, log-rank."""

from __future__ import annotations

import numpy as np

from analysis.stats.cohort import DAYS, Cohort
from analysis.stats.estimates import FloatArray, NotEstimable, Value, finite
from analysis.stats.rows import TOTAL, Rows, contrast
from analysis.stats.survival import (
    KaplanMeier,
    Quantity,
    Test,
    kaplan_meier,
    log_rank,
    median_survival,
    median_survival_spss,
    reverse_kaplan_meier,
    risk_counts,
    survival_limits,
    tick_positions,
)
from analysis.study.model import Method

UNITS = {"day": "days", "month": "months", "year": "years"}


def methods_of(cohort: Cohort) -> tuple[Method, ...]:
    """The primary method and, where the study names one, the published."""
    plan = cohort.study.analysis
    return (plan.primary,) if plan.published is None else (plan.primary, plan.published)


def add_time_to_event(rows: Rows, cohort: Cohort, name: str) -> None:
    """Everything about one endpoint that needs no model. Times in the study's unit, computed on days."""
    data = cohort.endpoint(name)
    arm = cohort.arm[data.index]
    days = DAYS[cohort.study.endpoint_rules.unit]
    ticks = tick_positions(float(data.time.max(initial=0.0)) / days)
    groups = [*((label, arm == i) for i, label in enumerate(cohort.arms)), (TOTAL, np.ones(arm.size, dtype=np.bool_))]
    for label, members in groups:
        time, event = data.time[members], data.event[members]
        asked = cohort.n if label == TOTAL else int((cohort.arm == cohort.arms.index(label)).sum())
        n = int(time.size)
        for statistic, count in (
            ("events", int(event.sum())),
            ("censored", n - int(event.sum())),
            ("unusable", asked - n),
        ):
            rows.add(name, statistic, "n", count, group=label, n=n)
        _follow_up(rows, cohort, name, label, time, event)
        if n == 0:
            continue
        curve = kaplan_meier(time, event)
        _medians(rows, cohort, name, label, curve)
        if label != TOTAL:
            _curve(rows, cohort, name, label, curve)
        counts = risk_counts(time, event, ticks * days)
        for k, tick in enumerate(ticks):
            for statistic, values in (
                ("at_risk", counts.at_risk),
                ("events", counts.events),
                ("censored", counts.censored),
            ):
                rows.add(name, "risk_table", statistic, int(values[k]), group=label, level=f"{tick:g}", n=n)
    for group, test, n in log_rank_tests(cohort, name):
        rows.add(name, "logrank", "chi2", test.chi2, group=group, method="logrank", n=n)
        rows.add(name, "logrank", "p", test.p, group=group, method="logrank", n=n)


def log_rank_tests(cohort: Cohort, name: str) -> list[tuple[str, Test, int]]:
    """(group, test, subjects) of each arm against the reference; with three or more arms also of all (``total``)."""
    data = cohort.endpoint(name)
    arm = cohort.arm[data.index]
    found = []
    for i, label in enumerate(cohort.arms):
        if i != cohort.reference:
            pair = (arm == i) | (arm == cohort.reference)
            test = log_rank(data.time[pair], data.event[pair], arm[pair])
            found.append((contrast(label, cohort.arms[cohort.reference]), test, int(pair.sum())))
    if len(cohort.arms) > 2:
        found.append((TOTAL, log_rank(data.time, data.event, arm), int(arm.size)))
    return found


def _scaled(value: Value, days: float) -> Value:
    return value if isinstance(value, NotEstimable) else value / days


def _medians(rows: Rows, cohort: Cohort, name: str, group: str, curve: KaplanMeier) -> None:
    """Medians by every method the study names; Kaplan-Meier ones by both rules for a curve that rests at one half."""
    rules = cohort.study.endpoint_rules
    wanted: dict[str, Quantity] = {}
    for method in methods_of(cohort):
        if method.median_ci == "spss":
            wanted["spss"] = median_survival_spss(curve)
        else:
            short = method.km_code
            wanted[short] = median_survival(curve, method.km_ci)
            wanted[f"{short}_middle"] = median_survival(curve, method.km_ci, middle=True)
    for method_name, median in wanted.items():
        for statistic, value in (("estimate", median.estimate), ("lower", median.lower), ("upper", median.upper)):
            rows.add(
                name,
                "median",
                statistic,
                _scaled(value, DAYS[rules.unit]),
                group=group,
                unit=UNITS[rules.unit],
                method=method_name,
                n=curve.n,
            )


def _curve(rows: Rows, cohort: Cohort, name: str, group: str, curve: KaplanMeier) -> None:
    days = DAYS[cohort.study.endpoint_rules.unit]
    transform = cohort.study.analysis.primary.km_ci
    lower, upper = survival_limits(curve, transform)
    for k in range(curve.time.size):
        level = f"{curve.time[k] / days:.4f}"
        rows.add(name, "km", "survival", float(curve.survival[k]), group=group, level=level, n=curve.n)
        for statistic, limits in (("lower", lower), ("upper", upper)):
            value = finite(float(limits[k]), "no interval where survival is 0 or 1")
            rows.add(name, "km", statistic, value, group=group, level=level, method=transform, n=curve.n)
        for statistic, counts in (
            ("at_risk", curve.at_risk),
            ("events", curve.events),
            ("censored", curve.censored),
        ):
            rows.add(name, "km", statistic, int(counts[k]), group=group, level=level, n=curve.n)


def _follow_up(rows: Rows, cohort: Cohort, name: str, group: str, time: FloatArray, event: np.ndarray) -> None:
    unit = cohort.study.endpoint_rules.unit
    days = DAYS[unit]
    nobody = NotEstimable("no subject has a time")
    values: dict[str, Value] = dict.fromkeys(("median", "min", "max"), nobody)
    reverse: Value = nobody
    if time.size:
        values = {"median": float(np.median(time)), "min": float(time.min()), "max": float(time.max())}
        reverse = median_survival(reverse_kaplan_meier(time, event)).estimate
    for statistic, value in values.items():
        rows.add(
            name,
            "follow_up",
            statistic,
            _scaled(value, days),
            group=group,
            unit=UNITS[unit],
            method="observed",
            n=int(time.size),
        )
    rows.add(
        name,
        "follow_up",
        "median",
        _scaled(reverse, days),
        group=group,
        unit=UNITS[unit],
        method="reverse_km",
        n=int(time.size),
    )
