"""Two proportions compared within strata: Cochran-Mantel-Haenszel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import Z95, NotEstimable, Value, finite

Stratum = tuple[int, int, int, int]
"""x1, n1, x2, n2: hits and subjects of the experimental arm, then of the reference."""


@dataclass(frozen=True)
class Stratified:
    """``chi2`` and ``p`` of the test; the common odds ratio and the common difference (fractions), with 95 % limits."""

    strata: int
    n: int
    chi2: Value
    p: Value
    odds_ratio: tuple[Value, Value, Value]
    difference: tuple[Value, Value, Value]


def cochran_mantel_haenszel(strata: Sequence[Stratum]) -> Stratified:
    """The test without continuity correction and the common odds ratio (Robins, Breslow and Greenland 1986) by
    statsmodels' ``StratifiedTable``, as R ``mantelhaen.test(correct = FALSE)``; the common difference with the variance
    of Sato (Biometrics 1989;45:1323), as metafor's ``rma.mh(measure = "RD")``. A stratum with one arm says nothing.
    """
    used = [s for s in strata if s[1] > 0 and s[3] > 0]
    n = sum(s[1] + s[3] for s in used)
    if not used:
        return _none(0, 0, "no stratum has subjects of both arms")
    informative = [s for s in used if 0 < s[0] + s[2] < s[1] + s[3]]
    if not informative:
        same = NotEstimable("all subjects of each stratum have the same outcome")
        return Stratified(len(used), n, same, same, (same, same, same), _difference(used))
    from scipy.stats import chi2
    from statsmodels.stats.contingency_tables import StratifiedTable

    made = [np.array([[x1, n1 - x1], [x2, n2 - x2]], dtype=np.float64) for x1, n1, x2, n2 in informative]
    table = StratifiedTable(made, shift_zeros=False)
    statistic = float(table.test_null_odds(correction=False).statistic)
    return Stratified(len(used), n, statistic, float(chi2.sf(statistic, 1)), _odds_ratio(made), _difference(used))


def _odds_ratio(tables: list[np.ndarray]) -> tuple[Value, Value, Value]:
    from statsmodels.stats.contingency_tables import StratifiedTable

    r = sum(t[0, 0] * t[1, 1] / t.sum() for t in tables)
    s = sum(t[0, 1] * t[1, 0] / t.sum() for t in tables)
    if r == 0 or s == 0:
        missing = NotEstimable("an arm has no hit, or no other outcome, in any stratum that counts")
        return missing, missing, missing
    table = StratifiedTable(tables, shift_zeros=False)
    lower, upper = table.oddsratio_pooled_confint(alpha=0.05)
    why = "the common odds ratio has no finite limits"
    return float(table.oddsratio_pooled), finite(float(lower), why), finite(float(upper), why)


def _difference(strata: Sequence[Stratum]) -> tuple[Value, Value, Value]:
    x1, n1, x2, n2 = np.array(strata, dtype=np.float64).T
    n = n1 + n2
    weight = float((n1 * n2 / n).sum())
    estimate = float((x1 * n2 / n - x2 * n1 / n).sum()) / weight
    p = (x2 * (n1 / n) ** 2 - x1 * (n2 / n) ** 2 + (n1 / n) * (n2 / n) * (n2 - n1) / 2).sum()
    q = (x1 * (n2 - x2) / n + x2 * (n1 - x1) / n).sum() / 2
    variance = float(estimate * p + q) / weight**2
    if variance <= 0:
        missing = NotEstimable("no variation within the strata")
        return estimate, missing, missing
    half = Z95 * float(np.sqrt(variance))
    return estimate, max(estimate - half, -1.0), min(estimate + half, 1.0)


def _none(strata: int, n: int, reason: str) -> Stratified:
    missing = NotEstimable(reason)
    three = (missing, missing, missing)
    return Stratified(strata, n, missing, missing, three, three)
