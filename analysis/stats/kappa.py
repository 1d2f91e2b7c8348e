"""Cohen's kappa of two ratings on one ordered scale, with the weights named."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import Z95, IntArray, NotEstimable, Value

WEIGHTS = ("unweighted", "linear", "quadratic")


@dataclass(frozen=True)
class Kappa:
    """An estimate with its standard error and 95 % limits (normal, cut at -1 and 1)."""

    kappa: Value
    se: Value
    lower: Value
    upper: Value


def kappa(table: IntArray, weights: str) -> Kappa:
    """Kappa of a square table of counts; ``weights`` is one of ``WEIGHTS``.

    statsmodels' ``cohens_kappa``, the large-sample error of Fleiss, Cohen and Everitt (Psychol Bull 1969;72:323); R
    ``vcd::Kappa`` with Equal-Spacing and Fleiss-Cohen. Linear and quadratic weights fall with the distance of the two
    levels on the whole scale, levels that nobody gave included.
    """
    n = int(table.sum())
    if n == 0:
        return _none("no pairs of ratings")
    if np.count_nonzero(table.sum(axis=0) + table.sum(axis=1)) < 2:
        return _none("all ratings are of one level")
    from statsmodels.stats.inter_rater import cohens_kappa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = cohens_kappa(table, wt=None if weights == "unweighted" else weights)
    estimate, variance = float(found.kappa), float(found.var_kappa)
    if not (np.isfinite(estimate) and np.isfinite(variance)):
        return _none("chance agreement is complete")
    se = float(np.sqrt(max(variance, 0.0)))
    if np.count_nonzero(table) == np.count_nonzero(np.diag(table)):
        # The formula gives no width where nobody differed: that is no certainty.
        missing = NotEstimable("no disagreement, the large-sample error does not hold")
        return Kappa(estimate, missing, missing, missing)
    return Kappa(estimate, se, max(estimate - Z95 * se, -1.0), min(estimate + Z95 * se, 1.0))


def _none(reason: str) -> Kappa:
    missing = NotEstimable(reason)
    return Kappa(missing, missing, missing, missing)
