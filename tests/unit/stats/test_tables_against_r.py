"""Oracles: R 4.2.2 (tests/golden/tables.R); for Miettinen-Nurminen the limits of derivation.md and a search by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats.baseline import category_difference, mean_difference, moments
from analysis.stats.estimates import NotEstimable
from analysis.stats.proportions import (
    clopper_pearson,
    fisher,
    mann_whitney,
    miettinen_nurminen,
    pearson,
    score_statistic,
    t_test,
)
from tests.fixtures.golden_values import golden

TWO_BY_TWO = golden("tables")["two_by_two"]
PAIRS = golden("tables")["pairs"]


def _table(counts):
    x1, n1, x2, n2 = counts
    return np.array([[x1, n1 - x1], [x2, n2 - x2]])


@pytest.mark.parametrize("case", TWO_BY_TWO, ids=lambda c: str(c["counts"]))
def test_two_by_two(case):
    table = _table(case["counts"])
    for ours, theirs in ((fisher(table).p, case["fisher"][0]), (pearson(table).p, case["pearson"][0])):
        if isinstance(ours, NotEstimable):
            assert theirs in (None, 1)  # R prints 1 or NaN where a column is empty: there is nothing to test
        else:
            assert ours == pytest.approx(theirs, rel=1e-9)
    np.testing.assert_allclose(clopper_pearson(*case["counts"][:2]), case["exact"], rtol=1e-9, atol=1e-12)


def test_larger_table_without_its_empty_column():
    case = golden("tables")["larger"]
    result = pearson(np.array(case["table"]))
    assert result.p == pytest.approx(case["pearson"][0], rel=1e-9)
    assert (result.small_cells, result.cells) == (1, 6)  # 16 x 10 / 34 = 4.7 alone is below 5
    assert isinstance(fisher(np.array(case["table"])).p, NotEstimable)


@pytest.mark.parametrize("case", PAIRS, ids=range(len(PAIRS)))
def test_two_samples(case):
    first, second = np.array(case["first"]), np.array(case["second"])
    assert mann_whitney(first, second) == pytest.approx(case["mann_whitney"][0], rel=1e-9)
    if np.ptp(first) > 0:
        assert t_test(first, second, pooled=True) == pytest.approx(case["pooled"][0], rel=1e-9)
        assert t_test(first, second, pooled=False) == pytest.approx(case["welch"][0], rel=1e-9)
    told = moments(np.concatenate([first, second]))
    assert [told["q1"], told["median"], told["q3"]] == pytest.approx(case["quantiles"])


@pytest.mark.parametrize(
    ("counts", "limits"), [((4, 11, 2, 11), (-0.204, 0.524)), ((9, 11, 6, 11), (-0.128, 0.601))], ids=["orr", "dcr"]
)
def test_miettinen_nurminen_of_the_sample_study(counts, limits):
    """derivation.md: |z| = 1.96 at the limits. It prints .602 for the last one, where |z| is 1.964."""
    _, lower, upper = miettinen_nurminen(*counts)
    assert (round(lower, 3), round(upper, 3)) == limits
    for limit in (lower, upper):
        assert abs(score_statistic(*counts, limit)) == pytest.approx(1.959964, abs=1e-6)


def _score_by_hand(x1, n1, x2, n2, delta):
    """The same statistic with the constrained maximum found on a grid, refined twice: slow and obvious."""
    low, high = max(0.0, -delta), min(1.0, 1.0 - delta)
    for _ in range(4):
        p2 = np.linspace(low, high, 4001)
        p1 = p2 + delta
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = zip((x1, n1 - x1, x2, n2 - x2), (p1, 1 - p1, p2, 1 - p2), strict=True)
            loglik = sum(np.where(x > 0, x * np.log(np.maximum(p, 0)), 0.0) for x, p in terms)
        k = int(np.nanargmax(loglik))
        best, width = p2[k], (high - low) / 4000
        low, high = max(best - width, low), min(best + width, high)
    p1 = best + delta
    variance = (p1 * (1 - p1) / n1 + best * (1 - best) / n2) * (n1 + n2) / (n1 + n2 - 1)
    return (x1 / n1 - x2 / n2 - delta) / np.sqrt(variance)


counts = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)


@settings(max_examples=60, deadline=None)
@given(counts)
def test_miettinen_nurminen_limits_stand_at_1_96(case):
    difference, lower, upper = miettinen_nurminen(*case)
    assert lower <= difference <= upper
    for limit in (lower, upper):
        if abs(limit) < 0.999:
            assert abs(score_statistic(*case, limit)) == pytest.approx(1.959964, abs=1e-5)
            assert abs(_score_by_hand(*case, limit)) == pytest.approx(1.959964, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(counts)
def test_swapping_the_arms_flips_the_difference(case):
    x1, n1, x2, n2 = case
    d, lower, upper = miettinen_nurminen(x1, n1, x2, n2)
    assert miettinen_nurminen(x2, n2, x1, n1) == pytest.approx((-d, -upper, -lower), abs=1e-8)


def test_nothing_to_test():
    assert isinstance(mann_whitney(np.array([1.0, 1]), np.array([1.0])), NotEstimable)
    assert isinstance(mann_whitney(np.array([]), np.array([1.0])), NotEstimable)
    assert isinstance(t_test(np.array([1.0, 1]), np.array([2.0, 2]), pooled=True), NotEstimable)
    assert isinstance(t_test(np.array([1.0]), np.array([2.0]), pooled=False), NotEstimable)
    assert isinstance(clopper_pearson(0, 0)[0], NotEstimable)
    assert isinstance(miettinen_nurminen(0, 0, 1, 2)[0], NotEstimable)


def test_mean_difference():
    """By hand: means 2 and 4, both variances 1: -2. Austin 2009."""
    assert mean_difference(np.array([1.0, 2, 3]), np.array([3.0, 4, 5])) == pytest.approx(-2.0)
    assert mean_difference(np.array([2.0, 2]), np.array([2.0, 2])) == 0.0
    assert isinstance(mean_difference(np.array([2.0, 2]), np.array([3.0, 3])), NotEstimable)


def test_category_difference_of_two_categories_is_the_usual_one():
    """|p1 - p2| / sqrt((p1 q1 + p2 q2) / 2), whichever category is left out."""
    table = np.array([[3, 8], [5, 6]])
    p1, p2 = 8 / 11, 6 / 11
    expected = abs(p1 - p2) / np.sqrt((p1 * (1 - p1) + p2 * (1 - p2)) / 2)
    assert category_difference(table) == pytest.approx(expected)
    assert category_difference(table[:, ::-1]) == pytest.approx(expected)


def test_category_difference_does_not_depend_on_the_order_of_categories():
    table = np.array([[3, 8, 5], [5, 6, 9]])
    assert category_difference(table) == pytest.approx(category_difference(table[:, [2, 0, 1]]))
    assert category_difference(np.array([[3, 0], [5, 0]])) == 0.0
    assert isinstance(category_difference(np.array([[3, 0], [0, 5]])), NotEstimable)
