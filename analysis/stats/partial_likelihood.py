"""Cox's partial likelihood and its derivatives, event time by event time, at any coefficients.

No library hands these out. The fits that are the libraries' (``cox.py``) are proved by them, and finished where a
library gives up; score tests, proportional-hazards tests and fits within strata or penalised rest on them whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import BoolArray, FloatArray, IntArray

#: Rows of one Efron expansion held in memory at once.
_CHUNK = 100_000


@dataclass(frozen=True)
class Derivatives:
    """For each distinct event time (k) and column (p): score (k, p), information (k, p, p); and the log-likelihood."""

    time: FloatArray
    score: FloatArray
    information: FloatArray
    loglik: float

    @property
    def total_score(self) -> FloatArray:
        """The gradient of the log partial likelihood, (p,)."""
        return np.asarray(self.score.sum(axis=0))

    @property
    def total_information(self) -> FloatArray:
        """The observed information, (p, p)."""
        return np.asarray(self.information.sum(axis=0))


def derivatives(time: FloatArray, event: BoolArray, x: FloatArray, beta: FloatArray, ties: str) -> Derivatives:
    """Derivatives of the log partial likelihood at ``beta`` with Efron's or Breslow's handling of ties.

    ``time`` (n,), ``event`` (n,), ``x`` (n, p), ``beta`` (p,). Equals R ``coxph(init = beta, iter.max = 0)``.
    """
    order = np.argsort(time, kind="stable")
    t, dead = time[order], event[order]
    z = x[order] - x.mean(axis=0)  # the derivatives do not depend on the origin, their rounding does
    eta = z @ beta
    eta = eta - eta.max()
    weight = np.exp(eta)
    distinct, first = np.unique(t, return_index=True)
    dead_weight = np.where(dead, weight, 0.0)
    deaths = np.add.reduceat(dead.astype(np.int64), first)
    keep = deaths > 0

    def risk(values: FloatArray) -> FloatArray:
        return np.asarray(np.cumsum(np.add.reduceat(values, first)[::-1], axis=0)[::-1][keep])

    def died(values: FloatArray) -> FloatArray:
        return np.asarray(np.add.reduceat(values, first)[keep])

    p = z.shape[1]
    r0, d0 = risk(weight), died(dead_weight)
    r1, d1 = risk(weight[:, None] * z), died(dead_weight[:, None] * z)
    r2, d2 = np.empty((keep.sum(), p, p)), np.empty((keep.sum(), p, p))
    for j in range(p):
        r2[:, j] = risk((weight * z[:, j])[:, None] * z)
        d2[:, j] = died((dead_weight * z[:, j])[:, None] * z)
    observed = died(np.where(dead[:, None], z, 0.0))
    count = deaths[keep]
    score, information = observed.copy(), np.zeros((count.size, p, p))
    loglik = float(eta[dead].sum())
    for part in _chunks(count):
        row, share = efron_rows(count[part], ties)
        row = part[row]
        s0 = r0[row] - share * d0[row]
        mean = (r1[row] - share[:, None] * d1[row]) / s0[:, None]
        square = (r2[row] - share[:, None, None] * d2[row]) / s0[:, None, None]
        np.subtract.at(score, row, mean)
        np.add.at(information, row, square - mean[:, :, None] * mean[:, None, :])
        loglik -= float(np.log(s0).sum())
    return Derivatives(distinct[keep], score, information, loglik)


def efron_rows(count: IntArray, ties: str) -> tuple[IntArray, FloatArray]:
    """One row a death: the place of its event time among ``count`` (deaths at each, (k,)), and what share of the tied
    deaths has left the risk set before it: Efron takes them out one by one, Breslow leaves them in."""
    row = np.repeat(np.arange(count.size), count)
    place = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    return row, place / count[row] if ties == "efron" else np.zeros(row.size)


def ordered(time: FloatArray, event: BoolArray) -> bool:
    """Whether some event is outlived, be it by a censored subject of the same day; else Efron's terms are constants."""
    last = time == time.max()
    return bool(event[~last].any() or (event[last].any() and not event[last].all()))


def _chunks(count: np.ndarray) -> list[np.ndarray]:
    """Indices of the event times, cut where the expanded deaths would fill a chunk."""
    block = (np.cumsum(count) - 1) // _CHUNK
    return [np.flatnonzero(block == b) for b in np.unique(block)]


def quadratic_form(score: FloatArray, information: FloatArray) -> float | None:
    """U' I^-1 U, or None where the information is singular (judged on the scale of its own diagonal)."""
    if not usable(information):
        return None
    return float(score @ np.linalg.solve(information, score))


def usable(information: FloatArray) -> bool:
    """Whether the information can be inverted: positive on the diagonal, and its correlation form of full rank."""
    diagonal = np.diag(information)
    if not np.all(np.isfinite(information)) or np.any(diagonal <= 1e-12):
        return False
    scale = 1 / np.sqrt(diagonal)
    return bool(np.linalg.eigvalsh(information * scale[:, None] * scale[None, :])[0] > 1e-9)
