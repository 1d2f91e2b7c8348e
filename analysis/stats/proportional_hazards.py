"""The score test of proportional hazards as R's survival has it since version 3 (``cox.zph``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.stats.cox import CoxFit
from analysis.stats.estimates import BoolArray, FloatArray, NotEstimable
from analysis.stats.partial_likelihood import derivatives, quadratic_form
from analysis.stats.survival import Test, kaplan_meier


def score_test_of_proportional_hazards(
    time: FloatArray,
    event: BoolArray,
    x: FloatArray,
    fit: CoxFit,
    terms: Sequence[Sequence[int]],
    *,
    ties: str,
    transform: str = "km",
) -> tuple[tuple[Test, ...], Test]:
    """Test, for each term (its column numbers) and for all at once, whether x times g(t) belongs in the model.

    ``transform``: ``km`` (1 - S(t-) over all subjects), ``identity`` or ``log``. With one distinct event time there is
    nothing to compare and the tests are NotEstimable. Source: Therneau, survival 3.5, ``cox.zph``; Grambsch and
    Therneau, Biometrika 1994.
    """
    from scipy.stats import chi2

    at = derivatives(time, event, x, fit.coef, ties)
    g = _transformed(time, event, at.time, transform)
    p = x.shape[1]
    score = np.concatenate([at.total_score, (g[:, None] * at.score).sum(axis=0)])
    cross = np.einsum("k,kij->ij", g, at.information)
    twice = np.einsum("k,kij->ij", g**2, at.information)
    information = np.block([[at.total_information, cross], [cross, twice]])

    def test(columns: Sequence[int]) -> Test:
        index = [*range(p), *(p + c for c in columns)]
        value = quadratic_form(score[index], information[np.ix_(index, index)])
        if value is None:
            reason = NotEstimable("too few distinct event times to see a change of the hazard ratio")
            return Test(reason, reason, len(columns))
        return Test(value, float(chi2.sf(value, len(columns))), len(columns))

    return tuple(test(columns) for columns in terms), test(range(p))


def _transformed(time: FloatArray, event: BoolArray, at: FloatArray, transform: str) -> FloatArray:
    if transform == "identity":
        g = at
    elif transform == "log":
        g = np.log(at)
    elif transform == "km":
        curve = kaplan_meier(time, event)
        before = np.searchsorted(curve.time, at, side="left")
        g = 1.0 - np.concatenate([[1.0], curve.survival])[before]
    else:
        raise ValueError(f"unknown transform {transform!r}")
    return np.asarray(g - g.mean())  # the test does not depend on the origin of g, its rounding does
