"""Kaplan-Meier, medians under named rules, follow-up, numbers at risk and the log-rank test. Times in any one unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import Z95, BoolArray, FloatArray, IntArray, NotEstimable, Value, finite

#: Two survival probabilities nearer than this are one (R's survfit uses the square root of machine precision too).
_SAME = 1.5e-8


@dataclass(frozen=True)
class KaplanMeier:
    """One curve: a row for time 0 and for each distinct time observed. ``at_risk`` counts subjects with time >= t."""

    time: FloatArray
    at_risk: IntArray
    events: IntArray
    censored: IntArray
    survival: FloatArray
    greenwood: FloatArray  # the sum of d / (n (n - d)); not finite once all at risk had the event

    @property
    def n(self) -> int:
        """Subjects in the curve."""
        return int(self.at_risk[0])

    @property
    def standard_error(self) -> FloatArray:
        """Greenwood's standard error of the survival probability."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.survival * np.sqrt(self.greenwood))


@dataclass(frozen=True)
class Quantity:
    """An estimate with its 95 % limits, each of which may be missing for a reason of its own."""

    estimate: Value
    lower: Value
    upper: Value


def kaplan_meier(time: FloatArray, event: BoolArray) -> KaplanMeier:
    """The product-limit estimate (lifelines) with counts. At least one subject; times not negative."""
    from lifelines import KaplanMeierFitter

    fitter = KaplanMeierFitter().fit(time, event)
    table = fitter.event_table
    at_risk = table["at_risk"].to_numpy(dtype=np.int64)
    events = table["observed"].to_numpy(dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(events > 0, events / (at_risk * (at_risk - events)), 0.0)
    return KaplanMeier(
        time=table.index.to_numpy(dtype=np.float64),
        at_risk=at_risk,
        events=events,
        censored=table["censored"].to_numpy(dtype=np.int64),
        survival=fitter.survival_function_.iloc[:, 0].to_numpy(dtype=np.float64),
        greenwood=np.cumsum(steps),
    )


def survival_limits(curve: KaplanMeier, transform: str) -> tuple[FloatArray, FloatArray]:
    """Pointwise 95 % limits: ``log-log`` and ``log`` (Kalbfleisch and Prentice), ``plain`` (Greenwood).

    NaN where the estimate is 0 or 1 for log-log, 0 for the others: there is no variance to speak of (as R's survfit).
    """
    s = curve.survival
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(curve.greenwood)
        if transform == "log-log":
            inner = np.where((s > 0) & (s < 1), s, np.nan)
            shift = Z95 * root / np.log(inner)
            lower = np.exp(-np.exp(np.log(-np.log(inner)) - shift))
            upper = np.exp(-np.exp(np.log(-np.log(inner)) + shift))
        elif transform == "log":
            inner = np.where(s > 0, s, np.nan)
            lower, upper = inner * np.exp(-Z95 * root), np.minimum(inner * np.exp(Z95 * root), 1.0)
        elif transform == "plain":
            inner = np.where(s > 0, s, np.nan)
            lower, upper = np.maximum(inner - Z95 * inner * root, 0.0), np.minimum(inner + Z95 * inner * root, 1.0)
        else:
            raise ValueError(f"unknown transform {transform!r}")
    return np.asarray(lower), np.asarray(upper)


def _crossing(time: FloatArray, curve: FloatArray, middle: bool) -> float | None:
    """First time the curve is at or below one half; with ``middle``, R's rule where it is exactly one half."""
    below = np.flatnonzero(np.isfinite(curve) & (curve <= 0.5 + _SAME))
    if below.size == 0:
        return None
    first = below[0]
    if middle and abs(curve[first] - 0.5) < _SAME:
        lower = below[curve[below] < curve[first] - _SAME]
        if lower.size:
            return float((time[first] + time[lower[0]]) / 2)
    return float(time[first])


def median_survival(curve: KaplanMeier, transform: str = "log-log", *, middle: bool = False) -> Quantity:
    """Median by inversion of the curve and its limits (Brookmeyer and Crowley with the given transform).

    The estimate is the first time with S <= 0.5. ``middle`` takes R's rule instead: where a curve is exactly 0.5 over
    an interval, the interval's middle (``survival:::survmean``). No limit is given beyond the last estimable S.
    """
    lower, upper = survival_limits(curve, transform)
    found = [_crossing(curve.time, line, middle) for line in (curve.survival, lower, upper)]
    reasons = (
        "median not reached",
        "the lower limit of the curve does not reach 0.5",
        "the upper limit of the curve does not reach 0.5",
    )
    estimate, low, high = (NotEstimable(r) if f is None else f for f, r in zip(found, reasons, strict=True))
    return Quantity(estimate, low, high)


def median_survival_spss(curve: KaplanMeier) -> Quantity:
    """Median with the symmetric interval SPSS prints (KM algorithms, IBM SPSS Statistics).

    Median = first t with S <= 0.5; SE = Greenwood SE(S(median)) / f, f = (S(u) - S(l)) / (l - u), u the largest event
    time with S >= 0.55, l the smallest with S <= 0.45; limits = median -+ 1.96 SE, the lower one may be negative.
    """
    median = _crossing(curve.time, curve.survival, middle=False)
    if median is None:
        missing = NotEstimable("median not reached")
        return Quantity(missing, missing, missing)
    at_event = curve.events > 0
    time, survival = curve.time[at_event], curve.survival[at_event]
    above, below = np.flatnonzero(survival >= 0.55 - _SAME), np.flatnonzero(survival <= 0.45 + _SAME)
    if above.size == 0 or below.size == 0:
        side = "0.55 or above" if above.size == 0 else "0.45 or below"
        no_density = NotEstimable(f"no event time with survival {side}, so the density at the median is unknown")
        return Quantity(median, no_density, no_density)
    u, low = above[-1], below[0]
    density = (survival[u] - survival[low]) / (time[low] - time[u])
    error = float(curve.standard_error[np.flatnonzero(curve.time == median)[0]] / density)
    reason = "no standard error: nobody is left after the median"
    return Quantity(median, finite(median - Z95 * error, reason), finite(median + Z95 * error, reason))


def reverse_kaplan_meier(time: FloatArray, event: BoolArray) -> KaplanMeier:
    """Kaplan-Meier of the time under observation: censoring is the event (Schemper and Smith 1996)."""
    return kaplan_meier(time, ~event)


@dataclass(frozen=True)
class RiskCounts:
    """At each tick: subjects with time >= tick, and events and censorings before it. The three add up to n."""

    at_risk: IntArray
    events: IntArray
    censored: IntArray


def risk_counts(time: FloatArray, event: BoolArray, ticks: FloatArray) -> RiskCounts:
    """Counts under a survival figure (KMunicate, BMJ Open 2019;9:e030215), ticks on the scale of ``time``."""
    before = time[None, :] < ticks[:, None]
    events = np.sum(before & event[None, :], axis=1)
    left = np.sum(before, axis=1)
    return RiskCounts(time.size - left, events, left - events)


#: Steps people read well, for months as for days; smaller and larger ones are these times a power of ten.
_STEPS = (*(f * 10.0**k for k in range(-4, 0) for f in (1, 2, 5)), 1, 2, 3, 6, 12, 24, 36, 60)


def tick_positions(longest: float) -> FloatArray:
    """At most nine round tick positions from 0 that reach as far as ``longest`` without passing it."""
    steps = (*_STEPS, *(f * 10.0**k for k in range(1, 8) for f in (12, 24, 36, 60)))
    step = next(step for step in steps if longest / step <= 8)
    return np.asarray(np.arange(np.floor(longest / step) + 1) * step)


@dataclass(frozen=True)
class Test:
    """A chi-square test: statistic, degrees of freedom and P, or why there is none."""

    chi2: Value
    p: Value
    df: int

    __test__ = False  # not a test case, whatever pytest thinks of the name


def log_rank(time: FloatArray, event: BoolArray, group: IntArray) -> Test:
    """Log-rank test with the hypergeometric variance, two or more groups (lifelines; R ``survdiff``)."""
    df = np.unique(group).size - 1
    if df < 1:
        reason = NotEstimable("only one group")
    elif not event.any():
        reason = NotEstimable("no events")
    elif all(np.unique(group[time >= t]).size < 2 for t in np.unique(time[event])):
        reason = NotEstimable("the groups are never at risk together when an event happens")
    elif all(event[time == t].sum() == np.sum(time >= t) for t in np.unique(time[event]) if _mixed(group, time, t)):
        reason = NotEstimable("all at risk have the event at once, so the groups cannot differ")
    else:
        from lifelines.statistics import multivariate_logrank_test

        result = multivariate_logrank_test(time, group, event)
        why = "the variance of the log-rank statistic is singular"
        return Test(finite(result.test_statistic, why), finite(result.p_value, why), df)
    return Test(reason, reason, max(df, 0))


def _mixed(group: IntArray, time: FloatArray, at: float) -> bool:
    return np.unique(group[time >= at]).size > 1
