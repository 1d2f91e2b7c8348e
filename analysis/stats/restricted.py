"""Survival at one time and restricted mean survival time, of one arm and of two compared. Times in any one unit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import Z95, FloatArray, NotEstimable, Value, finite
from analysis.stats.survival import KaplanMeier, survival_limits

_NO_VARIANCE = NotEstimable("no variance: an arm's estimate rests on no event that others outlived")


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and 95 % limits, each of which may be missing for a reason of its own."""

    value: Value
    se: Value
    lower: Value
    upper: Value


@dataclass(frozen=True)
class Compared:
    """A difference or a ratio with its 95 % limits and the two-sided P of no difference."""

    value: Value
    lower: Value
    upper: Value
    p: Value


def _nothing(reason: NotEstimable) -> Estimate:
    return Estimate(reason, reason, reason, reason)


def survival_at(curve: KaplanMeier, time: float, transform: str) -> Estimate:
    """S(time) with Greenwood's standard error and limits by ``transform`` (R ``summary(survfit, times = )``).

    NotEstimable after the last time observed, unless the curve has come down to zero by then.
    """
    if time > curve.time[-1] and curve.survival[-1] > 0:
        return _nothing(NotEstimable("no subject of the arm was observed so long"))
    at = int(np.searchsorted(curve.time, time, side="right")) - 1
    survival = float(curve.survival[at])
    lower, upper = survival_limits(curve, transform)
    why = "no interval where survival is 0 or 1"
    return Estimate(
        survival,
        finite(float(curve.standard_error[at]), "no standard error where survival is 0"),
        finite(float(lower[at]), why),
        finite(float(upper[at]), why),
    )


def restricted_mean(curve: KaplanMeier, tau: float) -> Estimate:
    """The area under the curve up to ``tau``, with Wald limits (lower one cut at 0, upper one at ``tau``).

    The variance is the sum over event times t <= tau of A(t)^2 d / (n (n - d)), A(t) the area from t to tau (Miller,
    Survival Analysis, 1981), without the factor m / (m - 1) that some programs add: as R ``survmean(rmean = tau)``.
    Where all at risk have the event A(t) is 0, and so is the term.
    """
    if tau > curve.time[-1] and curve.survival[-1] > 0:
        return _nothing(NotEstimable("no subject of the arm was observed up to tau"))
    area = _area_after(curve, tau)
    left = curve.at_risk - curve.events
    counted = (curve.time <= tau) & (left > 0)
    steps = curve.events[counted] / (curve.at_risk[counted] * left[counted])
    mean, variance = float(area[0]), float(np.sum(area[counted] ** 2 * steps))
    if variance <= 0:
        return Estimate(mean, _NO_VARIANCE, _NO_VARIANCE, _NO_VARIANCE)
    error = math.sqrt(variance)
    return Estimate(mean, error, max(mean - Z95 * error, 0.0), min(mean + Z95 * error, tau))


def _area_after(curve: KaplanMeier, tau: float) -> FloatArray:
    """The area under the curve from each of its times (which begin with 0) to ``tau``; 0 for later times."""
    starts = np.minimum(curve.time, tau)
    widths = np.diff(np.append(starts, tau))
    return np.asarray(np.cumsum((curve.survival * widths)[::-1])[::-1])


def difference(experimental: Estimate, reference: Estimate, least: float, most: float) -> Compared:
    """Experimental minus reference of two independent estimates, Wald; limits cut at ``least`` and ``most``."""
    missing = _missing(experimental.value, reference.value)
    if missing is not None:
        return Compared(missing, missing, missing, missing)
    assert isinstance(experimental.value, float)
    assert isinstance(reference.value, float)
    estimate = experimental.value - reference.value
    error = _error_of_sum(experimental.se, reference.se)
    if isinstance(error, NotEstimable):
        return Compared(estimate, error, error, error)
    limits = max(estimate - Z95 * error, least), min(estimate + Z95 * error, most)
    return Compared(estimate, *limits, _two_sided(estimate / error))


def ratio(experimental: Estimate, reference: Estimate) -> Compared:
    """Experimental over reference of two independent positive estimates, Wald on the logarithm (delta method)."""
    missing = _missing(experimental.value, reference.value)
    if missing is None and (experimental.value == 0 or reference.value == 0):
        missing = NotEstimable("no ratio with an estimate of zero")
    if missing is not None:
        return Compared(missing, missing, missing, missing)
    assert isinstance(experimental.value, float)
    assert isinstance(reference.value, float)
    estimate = experimental.value / reference.value
    relative = [
        one.se if isinstance(one.se, NotEstimable) else one.se / value
        for one, value in ((experimental, experimental.value), (reference, reference.value))
    ]
    error = _error_of_sum(*relative)
    if isinstance(error, NotEstimable):
        return Compared(estimate, error, error, error)
    log = math.log(estimate)
    return Compared(estimate, math.exp(log - Z95 * error), math.exp(log + Z95 * error), _two_sided(log / error))


def _missing(*values: Value) -> NotEstimable | None:
    return next((value for value in values if isinstance(value, NotEstimable)), None)


def _error_of_sum(first: Value, second: Value) -> Value:
    """One arm without variance leaves none for both: counted as nothing, it would make the interval too small."""
    if isinstance(first, NotEstimable) or isinstance(second, NotEstimable):
        return _missing(first, second) or _NO_VARIANCE
    if first <= 0 or second <= 0:
        return _NO_VARIANCE
    return math.hypot(first, second)


def _two_sided(z: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))
