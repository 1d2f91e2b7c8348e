"""Oracle: R 4.2.2's glm and sandwich, survival 3.5-3's coxph(weights, robust = TRUE) and survfit(weights)
(tests/golden/weighting.R); hostile data: what R warns of ("fitted probabilities numerically 0 or 1")."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats import logistic, propensity, weighted_cox
from analysis.stats.estimates import Z95, NotEstimable
from analysis.stats.logistic import LogisticFit
from analysis.stats.weighted_cox import WeightedFit
from tests.fixtures.golden_values import golden

CASES = [pytest.param(case, id=case["name"][0]) for case in golden("weighting")["sets"]]
KINDS = ["ATE", "stabilised", "ATT", "ATO"]


def _arrays(case):
    return (
        np.array(case["time"], dtype=float),
        np.array(case["event"]) == 1,
        np.array(case["treated"]) == 1,
        np.array(case["x"], dtype=float),
    )


def _weight(case, kind):
    _, _, treated, _ = _arrays(case)
    estimand = "ATE" if kind == "stabilised" else kind
    score = np.array(case["score"], dtype=float)
    return propensity.weights(score, treated, estimand, stabilised=kind == "stabilised")


@pytest.mark.parametrize("case", CASES)
def test_propensity_scores(case):
    _, _, treated, x = _arrays(case)
    fit = logistic.fit(x, treated)
    assert isinstance(fit, LogisticFit)
    np.testing.assert_allclose(fit.coef, case["coef"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(fit.se, case["se"], rtol=1e-6)
    np.testing.assert_allclose(fit.probability, case["score"], rtol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_weights_and_effective_sizes(case, kind):
    _, _, treated, _ = _arrays(case)
    weight = _weight(case, kind)
    np.testing.assert_allclose(weight, case[kind]["weight"], rtol=1e-12)
    sizes = [propensity.effective_size(weight[treated]), propensity.effective_size(weight[~treated])]
    np.testing.assert_allclose(sizes, case[kind]["ess"], rtol=1e-12)


def test_effective_sizes_of_the_sample_study():
    """The reference sheet says 7.2 and 9.0 (age as a number): weighting by seven covariates costs 22 subjects that."""
    case = golden("weighting")["sets"][0]
    first, second = case["ATE"]["ess"]
    assert (round(second, 1), round(first, 1)) == (7.2, 9.0)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_weighted_cox_with_robust_variance(case, kind, ties):
    time, event, treated, _ = _arrays(case)
    fit = weighted_cox.fit(time, event, treated.astype(float), _weight(case, kind), ties)
    assert isinstance(fit, WeightedFit)
    found = {"coef": fit.coef, "se": fit.se, "naive_se": fit.naive_se, "p": fit.wald_p()}
    for name, value in found.items():
        assert value == pytest.approx(case[kind][ties][name][0], rel=1e-7), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_weighted_survival(case, kind):
    time, event, treated, _ = _arrays(case)
    weight = _weight(case, kind)
    for members, expected in zip((treated, ~treated), case[kind]["curves"], strict=True):
        times, survival = propensity.weighted_survival(time[members], event[members], weight[members])
        np.testing.assert_allclose(times, expected["time"])
        np.testing.assert_allclose(survival, expected["survival"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_weighted_difference_of_shares(case, kind):
    _, _, treated, _ = _arrays(case)
    outcome, expected = np.array(case["outcome"]) == 1, case[kind]["share"]
    difference, lower, upper = propensity.weighted_difference(outcome, treated, _weight(case, kind))
    half = Z95 * expected["se"][0]
    assert difference == pytest.approx(expected["difference"][0], rel=1e-9)
    assert lower == pytest.approx(max(-1, expected["difference"][0] - half), rel=1e-9)
    assert upper == pytest.approx(min(1, expected["difference"][0] + half), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_balance_before_and_after(case, kind):
    _, _, treated, x = _arrays(case)
    estimand = "ATE" if kind == "stabilised" else kind
    for j, expected in enumerate(case[kind]["balance"]):
        found = [propensity.balance(x[:, j], treated, w, estimand) for w in (None, _weight(case, kind))]
        for ours, theirs in zip(found, expected, strict=True):
            if theirs is None:  # R divides by zero: every treated subject has the same value
                assert ours == 0.0 or ours == NotEstimable("no variation within the arms")
            else:
                assert ours == pytest.approx(theirs, rel=1e-7, abs=1e-9)


ARM = np.array([0, 0, 0, 0, 1, 1, 1, 1]) == 1


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([[1], [2], [3], [4], [5], [6], [7], [8]], ARM, "separate"),
        ([[0], [0], [0], [1], [1], [1], [1], [1]], ARM, "separate"),  # quasi-complete: all of one kind are in one arm
        ([[0, 0], [1, 0], [0, 1], [3, 0], [2, 2], [1, 3], [0, 4], [4, 0.5]], ARM, "separate"),  # only their sum does
        ([[1], [2], [3], [4], [1], [2], [3], [4]], np.zeros(8, dtype=bool), "one arm"),
        ([[1]] * 8, ARM, "does not vary"),
        ([[1, 2], [2, 4], [3, 6], [4, 8], [1, 2], [2, 4], [3, 6], [5, 10]], ARM, "dependent"),
    ],
    ids=["complete", "quasi-complete", "of-two", "one-arm", "constant", "dependent"],
)
def test_says_why_there_is_no_propensity_score(x, y, reason):
    fit = logistic.fit(np.array(x, dtype=float), y)
    assert isinstance(fit, NotEstimable)
    assert reason in fit.reason


def test_a_large_but_finite_coefficient_is_kept():
    """One subject out of order keeps the maximum finite: no alarm on the size of a coefficient alone."""
    y = np.repeat([False, True], 400)
    x = y.astype(float)
    x[[0, 799]] = x[[799, 0]]
    fit = logistic.fit(x[:, None], y)
    assert isinstance(fit, LogisticFit)
    assert fit.coef[1] == pytest.approx(2 * np.log(399), rel=1e-6)  # the odds ratio of the two by two table


def test_a_monotone_likelihood_stays_refused_with_weights():
    time, event = np.arange(1.0, 9), np.array([1, 1, 0, 1, 0, 0, 0, 0]) == 1
    fit = weighted_cox.fit(time, event, ARM.astype(float), np.linspace(1, 3, 8), "efron")
    assert isinstance(fit, NotEstimable)
    assert "monotone" in fit.reason


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_exchanging_the_arms_changes_signs_only(seed):
    rng = np.random.default_rng(seed)
    n = 40
    x, treated = rng.normal(size=(n, 2)), rng.uniform(size=n) < 0.5
    time, event = np.ceil(rng.exponential(20, n)), rng.uniform(size=n) < 0.8
    one, other = logistic.fit(x, treated), logistic.fit(x, ~treated)
    if isinstance(one, NotEstimable):
        assert isinstance(other, NotEstimable)
        return
    assert isinstance(other, LogisticFit)
    np.testing.assert_allclose(one.coef, -other.coef, atol=1e-7)
    for estimand in ("ATE", "ATO"):
        w = propensity.weights(one.probability, treated, estimand, stabilised=True)
        v = propensity.weights(other.probability, ~treated, estimand, stabilised=True)
        np.testing.assert_allclose(w, v, rtol=1e-6)
        found = [weighted_cox.fit(time, event, a.astype(float), w, "efron") for a in (treated, ~treated)]
        if isinstance(found[0], WeightedFit) and isinstance(found[1], WeightedFit):
            assert found[0].coef == pytest.approx(-found[1].coef, abs=1e-8)
            assert found[0].se == pytest.approx(found[1].se, rel=1e-7)


def test_equal_weights_are_no_weights():
    """With weights of one the robust variance is R's of coxph(robust = TRUE), and the coefficient the plain one's."""
    from analysis.stats import cox

    case = golden("weighting")["sets"][2]
    time, event, treated, _ = _arrays(case)
    plain = cox.fit(time, event, treated.astype(float)[:, None], "efron")
    fit = weighted_cox.fit(time, event, treated.astype(float), np.full(time.size, 3.0), "efron")
    assert isinstance(fit, WeightedFit)
    assert not isinstance(plain, NotEstimable)
    assert fit.coef == pytest.approx(float(plain.coef[0]), rel=1e-8)
    assert fit.naive_se == pytest.approx(float(plain.se[0]) / np.sqrt(3), rel=1e-6)
