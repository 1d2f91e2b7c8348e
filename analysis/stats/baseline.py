"""Table 1: each covariate by arm, with what is missing, the study's test and the standardised difference."""

from __future__ import annotations

import numpy as np

from analysis.stats.cohort import Cohort, CovariateData
from analysis.stats.estimates import BoolArray, FloatArray, IntArray, NotEstimable, Value, finite
from analysis.stats.proportions import fisher, mann_whitney, pearson, t_test
from analysis.stats.rows import TOTAL, Rows, contrast


def add_baseline(rows: Rows, cohort: Cohort) -> None:
    """Rows of ``baseline``: percentages and moments are of those with a value; quartiles as R type 7."""
    groups = [(label, cohort.in_arm(i)) for i, label in enumerate(cohort.arms)]
    groups.append((TOTAL, np.ones(cohort.n, dtype=np.bool_)))
    for name, data in cohort.covariates.items():
        unit = cohort.study.covariate[name].unit or ""
        for label, members in groups:
            _describe(rows, data, label, members, unit)
        for i, label in enumerate(cohort.arms):
            if i != cohort.reference:
                group = contrast(label, cohort.arms[cohort.reference])
                _compare(rows, cohort, data, group, cohort.in_arm(i), cohort.in_arm(cohort.reference))


def _describe(rows: Rows, data: CovariateData, group: str, members: BoolArray, unit: str) -> None:
    known = members & ~data.missing
    n = int(known.sum())

    def add(statistic: str, value: Value | int, *, level: str = "", unit: str = "") -> None:
        rows.add("baseline", data.id, statistic, value, group=group, level=level, unit=unit, n=n)

    add("n", n)
    add("missing", int(members.sum()) - n)
    if data.values is not None:
        values = data.values[members & ~np.isnan(data.values)]
        for statistic, value in moments(values).items():
            add(statistic, value, unit=unit)
    for k, category in enumerate(data.categories):
        count = int((known & (data.codes == k)).sum())
        add("count", count, level=category)
        add("percent", 100 * count / n if n else NotEstimable("no subject has a value"), level=category, unit="%")


def moments(values: FloatArray) -> dict[str, Value]:
    """Mean, spread and quartiles of the values, by the names of the results; NotEstimable where there is none."""
    if values.size == 0:
        nothing = NotEstimable("no subject has a value")
        return dict.fromkeys(("mean", "sd", "median", "q1", "q3", "min", "max"), nothing)
    q1, median, q3 = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    sd: Value = float(values.std(ddof=1)) if values.size > 1 else NotEstimable("one value has no spread")
    low, high = float(values.min()), float(values.max())
    return {"mean": float(values.mean()), "sd": sd, "median": median, "q1": q1, "q3": q3, "min": low, "max": high}


def _table(codes: IntArray, categories: int) -> IntArray:
    return np.bincount(codes[codes >= 0], minlength=categories).astype(np.int64)


def _compare(rows: Rows, cohort: Cohort, data: CovariateData, group: str, first: BoolArray, second: BoolArray) -> None:
    definition = cohort.study.covariate[data.id]
    n = int(((first | second) & ~data.missing).sum())
    counts = np.array([_table(data.codes[arm], len(data.categories)) for arm in (first, second)])
    values = None
    if data.values is not None:
        a, b = data.values[first], data.values[second]
        values = a[~np.isnan(a)], b[~np.isnan(b)]
    # A variable shown by counts is tested on its categories, one shown by mean or median on its values.
    shown = definition.table1 or ("count" if data.categories else "mean_sd")
    p: Value | None = None
    warning = ""
    match definition.test:
        case "t_pooled" | "t_welch" if values is not None:
            p = t_test(*values, pooled=definition.test == "t_pooled")
        case "mann_whitney" if shown != "count" and values is not None:
            p = mann_whitney(*values)
        case "mann_whitney" if data.categories:
            ranks = [data.codes[arm][data.codes[arm] >= 0].astype(np.float64) for arm in (first, second)]
            p = mann_whitney(*ranks)
        case "chi2" | "fisher" if data.categories:
            result = pearson(counts) if definition.test == "chi2" else fisher(counts)
            p, warning = result.p, result.warning
            if definition.test == "chi2" and result.cells:
                rows.add("baseline", data.id, "expected_below_5", result.small_cells, group=group, method="chi2", n=n)
        case None:
            pass
        case _:
            p = NotEstimable("the test does not fit the kind of variable")
    if p is not None:
        rows.add("baseline", data.id, "p", p, group=group, method=definition.test or "", n=n, warning=warning)
    if values is not None:
        rows.add("baseline", data.id, "smd", mean_difference(*values), group=group, method="means", n=n)
    if data.categories:
        rows.add("baseline", data.id, "smd", category_difference(counts), group=group, method="categories", n=n)


def mean_difference(first: FloatArray, second: FloatArray) -> Value:
    """Standardised mean difference, signed: (m1 - m2) / sqrt((s1^2 + s2^2) / 2) (Austin, Stat Med 2009;28:3083)."""
    if min(first.size, second.size) < 2:
        return NotEstimable("fewer than two values in one arm")
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    if spread == 0:
        return 0.0 if first.mean() == second.mean() else NotEstimable("no variation within the arms")
    return float((first.mean() - second.mean()) / spread)


def category_difference(counts: IntArray) -> Value:
    """Standardised difference of category shares, not negative (Yang and Dalton, SAS Global Forum 2012, 335).

    ``counts`` (2, k). The Mahalanobis distance of the shares of all categories but the first, over the mean of the two
    multinomial covariances; for two categories the usual |p1 - p2| / sqrt(mean of p q).
    """
    if counts.sum(axis=1).min() == 0:
        return NotEstimable("no values in one arm")
    used = counts[:, counts.sum(axis=0) > 0]
    shares = used / used.sum(axis=1, keepdims=True)
    gap = (shares[0] - shares[1])[1:]
    if not np.any(gap):
        return 0.0
    covariance = np.mean([np.diag(s[1:]) - np.outer(s[1:], s[1:]) for s in shares], axis=0)
    if np.linalg.cond(covariance) > 1e10:
        return NotEstimable("no variation within the arms")
    return finite(float(np.sqrt(gap @ np.linalg.solve(covariance, gap))), "no variation within the arms")
