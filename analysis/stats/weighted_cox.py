"""Cox's model of one column with case weights and the robust variance, as R ``coxph(weights, robust = TRUE)``.

lifelines takes weights too, but its robust variance leaves ties aside; this one follows Efron's method (Lin and Wei,
JASA 1989;84:1074; the score residuals are those of R's ``coxscore2``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.stats import cox
from analysis.stats.estimates import Z95, BoolArray, FloatArray, NotEstimable
from analysis.stats.partial_likelihood import efron_rows


@dataclass(frozen=True)
class WeightedFit:
    """The coefficient with its robust and its model-based standard error."""

    coef: float
    se: float
    naive_se: float

    def hazard_ratio(self) -> tuple[float, float, float]:
        """The hazard ratio with its Wald 95 % limits from the robust variance."""
        return (
            math.exp(self.coef),
            math.exp(self.coef - Z95 * self.se),
            math.exp(self.coef + Z95 * self.se),
        )

    def wald_p(self) -> float:
        """Two-sided P from the robust variance."""
        return math.erfc(abs(self.coef / self.se) / math.sqrt(2))


def fit(time: FloatArray, event: BoolArray, x: FloatArray, weight: FloatArray, ties: str) -> WeightedFit | NotEstimable:
    """Fit one column ``x`` (n,) with positive weights (n,). NotEstimable where the unweighted model has no fit either:
    weights do not change whether the likelihood has a maximum."""
    plain = cox.fit(time, event, x[:, None], ties)
    if isinstance(plain, NotEstimable):
        return plain
    data = _Sorted(time, event, x, weight, ties)
    beta = float(plain.coef[0])
    for _ in range(100):
        score, information = data.derivatives(beta)
        if information <= 0:
            break
        step = score / information
        beta += max(-2.0, min(2.0, step))
        if abs(step) < 1e-11:
            score, information = data.derivatives(beta)
            influence = data.influence(beta) / information
            return WeightedFit(beta, float(np.sqrt(np.sum(influence**2))), float(1 / math.sqrt(information)))
    return NotEstimable("the weighted fit did not converge")


class _Sorted:
    """The subjects by time, and a row for each death: its event time's place and its share in Efron's method."""

    def __init__(self, time: FloatArray, event: BoolArray, x: FloatArray, weight: FloatArray, ties: str) -> None:
        order = np.argsort(time, kind="stable")
        self.x, self.w, self.dead = x[order], weight[order], event[order]
        _, self.first, self.at = np.unique(time[order], return_index=True, return_inverse=True)
        count = np.add.reduceat(self.dead.astype(np.int64), self.first)
        self.row, self.share = efron_rows(count, ties)
        self.count = count
        died = np.add.reduceat(np.where(self.dead, self.w, 0.0), self.first)
        self.mean_weight = died[self.row] / count[self.row]

    def _sums(self, beta: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """For each death: the sums of weight, of weight times x and times x squared over the (reduced) risk set."""
        risk = self.w * np.exp(beta * (self.x - self.x.mean()))
        out = []
        for values in (risk, risk * self.x, risk * self.x**2):
            by_time = np.add.reduceat(values, self.first)
            at_risk = np.cumsum(by_time[::-1])[::-1]
            gone = np.add.reduceat(np.where(self.dead, values, 0.0), self.first)
            out.append(np.asarray(at_risk[self.row] - self.share * gone[self.row]))
        return out[0], out[1], out[2]

    def derivatives(self, beta: float) -> tuple[float, float]:
        """Score and information of the weighted log partial likelihood."""
        s0, s1, s2 = self._sums(beta)
        mean = s1 / s0
        score = float(np.sum((self.w * self.x)[self.dead]) - np.sum(self.mean_weight * mean))
        return score, float(np.sum(self.mean_weight * (s2 / s0 - mean**2)))

    def influence(self, beta: float) -> FloatArray:
        """Each subject's weighted score residual; they add up to the score."""
        s0, s1, _ = self._sums(beta)
        mean, hazard = s1 / s0, self.mean_weight / s0
        places = self.first.size

        def by_time(values: FloatArray) -> FloatArray:
            return np.asarray(np.bincount(self.row, weights=values, minlength=places))

        cumulative = np.cumsum(by_time(hazard))[self.at]
        weighted = np.cumsum(by_time(hazard * mean))[self.at]
        relative = np.exp(beta * (self.x - self.x.mean()))
        residual = -relative * (self.x * cumulative - weighted)
        # The dead leave the risk set little by little (Efron): at their own time they count less.
        back, back_mean = by_time(hazard * self.share)[self.at], by_time(hazard * self.share * mean)[self.at]
        average = (by_time(mean) / np.maximum(self.count, 1))[self.at]
        own = self.x - average + relative * (self.x * back - back_mean)
        return np.asarray(self.w * (residual + np.where(self.dead, own, 0.0)))
