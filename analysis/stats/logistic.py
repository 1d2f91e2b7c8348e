"""Logistic regression by statsmodels, as R's ``glm(family = binomial)``: the fit, or the reason why there is none."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import BoolArray, FloatArray, NotEstimable
from analysis.stats.partial_likelihood import usable

#: |coefficient| times the column's range from which a separation is looked for: odds changed a thousandfold.
_SUSPICIOUS = 7.0
_MOST_KINDS = 200_000


@dataclass(frozen=True)
class LogisticFit:
    """Intercept first: coefficients (p + 1,), their standard errors, and the fitted probabilities (n,)."""

    coef: FloatArray
    se: FloatArray
    probability: FloatArray


def fit(x: FloatArray, y: BoolArray) -> LogisticFit | NotEstimable:
    """Fit ``y`` (n,) on ``x`` (n, p; no missing values) and an intercept by maximum likelihood.

    NotEstimable: one outcome only, a column without variation, linearly dependent columns, a separation (complete or
    quasi-complete: some direction of the covariates tells the outcome), no convergence.
    """
    if y.all() or not y.any():
        return NotEstimable("all subjects are in one arm")
    spread = np.ptp(x, axis=0)
    if np.any(spread == 0):
        return NotEstimable("a covariate does not vary among the subjects of the propensity model")
    centre = x.mean(axis=0)
    z = np.column_stack([np.ones(len(x)), (x - centre) / spread])  # the fit does not depend on it, rounding does
    if len(x) < z.shape[1] or not usable(z.T @ z):
        return NotEstimable("covariates of the propensity model are linearly dependent, or too few subjects")
    coef = _coefficients(z, y)
    if coef is None or np.any(np.abs(coef[1:]) > _SUSPICIOUS):
        verdict = _separated(z, y)
        if verdict or (verdict is None and coef is None):
            return NotEstimable("the covariates separate the arms: a propensity score of zero or one")
    if coef is None:
        return NotEstimable("the propensity model did not converge")
    probability = 1 / (1 + np.exp(-(z @ coef)))
    information = (z * (probability * (1 - probability))[:, None]).T @ z
    score = z.T @ (y - probability)
    if not usable(information) or float(score @ np.linalg.solve(information, score)) > 1e-10:
        return NotEstimable("the propensity model did not converge")
    # Back to the columns as they came: b / spread, and the intercept without the centring.
    back = np.diag(np.concatenate([[1.0], 1 / spread]))
    back[0, 1:] = -centre / spread
    covariance = back @ np.linalg.inv(information) @ back.T
    return LogisticFit(np.asarray(back @ coef), np.asarray(np.sqrt(np.diag(covariance))), np.asarray(probability))


def _coefficients(z: FloatArray, y: BoolArray) -> FloatArray | None:
    from statsmodels.discrete.discrete_model import Logit
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what statsmodels warns of is judged by the caller, from the result
        try:
            result = Logit(y.astype(np.float64), z).fit(method="newton", maxiter=100, tol=1e-12, disp=False)
        except (PerfectSeparationError, np.linalg.LinAlgError, ValueError):
            return None
    coef = np.asarray(result.params, dtype=np.float64)
    return coef if np.all(np.isfinite(coef)) else None


def _separated(z: FloatArray, y: BoolArray) -> bool | None:
    """Whether some direction g has s x'g >= 0 for all subjects and > 0 for one, s = 1 or -1 by the outcome.

    Exact by linear programming (Konis, Linear programming algorithms for detecting separated data, 2007); only the
    different kinds of subjects count. None where the programme would be too large.
    """
    from scipy.optimize import linprog

    kinds = np.unique(np.column_stack([z, y]), axis=0)
    if len(kinds) > _MOST_KINDS:
        return None
    signed = kinds[:, :-1] * np.where(kinds[:, -1] == 1, 1.0, -1.0)[:, None]
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=[(-1, 1)] * z.shape[1])
    return bool(found.status == 0 and -found.fun > 1e-7)
