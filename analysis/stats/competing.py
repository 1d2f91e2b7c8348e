"""Competing risks: cumulative incidence of an event that another event can forestall, and Gray's test of it.

Kaplan-Meier takes a competing event for censoring and so overstates how many have the event; the Aalen-Johansen
estimate does not. Ties are exact: all that happens at one time happens at once, whatever the order of the subjects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import Z95, FloatArray, IntArray, NotEstimable, finite
from analysis.stats.survival import Test

CENSORED, EVENT, COMPETING = 0, 1, 2
"""What ended a subject's time, as ``cause`` holds it."""


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence of one cause with its standard error: a row for time 0 and each time of any event."""

    time: FloatArray
    estimate: FloatArray
    standard_error: FloatArray

    def at(self, time: float) -> int:
        """The row that holds at ``time``."""
        return int(np.searchsorted(self.time, time, "right") - 1)


def cumulative_incidence(time: FloatArray, cause: IntArray, of: int) -> Incidence:
    """Aalen-Johansen estimate of cause ``of``; ``time`` (n,) not negative, ``cause`` (n,) 0 censored, else the cause.

    The standard error is that of the infinitesimal jackknife, as R's multi-state ``survfit`` gives it. Summed over the
    subjects it needs the events alone: what two times say of one subject is uncorrelated.
    """
    distinct, place = np.unique(time, return_inverse=True)
    left = np.bincount(place, minlength=distinct.size)
    at_risk = left[::-1].cumsum()[::-1].astype(np.float64)
    mine = np.bincount(place[cause == of], minlength=distinct.size).astype(np.float64)
    every = np.bincount(place[cause != CENSORED], minlength=distinct.size).astype(np.float64)
    keep = every > 0
    y, d1, d = at_risk[keep], mine[keep], every[keep]
    after = np.cumprod(1 - d / y)
    before = np.concatenate([[1.0], after])[:-1]
    f = np.cumsum(before * d1 / y)
    # The influence of a subject at risk at u on F(t): a (dN1 - d1/y) - (F(t) - F(u)) (dN - d/y) / (y - d).
    a = before / y
    own = a**2 * d1 * (1 - d1 / y)
    with np.errstate(divide="ignore", invalid="ignore"):
        cross = np.where(y > d, a * d1 / y, 0.0)  # a (1 - d/y) d1 / (y - d)
        square = np.where(y > d, d / (y * (y - d)), 0.0)
    # Sums of (F(t) - F(u)) and its square over u <= t, from running sums.
    linear = f * np.cumsum(cross) - np.cumsum(cross * f)
    quadratic = f**2 * np.cumsum(square) - 2 * f * np.cumsum(square * f) + np.cumsum(square * f**2)
    variance = np.maximum(np.cumsum(own) - 2 * linear + quadratic, 0.0)
    zero = distinct[keep].size > 0 and distinct[keep][0] == 0
    start = [] if zero else [0.0]
    return Incidence(
        np.concatenate([start, distinct[keep]]),
        np.concatenate([start, f]),
        np.concatenate([start, np.sqrt(variance)]),
    )


def incidence_limits(curve: Incidence, transform: str) -> tuple[FloatArray, FloatArray]:
    """Pointwise 95 % limits by ``log-log``, ``log`` or ``plain``, as R's ``survfit`` has them of a state.

    NaN where the estimate is 0 (for log-log also 1): there is no variance to speak of.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(curve.estimate > 0, curve.estimate, np.nan)
        relative = Z95 * curve.standard_error / p
        if transform == "log-log":
            p = np.where(p < 1, p, np.nan)
            inner, shift = np.log(-np.log(p)), relative / np.log(p)
            return np.exp(-np.exp(inner - shift)), np.exp(-np.exp(inner + shift))
        if transform == "log":
            return p * np.exp(-relative), np.minimum(p * np.exp(relative), 1.0)
        if transform == "plain":
            return np.maximum(p * (1 - relative), 0.0), np.minimum(p * (1 + relative), 1.0)
    raise ValueError(f"unknown transform {transform!r}")


