"""Cox's proportional-hazards model: the fit with either ties, or the reason why there is none.

Efron by lifelines with a tightened convergence (its default stops at the fourth digit), Breslow by statsmodels. Every
fit is then held against the score equation, so that a number that did not converge is never shown, and taken one step
of Newton and Raphson further where that still moves it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import Z95, BoolArray, FloatArray, IntArray, NotEstimable
from analysis.stats.partial_likelihood import Derivatives, derivatives, ordered, quadratic_form, usable

#: |coefficient| times the column's range from which a monotone likelihood is looked for: a hazard ratio over 1000.
SUSPICIOUS = 7.0
#: Twice the gain in log-likelihood still to be had (U' I^-1 U) above which a fit takes one more step.
_POLISHED = 1e-20
_NEWTON_STEPS = 50
#: Most rows of the linear programme that proves a monotone likelihood.
_MOST_PAIRS = 200_000


@dataclass(frozen=True)
class CoxFit:
    """Coefficients (p,), their covariance (p, p), log-likelihoods at the fit and at zero, subjects and events used."""

    coef: FloatArray
    covariance: FloatArray
    loglik: float
    loglik_null: float
    n: int
    events: int

    @property
    def se(self) -> FloatArray:
        """Standard errors, (p,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    def hazard_ratios(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Hazard ratios with their Wald 95 % limits."""
        return np.exp(self.coef), np.exp(self.coef - Z95 * self.se), np.exp(self.coef + Z95 * self.se)

    def wald_p(self) -> FloatArray:
        """Two-sided P of each coefficient."""
        from scipy.special import ndtr

        return np.asarray(2 * ndtr(-np.abs(self.coef / self.se)))


def fit(time: FloatArray, event: BoolArray, x: FloatArray, ties: str, *, newton: bool = False) -> CoxFit | NotEstimable:
    """Fit ``x`` (n, p; no missing values, no constant column) to right-censored times.

    By the library, and where that gives up by Newton and Raphson on our own derivatives; with ``newton`` by these
    first: the same maximum without the library's preparations, for thousands of small fits.
    NotEstimable: no events, fewer than two subjects, events without an order, no information on a column, linearly
    dependent columns, a likelihood without a maximum (monotone), no convergence.
    """
    n, p = x.shape
    if n < 2:
        return NotEstimable("fewer than two subjects")
    if not event.any():
        return NotEstimable("no events")
    if not ordered(time, event):
        return NotEstimable("the events have no order: all at risk have the event at once")
    start = derivatives(time, event, x, np.zeros(p), ties)
    if not usable(start.total_information):
        return NotEstimable("the events hold no information on a covariate, or covariates are linearly dependent")
    library = _efron if ties == "efron" else _breslow
    monotone: bool | None = False
    looked, found = False, None
    for way in ("newton", "library", "newton") if newton else ("library", "newton"):
        # Until a maximum is proved to exist, or could not be, a suspicious coefficient ends the climb.
        climb = way == "newton"
        coef = _newton(time, event, x, ties, start, bounded=not looked) if climb else library(time, event, x)
        found = None if coef is None else _at_maximum(time, event, x, ties, coef)
        if not looked and (coef is None or found is None or _suspicious(coef, x)):
            monotone, looked = is_monotone(time, event, x), True
            if monotone:
                return NotEstimable("the likelihood has no maximum (monotone): a hazard ratio of zero or infinity")
        if found is not None:
            break
    if coef is None or found is None:
        return NotEstimable("the fit did not converge")
    at, decrement = found
    if decrement > _POLISHED:
        # The libraries stop when a step gains little, which leaves the seventh digit to chance; one step of Newton and
        # Raphson from there doubles the digits.
        coef = coef + np.linalg.solve(at.total_information, at.total_score)
        at = derivatives(time, event, x, coef, ties)
    fitted = CoxFit(coef, np.asarray(np.linalg.inv(at.total_information)), at.loglik, start.loglik, n, int(event.sum()))
    # Too large to prove: a huge coefficient within its own standard error is where a monotone likelihood stops.
    if monotone is None and np.any((np.abs(coef) < fitted.se) & (np.abs(coef) * np.ptp(x, axis=0) > SUSPICIOUS)):
        return NotEstimable("the likelihood seems to have no maximum (monotone): too large a coefficient")
    return fitted


def _suspicious(coef: FloatArray, x: FloatArray) -> bool:
    return bool(np.any(np.abs(coef) * np.ptp(x, axis=0) > SUSPICIOUS))


def _at_maximum(
    time: FloatArray, event: BoolArray, x: FloatArray, ties: str, coef: FloatArray
) -> tuple[Derivatives, float] | None:
    """The derivatives there and twice the gain still to be had; None where the score equation does not hold."""
    at = derivatives(time, event, x, coef, ties)
    gain = quadratic_form(at.total_score, at.total_information)
    return None if gain is None or gain > 1e-10 else (at, gain)


def _newton(
    time: FloatArray, event: BoolArray, x: FloatArray, ties: str, at: Derivatives, *, bounded: bool
) -> FloatArray | None:
    """The maximum from ``at``, the derivatives at zero, each step halved until it climbs; None where it is not reached,
    or with ``bounded`` where a coefficient is suspicious on the way."""
    beta: FloatArray = np.zeros(x.shape[1])
    for _ in range(_NEWTON_STEPS):
        gain = quadratic_form(at.total_score, at.total_information)
        if gain is None or (bounded and _suspicious(beta, x)):
            return None
        if gain <= _POLISHED:
            return beta
        step = np.linalg.solve(at.total_information, at.total_score)
        for _ in range(_NEWTON_STEPS):
            with np.errstate(all="ignore"):  # too long a step overflows, and does not climb
                after = derivatives(time, event, x, beta + step, ties)
            if after.loglik >= at.loglik - 1e-10 * abs(at.loglik):
                break
            step = step / 2
        beta, at = beta + step, after
    return None


def _efron(time: FloatArray, event: BoolArray, x: FloatArray) -> FloatArray | None:
    """None where the library gives up, as ``_breslow``."""
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    frame = pd.DataFrame(x).add_prefix("x").assign(time=time, event=event)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what lifelines warns of is judged by the caller, from the result
        try:
            fitter = CoxPHFitter().fit(
                frame,
                "time",
                "event",
                batch_mode=time.size > 2_000,
                fit_options={"precision": 1e-12, "r_precision": 1e-14, "max_steps": 100},
            )
        except (ConvergenceError, np.linalg.LinAlgError, ValueError):
            return None
    return _finite(fitter.params_.to_numpy(dtype=np.float64))


def _breslow(time: FloatArray, event: BoolArray, x: FloatArray) -> FloatArray | None:
    from statsmodels.duration.hazard_regression import PHReg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            centred = x - x.mean(axis=0)  # else exp(x b) overflows for large covariates
            result = PHReg(time, centred, status=event.astype(float), ties="breslow").fit(
                tol=1e-12, maxiter=100, disp=False
            )
        except (np.linalg.LinAlgError, ValueError):
            return None
    return _finite(result.params)


def _finite(coef: object) -> FloatArray | None:
    found = np.asarray(coef, dtype=np.float64)
    return found if np.all(np.isfinite(found)) else None


def is_monotone(time: FloatArray, event: BoolArray, x: FloatArray, stratum: IntArray | None = None) -> bool | None:
    """Whether some direction lets every event's subject lead its risk set: then the likelihood only climbs.

    Exact by linear programming: maximise the sum of g'(x_i - x_j) over events i and subjects j at risk, all of them
    non-negative and |g| <= 1; monotone if and only if the optimum is positive (Bryson and Johnson, Technometrics 1981).
    With strata only subjects of one stratum are at risk together. None where the programme would be too large.
    """
    from scipy.optimize import linprog

    patterns, code = np.unique(x / np.ptp(x, axis=0), axis=0, return_inverse=True)
    code, kinds = code.ravel(), len(patterns)
    if kinds**2 > _MOST_PAIRS * 20:
        return None
    # Which kind of subject had its event while which other kind was at risk: from the last time to the first.
    leads = np.zeros((kinds, kinds), dtype=np.bool_)
    groups = [np.arange(time.size)] if stratum is None else [np.flatnonzero(stratum == g) for g in np.unique(stratum)]
    for group in groups:
        at_risk = np.zeros(kinds, dtype=np.bool_)
        order = group[np.argsort(-time[group], kind="stable")]
        for here in np.split(order, np.flatnonzero(np.diff(time[order])) + 1):
            at_risk[code[here]] = True
            leads[code[here[event[here]]]] |= at_risk
    first, second = np.nonzero(leads & ~np.eye(kinds, dtype=np.bool_))
    if first.size > _MOST_PAIRS:
        return None
    if first.size == 0:
        return False
    pairs = patterns[first] - patterns[second]
    found = linprog(-pairs.sum(axis=0), A_ub=-pairs, b_ub=np.zeros(len(pairs)), bounds=[(-1, 1)] * x.shape[1])
    return bool(found.status == 0 and -found.fun > 1e-7)
