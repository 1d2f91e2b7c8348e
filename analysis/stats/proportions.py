"""Proportions: exact and score intervals, and the tests of two-way tables."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from analysis.stats.estimates import Z95, FloatArray, IntArray, NotEstimable, Value, finite

Z95_SQUARED = Z95**2


def clopper_pearson(successes: int, n: int) -> tuple[Value, Value]:
    """Exact 95 % limits of a proportion (scipy; R ``binom.test``), as fractions."""
    if n == 0:
        return NotEstimable("no subjects"), NotEstimable("no subjects")
    from scipy.stats import binomtest

    limits = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="exact")
    return float(limits.low), float(limits.high)


def miettinen_nurminen(x1: int, n1: int, x2: int, n2: int) -> tuple[Value, Value, Value]:
    """p1 - p2 with its 95 % limits by inversion of the score test, as fractions.

    Miettinen and Nurminen, Stat Med 1985;4:213: the variance at the constrained maximum-likelihood estimate times
    N / (N - 1). At a limit that is not -1 or 1, |z| = 1.96.
    """
    if n1 == 0 or n2 == 0:
        missing = NotEstimable("no subjects in one arm")
        return missing, missing, missing
    from scipy.optimize import brentq

    difference = x1 / n1 - x2 / n2

    def excess(delta: float) -> float:
        return score_statistic(x1, n1, x2, n2, delta) ** 2 - Z95_SQUARED

    edge = 1 - 1e-12
    lower = -1.0 if difference <= -edge or excess(-edge) <= 0 else brentq(excess, -edge, difference, xtol=1e-13)
    upper = 1.0 if difference >= edge or excess(edge) <= 0 else brentq(excess, difference, edge, xtol=1e-13)
    return difference, float(lower), float(upper)


def score_statistic(x1: int, n1: int, x2: int, n2: int, delta: float) -> float:
    """The Miettinen-Nurminen z of the hypothesis p1 - p2 = ``delta``, -1 < delta < 1."""
    p1, p2 = _constrained(x1, n1, x2, n2, delta)
    n = n1 + n2
    variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * n / (n - 1)
    gap = x1 / n1 - x2 / n2 - delta
    if variance <= 0:
        return 0.0 if abs(gap) < 1e-15 else math.copysign(math.inf, gap)
    return gap / math.sqrt(variance)


def _constrained(x1: int, n1: int, x2: int, n2: int, delta: float) -> tuple[float, float]:
    """The maximum-likelihood p1, p2 under p1 = p2 + delta: a root of a cubic (Farrington and Manning 1990)."""
    n, x = n1 + n2, x1 + x2
    a = float(n)
    b = (n1 + 2 * n2) * delta - n - x
    c = (n2 * delta - n - 2 * x2) * delta + x
    d = x2 * delta * (1 - delta)
    v = (b / (3 * a)) ** 3 - b * c / (6 * a**2) + d / (2 * a)
    u = math.copysign(math.sqrt(max((b / (3 * a)) ** 2 - c / (3 * a), 0.0)), v)
    ratio = 0.0 if u == 0 else min(1.0, max(-1.0, v / u**3))
    w = (math.pi + math.acos(ratio)) / 3
    p2 = 2 * u * math.cos(w) - b / (3 * a)
    p2 = min(max(p2, 0.0, -delta), 1.0, 1.0 - delta)
    return min(max(p2 + delta, 0.0), 1.0), p2


@dataclass(frozen=True)
class TableTest:
    """P of a two-way table; ``small_cells`` counts expected counts below 5 of ``cells``."""

    p: Value
    small_cells: int = 0
    cells: int = 0

    @property
    def warning(self) -> str:
        """What a reader of the P value must know, or nothing."""
        return f"expected count below 5 in {self.small_cells} of {self.cells} cells" if self.small_cells else ""


def pearson(table: IntArray) -> TableTest:
    """Pearson's chi-square without continuity correction; empty rows and columns are left out."""
    used = _without_empty(table)
    if used is None:
        return TableTest(NotEstimable("all subjects are in one row or column of the table"))
    from scipy.stats import chi2_contingency

    result = chi2_contingency(used, correction=False)
    expected = np.asarray(result.expected_freq)
    return TableTest(float(result.pvalue), int((expected < 5).sum()), int(expected.size))


def fisher(table: IntArray) -> TableTest:
    """Fisher's exact test, two-sided, of a 2 x 2 table; of a larger one once empty rows and columns are left out."""
    used = _without_empty(table)
    if used is None:
        return TableTest(NotEstimable("all subjects are in one row or column of the table"))
    if used.shape != (2, 2):
        return TableTest(NotEstimable("Fisher's test is offered for two categories"))
    from scipy.stats import fisher_exact

    return TableTest(float(fisher_exact(used)[1]))


def _without_empty(table: IntArray) -> IntArray | None:
    used = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    return used if min(used.shape) >= 2 else None


def mann_whitney(first: FloatArray, second: FloatArray) -> Value:
    """P of the Mann-Whitney test: asymptotic, ties corrected, no continuity correction (as SPSS)."""
    if first.size == 0 or second.size == 0:
        return NotEstimable("no values in one arm")
    if np.unique(np.concatenate([first, second])).size < 2:
        return NotEstimable("all values are equal")
    from scipy.stats import mannwhitneyu

    result = mannwhitneyu(first, second, use_continuity=False, alternative="two-sided", method="asymptotic")
    return float(result.pvalue)


def t_test(first: FloatArray, second: FloatArray, *, pooled: bool) -> Value:
    """P of Student's t test with pooled variance, or of Welch's."""
    if min(first.size, second.size) < (1 if pooled else 2) or first.size + second.size < 3:
        return NotEstimable("too few values")
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return NotEstimable("no variation within the arms")
    from scipy.stats import ttest_ind

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy warns of an arm without variation, which is no fault
        return finite(float(ttest_ind(first, second, equal_var=pooled).pvalue), "too few values")
