"""Tumour response: best response by arm, objective response and disease control with intervals and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.cohort import Cohort
from analysis.stats.estimates import BoolArray, NotEstimable, Value
from analysis.stats.proportions import clopper_pearson, fisher, mann_whitney, miettinen_nurminen, pearson
from analysis.stats.rows import TOTAL, Rows, contrast
from analysis.stats.stratified import Stratum, cochran_mantel_haenszel
from analysis.study.imaging import BETWEEN, UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

NOT_EVALUABLE = "NE"


def add_response(rows: Rows, cohort: Cohort, adrs: pd.DataFrame, analysed: set[str]) -> None:
    """Rows of ``response``; none for a study without response."""
    response = cohort.study.response
    if response is None:
        return
    best = cohort.best_response
    levels = (*response.order, NOT_EVALUABLE)
    counted = np.ones(cohort.n, dtype=np.bool_)
    if response.not_evaluable == "exclude":
        counted = best < len(response.order)
    everyone = np.ones(cohort.n, dtype=np.bool_)
    groups = [*((label, cohort.in_arm(i)) for i, label in enumerate(cohort.arms)), (TOTAL, everyone)]
    good = {
        "orr": _levels_in(best, response.order, response.responders),
        "dcr": _levels_in(best, response.order, response.controlled),
    }
    for label, members in groups:
        n = int((members & counted).sum())
        for k, level in enumerate(levels):
            count = int((members & (best == k)).sum())
            rows.add("response", "best", "count", count, group=label, level=level, n=n)
            share = _percent(count, n) if level != NOT_EVALUABLE or counted.all() else NotEstimable("left out")
            rows.add("response", "best", "percent", share, group=label, level=level, unit="%", n=n)
        for name, hits in good.items():
            _rate(rows, name, label, int((members & counted & hits).sum()), n)
    for i, label in enumerate(cohort.arms):
        if i != cohort.reference:
            pair = cohort.in_arm(i) & counted, cohort.in_arm(cohort.reference) & counted
            group = contrast(label, cohort.arms[cohort.reference])
            # Not evaluable ranks with the worst level: it must not be the better for being unknown.
            ranks = np.minimum(best, len(response.order) - 1).astype(np.float64)
            n = int(pair[0].sum() + pair[1].sum())
            p = mann_whitney(ranks[pair[0]], ranks[pair[1]])
            rows.add("response", "best", "p", p, group=group, method="mann_whitney", n=n)
            for name, hits in good.items():
                _compare(rows, name, group, *(int((arm & hits).sum()) for arm in pair), *(int(a.sum()) for a in pair))
                _by_site(rows, cohort, name, group, pair, hits)
    _assessments(rows, cohort, adrs, analysed)


def _levels_in(best: np.ndarray, order: tuple[str, ...], wanted: tuple[str, ...]) -> BoolArray:
    return np.asarray(np.isin(best, [k for k, level in enumerate(order) if level in wanted]))


def _percent(count: int, n: int) -> Value:
    return 100 * count / n if n else NotEstimable("no subjects")


def _times_100(value: Value) -> Value:
    return value if isinstance(value, NotEstimable) else 100 * value


def _rate(rows: Rows, name: str, group: str, count: int, n: int) -> None:
    rows.add("response", name, "count", count, group=group, n=n)
    rows.add("response", name, "percent", _percent(count, n), group=group, unit="%", n=n)
    for statistic, limit in zip(("lower", "upper"), clopper_pearson(count, n), strict=True):
        rows.add("response", name, statistic, _times_100(limit), group=group, unit="%", method="clopper_pearson", n=n)


def _compare(rows: Rows, name: str, group: str, x1: int, x2: int, n1: int, n2: int) -> None:
    estimates = zip(("difference", "lower", "upper"), miettinen_nurminen(x1, n1, x2, n2), strict=True)
    for statistic, value in estimates:
        rows.add(
            "response",
            name,
            statistic,
            _times_100(value),
            group=group,
            unit="percentage points",
            method="miettinen_nurminen",
            n=n1 + n2,
        )
    table = np.array([[x1, n1 - x1], [x2, n2 - x2]])
    chi2 = pearson(table)
    rows.add("response", name, "p", chi2.p, group=group, method="pearson", n=n1 + n2, warning=chi2.warning)
    if chi2.cells:
        rows.add("response", name, "expected_below_5", chi2.small_cells, group=group, method="pearson", n=n1 + n2)
    rows.add("response", name, "p", fisher(table).p, group=group, method="fisher", n=n1 + n2)


def _by_site(
    rows: Rows, cohort: Cohort, name: str, group: str, pair: tuple[BoolArray, BoolArray], hits: BoolArray
) -> None:
    """Cochran-Mantel-Haenszel over the sites: test, common odds ratio, common difference."""
    strata: list[Stratum] = []
    for site in sorted(set(cohort.sites)):
        one, other = (arm & (cohort.sites == site) for arm in pair)
        strata.append((int((one & hits).sum()), int(one.sum()), int((other & hits).sum()), int(other.sum())))
    found = cochran_mantel_haenszel(strata)
    alone = NotEstimable("all subjects are of one site") if len(strata) < 2 else None
    p, odds, apart = found.p, found.odds_ratio, [_times_100(value) for value in found.difference]
    n = sum(int(a.sum()) for a in pair)
    warning = f"{found.strata} of {len(strata)} sites have both arms" if found.strata < len(strata) else ""
    rows.add("response", name, "p", alone or p, group=group, method="cmh", n=n, warning=warning)
    rows.add("response", name, "chi2", alone or found.chi2, group=group, method="cmh", n=n, warning=warning)
    points = "percentage points"
    for values, statistics, method, unit in (
        (odds, ("odds_ratio", "lower", "upper"), "mantel_haenszel_or", ""),
        (apart, ("difference", "lower", "upper"), "mantel_haenszel_rd", points),
    ):
        for statistic, value in zip(statistics, values, strict=True):
            rows.add("response", name, statistic, alone or value, group=group, method=method, unit=unit, n=n)


def _assessments(rows: Rows, cohort: Cohort, adrs: pd.DataFrame, analysed: set[str]) -> None:
    """How many accepted assessments the analysed subjects have, and how many no imaging study stands behind."""
    assert cohort.study.response is not None
    assessed = adrs[(adrs["PARAMCD"] == "OVRLRESP") & (adrs["ACCEPTED"] == "Y") & adrs["USUBJID"].isin(list(analysed))]
    for label in cohort.arms:
        mine = assessed[assessed["TRT01A"] == label]
        rows.add("response", "assessments", "n", len(mine), group=label)
        without = int((mine["IMAGING"] != "Y").sum())
        rows.add("response", "assessments_without_imaging", "n", without, group=label)
        seen = mine.reindex(columns=["IMGMOD"])["IMGMOD"].dropna()
        modalities = cohort.study.response.imaging.modality if cohort.study.response.imaging else ()
        for modality in dict.fromkeys(name.upper() for name in modalities):
            rows.add("imaging", "modality", "count", int((seen == modality).sum()), group=label, level=modality)
        _phases(rows, cohort, mine, label)


def _phases(rows: Rows, cohort: Cohort, assessed: pd.DataFrame, arm: str) -> None:
    """On how many of an arm's accepted assessments each phase of the scan is told; a scan may show several."""
    imaging = cohort.study.response.imaging if cohort.study.response else None
    if imaging is None or not imaging.phases:
        return
    scanned = assessed[assessed["IMAGING"] == "Y"].reindex(columns=["IMGPHASE"])["IMGPHASE"]
    told = [set(text.split(BETWEEN)) for text in scanned.dropna()]
    for phase in imaging.phases:
        n = sum(phase.label in shown for shown in told)
        rows.add("imaging", "phase", "count", n, group=arm, level=phase.label)
    rows.add("imaging", "phase", "count", len(scanned) - len(told), group=arm, level=UNKNOWN)
