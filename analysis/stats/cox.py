"""Cox's proportional-hazards model: the fit with either ties, or the reason why there is none.

Efron by lifelines with a tightened convergence (its default stops at the fourth digit), Breslow by statsmodels. Every
fit is then held against the score equation, so that a number that did not converge is never shown, and taken one step
of Newton and Raphson further where that still moves it. Neither library takes a step back: where its steps run past the
maximum and it gives up, the fit is made by steps that are halved until they climb, as R's coxph does.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import Z95, BoolArray, FloatArray, IntArray, NotEstimable
from analysis.stats.partial_likelihood import Derivatives, derivatives, quadratic_form, usable

#: |coefficient| times the column's range from which a monotone likelihood is looked for: a hazard ratio over 1000.
SUSPICIOUS = 7.0
#: Twice the gain in log-likelihood still to be had (U' I^-1 U) above which a fit takes one more step.
_POLISHED = 1e-20
#: The same from which a fit has not arrived, and the most steps and halvings it may take where its library gave up.
_ARRIVED, _STEPS = 1e-10, 50
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


def fit(time: FloatArray, event: BoolArray, x: FloatArray, ties: str) -> CoxFit | NotEstimable:
    """Fit ``x`` (n, p; no missing values, no constant column) to right-censored times.

    NotEstimable: no events, fewer than two subjects, events without an order, no information on a column, linearly
    dependent columns, a likelihood without a maximum (monotone), no convergence.
    """
    n, p = x.shape
    if n < 2:
        return NotEstimable("fewer than two subjects")
    if not event.any():
        return NotEstimable("no events")
    if all(event[time >= t].all() and not np.any(time > t) for t in np.unique(time[event])):
        return NotEstimable("the events have no order: all at risk have the event at once")
    start = derivatives(time, event, x, np.zeros(p), ties)
    if not usable(start.total_information):
        return NotEstimable("the events hold no information on a covariate, or covariates are linearly dependent")
    try:
        coef = _efron(time, event, x) if ties == "efron" else _breslow(time, event, x)
    except _NoFitError:
        coef = np.full(p, np.nan)
    verdict: bool | None = False
    if not np.all(np.isfinite(coef)) or np.any(np.abs(coef) * np.ptp(x, axis=0) > SUSPICIOUS):
        verdict = is_monotone(time, event, x)
    if verdict:
        return NotEstimable("the likelihood has no maximum (monotone): a hazard ratio of zero or infinity")
    at, decrement = start, None
    if np.all(np.isfinite(coef)):
        at = derivatives(time, event, x, coef, ties)
        decrement = quadratic_form(at.total_score, at.total_information)
    if decrement is None or decrement > _ARRIVED:
        coef, at = _climb(time, event, x, ties, start)
        decrement = quadratic_form(at.total_score, at.total_information)
    if decrement is None or decrement > _ARRIVED:
        return NotEstimable("the fit did not converge")
    if decrement > _POLISHED:
        # The libraries stop when a step gains little, which leaves the seventh digit to chance; one step of Newton and
        # Raphson from there doubles the digits.
        coef = coef + np.linalg.solve(at.total_information, at.total_score)
        at = derivatives(time, event, x, coef, ties)
    found = CoxFit(coef, np.asarray(np.linalg.inv(at.total_information)), at.loglik, start.loglik, n, int(event.sum()))
    # Too large to prove: a huge coefficient within its own standard error is where a monotone likelihood stops.
    if verdict is None and np.any((np.abs(coef) < found.se) & (np.abs(coef) * np.ptp(x, axis=0) > SUSPICIOUS)):
        return NotEstimable("the likelihood seems to have no maximum (monotone): too large a coefficient")
    return found


class _NoFitError(Exception):
    """The library gave up."""


def _efron(time: FloatArray, event: BoolArray, x: FloatArray) -> FloatArray:
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
        except (ConvergenceError, np.linalg.LinAlgError, ValueError) as error:
            raise _NoFitError from error
    return np.asarray(fitter.params_.to_numpy(dtype=np.float64))


def _breslow(time: FloatArray, event: BoolArray, x: FloatArray) -> FloatArray:
    from statsmodels.duration.hazard_regression import PHReg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            centred = x - x.mean(axis=0)  # else exp(x b) overflows for large covariates
            result = PHReg(time, centred, status=event.astype(float), ties="breslow").fit(
                tol=1e-12, maxiter=100, disp=False
            )
        except (np.linalg.LinAlgError, ValueError) as error:
            raise _NoFitError from error
    return np.asarray(result.params, dtype=np.float64)


def _climb(
    time: FloatArray, event: BoolArray, x: FloatArray, ties: str, start: Derivatives
) -> tuple[FloatArray, Derivatives]:
    """Newton and Raphson from 0, each step halved until the likelihood is no smaller; where it ended, arrived or not."""
    coef, at = np.zeros(x.shape[1]), start
    for _ in range(_STEPS):
        decrement = quadratic_form(at.total_score, at.total_information)
        if decrement is None or decrement < _POLISHED:
            break
        step = np.linalg.solve(at.total_information, at.total_score)
        for _ in range(_STEPS):
            with np.errstate(all="ignore"):  # far beyond the maximum every weight but one is 0
                after = derivatives(time, event, x, coef + step, ties)
            if np.isfinite(after.loglik) and after.loglik >= at.loglik - 1e-10 * abs(at.loglik):
                break
            step = step / 2
        else:
            break
        coef, at = coef + step, after
    return coef, at


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
