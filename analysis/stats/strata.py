"""Log-rank test and Cox's model within strata, and the sandwich variance. Times in any one unit.

Sums over strata and clusters are exact (``math.fsum``): in which order the sites stand must not change a bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.stats.cox import SUSPICIOUS, CoxFit, is_monotone
from analysis.stats.estimates import BoolArray, FloatArray, IntArray, NotEstimable
from analysis.stats.partial_likelihood import derivatives, efron_rows, ordered, quadratic_form, usable
from analysis.stats.survival import Test

_STEPS = 50
#: Twice the gain in log-likelihood still to be had at which Newton and Raphson's steps have arrived.
_ARRIVED = 1e-20


def _members(stratum: IntArray) -> list[IntArray]:
    """The positions of each stratum's subjects, in their order."""
    order = np.argsort(stratum, kind="stable")
    return [np.asarray(p) for p in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1) if p.size]


def _exact_sum(parts: Sequence[FloatArray]) -> FloatArray:
    """The sum of arrays of one shape, the same to the last bit in whatever order they come."""
    stacked = np.stack(parts)
    flat = stacked.reshape(len(parts), -1)
    return np.array([math.fsum(column) for column in flat.T]).reshape(stacked.shape[1:])


def stratified_log_rank(time: FloatArray, event: BoolArray, first: BoolArray, stratum: IntArray) -> Test:
    """Two groups (``first`` or not) compared within strata: observed minus expected and the hypergeometric variance
    are summed over the strata (R ``survdiff(y ~ group + strata(s))``). All arrays (n,)."""
    if not event.any():
        return _no_test("no events")
    parts = [_observed_minus_expected(time[m], event[m], first[m]) for m in _members(stratum)]
    score, variance = (float(v) for v in _exact_sum(parts))
    if variance <= 0:
        return _no_test("in no stratum are both groups at risk at an event that some outlive")
    from scipy.stats import chi2

    statistic = score**2 / variance
    return Test(statistic, float(chi2.sf(statistic, 1)), 1)


def _no_test(reason: str) -> Test:
    return Test(NotEstimable(reason), NotEstimable(reason), 1)


def _observed_minus_expected(time: FloatArray, event: BoolArray, first: BoolArray) -> FloatArray:
    distinct, code = np.unique(time, return_inverse=True)
    code = code.ravel()

    def count(who: BoolArray) -> FloatArray:
        return np.bincount(code[who], minlength=distinct.size).astype(np.float64)

    def at_risk(who: BoolArray) -> FloatArray:
        return np.cumsum(count(who)[::-1])[::-1]

    everyone = np.ones(time.size, dtype=np.bool_)
    n, n1, d, d1 = at_risk(everyone), at_risk(first), count(event), count(event & first)
    here = d > 0
    n, n1, d, d1 = n[here], n1[here], d[here], d1[here]
    share = n1 / n
    more = np.maximum(n - 1, 1.0)  # one at risk has no variance: its share is 0 or 1
    return np.array([np.sum(d1 - d * share), np.sum(d * share * (1 - share) * (n - d) / more)])


