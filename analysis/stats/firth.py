"""Cox's model by Firth's penalised likelihood: an estimate where the plain likelihood has no maximum, and less bias.

The log partial likelihood is raised by half the log-determinant of its information (Firth, Biometrika 1993; Heinze and
Schemper, Biometrics 2001). Limits and P come from the profile of that penalised likelihood: Wald's symmetric interval
is wrong where these are needed most. Ties are Efron's or Breslow's, as in ``cox.py``; the penalty's derivative is exact
for both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import BoolArray, FloatArray, IntArray, NotEstimable, Value
from analysis.stats.partial_likelihood import derivatives, efron_rows, ordered, usable

#: The drop of the penalised log-likelihood at a 95 % limit: half the 95 % point of chi-square with one degree.
DROP = 1.9207294103470298
#: Twice the gain still to be had (U' I^-1 U) at which a maximum counts as reached.
_REACHED = 1e-17
#: Of the log-likelihood, what rounding alone may take away.
_ROUNDING = 1e-13
#: Furthest coefficient looked at for a limit, in standard deviations of its column.
_FURTHEST = 60.0
#: Most change of a coefficient in one step, in the same.
_LONGEST_STEP = 2.5
_MOST_STEPS = 200
#: Twice the gain still to be had from which steps are Newton's, and the width of their differences.
_NEAR = 1.0
_DIFFERENCE = 1e-6


@dataclass(frozen=True)
class FirthFit:
    """Penalised estimates (p,), their covariance (inverse information there, (p, p)), and the profile's answers.

    ``lower``, ``upper``: each coefficient's 95 % limits; ``p``: the penalised likelihood-ratio test of zero. Each may
    be NotEstimable for itself. ``loglik``: the penalised log-likelihood at the estimates.
    """

    coef: FloatArray
    covariance: FloatArray
    lower: tuple[Value, ...]
    upper: tuple[Value, ...]
    p: tuple[Value, ...]
    loglik: float

    @property
    def se(self) -> FloatArray:
        """Standard errors, (p,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


@dataclass(frozen=True)
class Penalised:
    """The penalised log-likelihood at some coefficients, its gradient (p,) and the plain information there (p, p)."""

    loglik: float
    score: FloatArray
    information: FloatArray


def fit(time: FloatArray, event: BoolArray, x: FloatArray, ties: str) -> FirthFit | NotEstimable:
    """Fit ``x`` (n, p; no missing values, no constant column) to right-censored times.

    NotEstimable: no events, fewer than two subjects, events without an order, no information on a column, linearly
    dependent columns, no convergence. A monotone likelihood is no reason.
    """
    n, p = x.shape
    if n < 2:
        return NotEstimable("fewer than two subjects")
    if not event.any():
        return NotEstimable("no events")
    if not ordered(time, event):
        return NotEstimable("the events have no order: all at risk have the event at once")
    if not usable(derivatives(time, event, x, np.zeros(p), ties).total_information):
        return NotEstimable("the events hold no information on a covariate, or covariates are linearly dependent")
    scale = x.std(axis=0)
    profile = _Profile(time, event, (x - x.mean(axis=0)) / scale, ties)
    best = profile.maximum(np.zeros(p))
    if best is None:
        return NotEstimable("the penalised fit did not converge")
    at = penalised(time, event, x, best / scale, ties)
    limits = [(profile.limit(best, j, -1), profile.limit(best, j, 1)) for j in range(p)]
    rescaled = [tuple(v if isinstance(v, NotEstimable) else v / scale[j] for v in limits[j]) for j in range(p)]
    return FirthFit(
        best / scale,
        np.asarray(np.linalg.inv(at.information)),
        tuple(low for low, _ in rescaled),
        tuple(high for _, high in rescaled),
        tuple(profile.p_of_zero(best, j) for j in range(p)),
        at.loglik,
    )


def penalised(time: FloatArray, event: BoolArray, x: FloatArray, beta: FloatArray, ties: str) -> Penalised:
    """l + log|I| / 2 at ``beta`` with its exact gradient U_j + tr(I^-1 dI/db_j) / 2.

    dI/db_j is the third cumulant of the covariates over each risk set. Contracted with I^-1 it needs no more than the
    sums of q = z' I^-1 z and of q z beside those of the information itself.
    """
    plain = derivatives(time, event, x, beta, ties)
    information = plain.total_information
    sign, logdet = np.linalg.slogdet(information) if np.all(np.isfinite(information)) else (0.0, np.nan)
    if not np.isfinite(logdet) or sign <= 0:
        nothing = np.full(beta.shape, np.nan)
        return Penalised(-np.inf, nothing, information)
    inverse = np.asarray(np.linalg.inv(information), dtype=np.float64)
    gradient = plain.total_score + _third_cumulants(time, event, x, beta, ties, inverse) / 2
    return Penalised(plain.loglik + float(logdet) / 2, gradient, information)


def _third_cumulants(
    time: FloatArray, event: BoolArray, x: FloatArray, beta: FloatArray, ties: str, inverse: FloatArray
) -> FloatArray:
    """The sum over events of tr(V K_j), K_j the third cumulants with column j and V ``inverse``: (p,)."""
    order = np.argsort(time, kind="stable")
    t, dead = time[order], event[order]
    z = x[order] - x.mean(axis=0)
    eta = z @ beta
    weight = np.exp(eta - eta.max())
    q = np.einsum("ij,jk,ik->i", z, inverse, z)
    first = np.flatnonzero(np.diff(t, prepend=-np.inf))
    deaths = np.add.reduceat(dead.astype(np.int64), first)
    keep = deaths > 0
    p = z.shape[1]
    pairs = (z[:, :, None] * z[:, None, :]).reshape(len(z), p * p)
    values = np.column_stack([np.ones(len(z)), z, q, q[:, None] * z, pairs]) * weight[:, None]
    at_risk = np.cumsum(np.add.reduceat(values, first)[::-1], axis=0)[::-1][keep]
    died = np.add.reduceat(np.where(dead[:, None], values, 0.0), first)[keep]
    count = deaths[keep]
    row, share = efron_rows(count, ties)
    sums = at_risk[row] - share[:, None] * died[row]
    sums = sums[:, 1:] / sums[:, :1]
    mean, mean_q, mean_qz = sums[:, :p], sums[:, p], sums[:, p + 1 : 2 * p + 1]
    square = sums[:, 2 * p + 1 :].reshape(-1, p, p)
    turned = mean @ inverse
    length = np.sum(turned * mean, axis=1)
    each = mean_qz - mean_q[:, None] * mean - 2 * np.einsum("kij,kj->ki", square, turned) + 2 * length[:, None] * mean
    return np.asarray(each.sum(axis=0))


class _Profile:
    """The penalised likelihood of standardised columns, maximised with none or one of the coefficients held."""

    def __init__(self, time: FloatArray, event: BoolArray, z: FloatArray, ties: str) -> None:
        self._data = time, event, z
        self._ties = ties

    def _at(self, beta: FloatArray) -> Penalised:
        time, event, z = self._data
        return penalised(time, event, z, beta, self._ties)

    def maximum(self, start: FloatArray, held: int | None = None) -> FloatArray | None:
        """The coefficients of the maximum, one of them held where it starts; None where none is reached.

        Fisher's scoring with halved steps (Heinze and Schemper), each of which climbs; near the top Newton and Raphson,
        since scoring swings around it where few events make the penalty as curved as the likelihood.
        """
        beta = start.copy()
        free = np.array([j for j in range(beta.size) if j != held], dtype=np.int64)
        at = self._at(beta)
        for _ in range(_MOST_STEPS):
            if free.size == 0:
                return beta
            if not np.isfinite(at.loglik):
                return None
            step: FloatArray = np.asarray(
                np.linalg.solve(at.information[np.ix_(free, free)], at.score[free]), np.float64
            )
            left = at.score[free] @ step
            if left < _REACHED:
                return beta
            if left < _NEAR:
                step = self._newton(beta, at, free, step)
            step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
            for _ in range(40):
                moved = beta.copy()
                moved[free] += step
                there = self._at(moved)
                if there.loglik >= at.loglik - _ROUNDING * (1 + abs(at.loglik)):
                    break
                step /= 2
            else:
                # No step climbs any more: rounding is reached, or it is no maximum.
                return beta if left < 1e-12 else None
            beta, at = moved, there
        return None

    def _newton(self, beta: FloatArray, at: Penalised, free: IntArray, otherwise: FloatArray) -> FloatArray:
        """Newton's step by differences of the exact gradient; the other one where the top is not curved downwards."""
        curved = np.empty((free.size, free.size))
        for k, j in enumerate(free):
            moved = beta.copy()
            moved[j] += _DIFFERENCE
            curved[:, k] = (at.score[free] - self._at(moved).score[free]) / _DIFFERENCE
        curved = (curved + curved.T) / 2
        if not usable(curved):
            return otherwise
        return np.asarray(np.linalg.solve(curved, at.score[free]))

    def p_of_zero(self, best: FloatArray, j: int) -> Value:
        """P of the penalised likelihood-ratio test that coefficient j is zero, the penalty that of the whole model."""
        from scipy.stats import chi2

        start = best.copy()
        start[j] = 0.0
        found = self.maximum(start, held=j)
        if found is None:
            return NotEstimable("the profile of the penalised likelihood was not found at zero")
        return float(chi2.sf(max(2 * (self._at(best).loglik - self._at(found).loglik), 0.0), 1))

    def limit(self, best: FloatArray, j: int, side: int) -> Value:
        """Where the profile of coefficient j lies ``DROP`` below its top, below (-1) or above (1) the estimate."""
        top = self._at(best)
        inside, outside = float(best[j]), None
        at, beta = inside + side * 1.96 * float(np.sqrt(np.linalg.inv(top.information)[j, j])), best
        for _ in range(100):
            at = float(np.clip(at, -_FURTHEST, _FURTHEST))
            start = beta.copy()
            start[j] = at
            found = self.maximum(start, held=j)
            if found is None:
                return NotEstimable("the profile of the penalised likelihood was not found at the limit")
            beta, here = found, self._at(found)
            excess = top.loglik - here.loglik - DROP
            if abs(excess) < 1e-10:
                return at
            if excess < 0:
                inside = at
                if abs(at) >= _FURTHEST:
                    return NotEstimable("the penalised likelihood does not fall far enough for a limit")
            else:
                outside = at
            slope = -float(here.score[j])  # of the excess; the other coefficients stand at their best
            following = at - excess / slope if slope * side > 0 else np.nan
            if outside is None:
                ahead = np.isfinite(following) and side * (following - inside) > 0
                at = following if ahead and abs(following - inside) < 5 else inside + side
            elif not min(inside, outside) < following < max(inside, outside):
                at = (inside + outside) / 2
            else:
                at = following
            if outside is not None and abs(outside - inside) < 1e-12:
                return at
        return NotEstimable("the profile of the penalised likelihood was not found at the limit")