def gray_test(time: FloatArray, cause: IntArray, group: IntArray, of: int) -> Test:
    """Gray's test that the groups have one cumulative incidence of cause ``of`` (Annals of Statistics 1988, rho 0).

    ``group`` (n,) any whole numbers. Equals R ``cmprsk::cuminc``'s tests. NotEstimable: one group, no event of the
    cause, a variance that tells the groups not apart.
    """
    from scipy.stats import chi2

    names, member = np.unique(group, return_inverse=True)
    df = names.size - 1
    if df < 1 or not np.any(cause == of):
        reason = NotEstimable("only one group" if df < 1 else "no events of this cause")
        return Test(reason, reason, max(df, 0))
    score, variance = _gray_score(time, cause, member, names.size, of)
    score, variance = score[:df], variance[:df, :df]
    scale = np.sqrt(np.clip(np.diag(variance), 0, None))
    if np.any(scale <= 1e-12) or np.linalg.eigvalsh(variance / np.outer(scale, scale))[0] < 1e-10:
        reason = NotEstimable("the events of this cause cannot tell the groups apart")
        return Test(reason, reason, df)
    statistic = float(score @ np.linalg.solve(variance, score))
    why = "the variance of Gray's statistic is singular"
    return Test(finite(statistic, why), finite(float(chi2.sf(statistic, df)), why), df)


def _gray_score(
    time: FloatArray, cause: IntArray, member: IntArray, groups: int, of: int
) -> tuple[FloatArray, FloatArray]:
    """The scores (g,) and their covariance (g, g), time by time, in the paper's notation.

    R_k = at risk (1 - F_k(t-)) / S_k(t-) is a group's weight in the pooled subdistribution hazard, h_k = at risk /
    S_k(t-) its share in the pooled incidence F0. The variance sums squares of what each group's martingales add.
    """
    distinct, place = np.unique(time, return_inverse=True)
    shape = (distinct.size, groups)

    def count(who: np.ndarray) -> FloatArray:
        cells = np.ravel_multi_index((place[who], member[who]), shape)
        return np.bincount(cells, minlength=distinct.size * groups).reshape(shape).astype(np.float64)

    everyone = count(np.ones(time.size, dtype=np.bool_))
    risk = everyone[::-1].cumsum(axis=0)[::-1]
    mine, other = count(cause == of), count((cause != CENSORED) & (cause != of))
    happened = np.flatnonzero((mine + other).sum(axis=1) > 0)
    score, variance = np.zeros(groups), np.zeros((groups, groups))
    survival, incidence, pooled = np.ones(groups), np.zeros(groups), 0.0
    # What is known only at the end (the later c) comes in by these sums.
    c, v2, v3 = np.zeros((groups, groups)), np.zeros((groups, groups)), np.zeros(groups)
    for row in happened:
        y, d1, d2 = risk[row], mine[row], other[row]
        here = y > 0
        share = np.zeros(groups)
        share[here] = y[here] / survival[here]
        total, n1 = share.sum(), d1.sum()
        hazard = n1 / (share @ (1 - incidence))
        score += d1 - share * (1 - incidence) * hazard
        a = np.diag(share) - np.outer(share, share) / total
        now = pooled + n1 / total
        if pooled < 1:
            c += a * n1 / (total * (1 - pooled))
        next_survival, next_incidence = survival.copy(), incidence.copy()
        next_survival[here] *= 1 - (d1 + d2)[here] / y[here]
        next_incidence[here] += survival[here] * d1[here] / y[here]
        next_survival[next_survival < 1e-14] = 0.0
        alive = next_survival > 0
        lost = np.zeros(groups)
        lost[alive] = (1 - now) / next_survival[alive]
        if n1 > 0:
            tied = np.ones(groups)
            if n1 > 1:
                tied[here] = 1 - (n1 - 1) / (total * survival[here] - 1)
            width = np.zeros(groups)
            width[here] = tied[here] * survival[here] * n1 / (total * y[here])
            gain = a - (1 - lost) * c
            variance += (gain * width) @ gain.T
            v2 += gain * ((1 - lost) * width)
            v3 += (1 - lost) ** 2 * width
        theirs = (d2 > 0) & alive
        if theirs.any():
            width = np.zeros(groups)
            tied = 1 - (d2[theirs] - 1) / np.maximum(y[theirs] - 1, 1)
            width[theirs] = tied * survival[theirs] ** 2 * d2[theirs] / y[theirs] ** 2
            variance += (c * (lost**2 * width)) @ c.T
            v2 -= c * (lost**2 * width)
            v3 += lost**2 * width
        survival, incidence, pooled = next_survival, next_incidence, now
    variance += (c * v3) @ c.T + c @ v2.T + v2 @ c.T
    return score, variance