def fit_within_strata(
    time: FloatArray, event: BoolArray, x: FloatArray, stratum: IntArray, ties: str
) -> CoxFit | NotEstimable:
    """Cox's model with a baseline hazard of each stratum's own (R ``coxph(y ~ x + strata(s))``), by Newton and Raphson
    on the sum of the strata's partial likelihoods. ``x`` (n, p), ``stratum`` (n,) codes.

    NotEstimable: no events, none with an order, no stratum in which an event tells anything of a column, a monotone
    likelihood.
    """
    members = _members(stratum)
    if not event.any():
        return NotEstimable("no events")
    if not any(ordered(time[m], event[m]) for m in members):
        return NotEstimable("the events have no order: in each stratum all at risk have the event at once")

    def at(beta: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        found = [derivatives(time[m], event[m], x[m], beta, ties) for m in members if event[m].any()]
        score, information = (
            _exact_sum([d.total_score for d in found]),
            _exact_sum([d.total_information for d in found]),
        )
        return score, information, math.fsum(d.loglik for d in found)

    beta = np.zeros(x.shape[1])
    score, information, loglik = at(beta)
    null = loglik
    if not usable(information):
        return NotEstimable("within the strata the events hold no information on a covariate")
    verdict = is_monotone(time, event, x, stratum)
    if verdict:
        return NotEstimable("the likelihood has no maximum (monotone): a hazard ratio of zero or infinity")
    for _ in range(_STEPS):
        gain = quadratic_form(score, information)
        if gain is None:
            break
        if gain < _ARRIVED:
            if verdict is None and np.any(np.abs(beta) * np.ptp(x, axis=0) > SUSPICIOUS):
                return NotEstimable("the likelihood seems to have no maximum (monotone): too large a coefficient")
            return CoxFit(beta, np.asarray(np.linalg.inv(information)), loglik, null, int(time.size), int(event.sum()))
        step = np.linalg.solve(information, score)
        for _ in range(_STEPS):
            after = at(beta + step)
            if after[2] >= loglik - 1e-10 * abs(loglik):
                break
            step = step / 2
        beta, (score, information, loglik) = beta + step, after
    return NotEstimable("the fit did not converge")


def score_residuals(
    time: FloatArray, event: BoolArray, x: FloatArray, beta: FloatArray, stratum: IntArray, ties: str
) -> FloatArray:
    """Each subject's share of the score, (n, p) (R ``residuals(coxph, "score")``, Therneau and Grambsch 2000, 4.6)."""
    out = np.zeros(x.shape)
    for m in _members(stratum):
        if event[m].any():
            out[m] = _score_residuals(time[m], event[m], x[m], beta, ties)
    return out


def _score_residuals(time: FloatArray, event: BoolArray, x: FloatArray, beta: FloatArray, ties: str) -> FloatArray:
    z = x - x.mean(axis=0)
    eta = z @ beta
    weight = np.exp(eta - eta.max())
    distinct, code = np.unique(time, return_inverse=True)
    code = code.ravel()
    k, p = distinct.size, z.shape[1]

    def total(values: FloatArray, who: BoolArray | None = None) -> FloatArray:
        out = np.zeros((k, *values.shape[1:]))
        np.add.at(out, code if who is None else code[who], values if who is None else values[who])
        return out

    def later(values: FloatArray) -> FloatArray:
        return np.asarray(np.cumsum(values[::-1], axis=0)[::-1])

    weighted = weight[:, None] * z
    r0, r1 = later(total(weight)), later(total(weighted))
    d0, d1 = total(weight, event), total(weighted, event)
    deaths = np.bincount(code[event], minlength=k)
    row, share = efron_rows(deaths, ties)
    s0 = r0[row] - share * d0[row]
    mean = (r1[row] - share[:, None] * d1[row]) / s0[:, None]

    def by_time(values: FloatArray) -> FloatArray:
        out = np.zeros((k, *values.shape[1:]))
        np.add.at(out, row, values)
        return out

    hazard, moment = by_time(1 / s0), by_time(mean / s0[:, None])
    own_hazard, own_moment = by_time((1 - share) / s0), by_time(mean * ((1 - share) / s0)[:, None])
    average = by_time(mean) / np.maximum(deaths, 1)[:, None]
    up_to, moment_to = np.cumsum(hazard), np.cumsum(moment, axis=0)
    h, m = up_to[code], moment_to[code]
    dead = code[event]
    h[event] += own_hazard[dead] - hazard[dead]
    m[event] += own_moment[dead] - moment[dead]
    out = -weight[:, None] * (z * h[:, None] - m)
    out[event] += z[event] - average[dead]
    return np.asarray(out.reshape(-1, p))


def sandwich(fit: CoxFit, residuals: FloatArray, cluster: IntArray) -> FloatArray | NotEstimable:
    """The robust covariance (p, p) of Lin and Wei (JASA 1989;84:1074): dfbetas summed by cluster, no correction for
    few clusters (R ``coxph(cluster = )``). NotEstimable with fewer than two clusters, or none that differ."""
    dfbeta = residuals @ fit.covariance
    sums = [dfbeta[m].sum(axis=0) for m in _members(cluster)]
    if len(sums) < 2:
        return NotEstimable("a robust variance needs two clusters or more")
    found = _exact_sum([np.outer(one, one) for one in sums])
    if np.any(np.diag(found) <= 0):
        return NotEstimable("the clusters do not differ, so there is no robust variance")
    return found
