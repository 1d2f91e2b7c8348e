"""Propensity-score weights of two arms, what they do to the arms, and estimates with them. Arrays in, numbers out."""

from __future__ import annotations

import numpy as np

from analysis.stats.estimates import Z95, BoolArray, FloatArray, NotEstimable, Value
from analysis.study.weighting import Estimand


def weights(score: FloatArray, treated: BoolArray, estimand: Estimand, *, stabilised: bool) -> FloatArray:
    """The weight of each subject from its propensity score (probability of the experimental arm), all positive.

    ``ATE``: 1/e and 1/(1 - e), stabilised by the shares of the arms (Robins et al., Epidemiology 2000;11:550).
    ``ATT``: 1 and e/(1 - e). ``ATO``, overlap weights: 1 - e and e (Li, Morgan and Zaslavsky, JASA 2018;113:390).
    Stabilising is for ATE: the others have no large weights, or leave the treated as they are.
    """
    if estimand == "ATT":
        return np.asarray(np.where(treated, 1.0, score / (1 - score)))
    if estimand == "ATO":
        return np.asarray(np.where(treated, 1 - score, score))
    share = treated.mean() if stabilised else 1.0
    other = 1 - treated.mean() if stabilised else 1.0
    return np.asarray(np.where(treated, share / score, other / (1 - score)))


def effective_size(weight: FloatArray) -> Value:
    """Kish's effective sample size, (sum w)^2 / sum w^2, in subjects."""
    if weight.size == 0:
        return NotEstimable("no subject in the arm")
    return float(weight.sum() ** 2 / np.sum(weight**2))


def common_support(score: FloatArray, treated: BoolArray) -> tuple[float, float]:
    """The scores both arms reach: from the larger of the smallest to the smaller of the largest."""
    first, second = score[treated], score[~treated]
    return float(max(first.min(), second.min())), float(min(first.max(), second.max()))


def balance(values: FloatArray, treated: BoolArray, weight: FloatArray | None, estimand: Estimand) -> Value:
    """Standardised mean difference, experimental minus reference, weighted unless ``weight`` is None.

    The spread is that of the unweighted arms, so that before and after are on one scale: the mean of both variances,
    for ATT the treated arm's alone (Stuart, Lee and Leacy 2013; R's cobalt). A share p has the variance p (1 - p).
    """
    first, second = values[treated], values[~treated]
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    spread = []
    for own in (first, second):
        if not binary and own.size < 2:
            return NotEstimable("fewer than two values in one arm")
        spread.append(float(own.mean() * (1 - own.mean()) if binary else own.var(ddof=1)))
    variance = spread[0] if estimand == "ATT" else sum(spread) / 2
    if weight is None:
        gap = float(first.mean() - second.mean())
    else:
        gap = float(np.average(first, weights=weight[treated]) - np.average(second, weights=weight[~treated]))
    if variance <= 0:
        return 0.0 if abs(gap) < 1e-12 else NotEstimable("no variation within the arms")
    return gap / float(np.sqrt(variance))


def weighted_survival(time: FloatArray, event: BoolArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Times of events and the weighted Kaplan-Meier estimate just after them (R ``survfit(weights)``)."""
    order = np.argsort(time, kind="stable")
    t, w, dead = time[order], weight[order], event[order]
    distinct, first = np.unique(t, return_index=True)
    died = np.add.reduceat(np.where(dead, w, 0.0), first)
    at_risk = np.cumsum(np.add.reduceat(w, first)[::-1])[::-1]
    there = np.add.reduceat(dead.astype(np.int64), first) > 0
    last = np.add.reduceat((~dead).astype(np.int64), first) == 0
    last[:-1] = False  # at the last time with nobody censored the rest has the event: exactly zero, without rounding
    share = np.where(last, 1.0, died / at_risk)
    return distinct[there], np.asarray(np.cumprod(1 - share[there]))


def weighted_share(outcome: BoolArray, weight: FloatArray) -> tuple[float, float]:
    """The weighted share with the outcome and its robust variance, the weights taken as known (sandwich, HC0)."""
    share = float(np.average(outcome, weights=weight))
    return share, float(np.sum((weight * (outcome - share)) ** 2) / weight.sum() ** 2)


def weighted_difference(outcome: BoolArray, treated: BoolArray, weight: FloatArray) -> tuple[float, Value, Value]:
    """Difference of weighted shares, experimental minus reference, with robust 95 % limits, as fractions."""
    first, variance = weighted_share(outcome[treated], weight[treated])
    second, other = weighted_share(outcome[~treated], weight[~treated])
    if variance + other <= 0:
        nothing = NotEstimable("all or none have the outcome in both arms")
        return first - second, nothing, nothing
    half = Z95 * float(np.sqrt(variance + other))
    return first - second, max(-1.0, first - second - half), min(1.0, first - second + half)
