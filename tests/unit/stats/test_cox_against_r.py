"""Oracle: R survival 3.5-3 (coxph with both ties, cox.zph, score tests; tests/golden/survival.R)."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from analysis.stats import cox
from analysis.stats.cox import CoxFit
from analysis.stats.estimates import NotEstimable
from analysis.stats.partial_likelihood import derivatives, quadratic_form
from analysis.stats.proportional_hazards import score_test_of_proportional_hazards
from tests.conftest import REPOSITORY
from tests.fixtures.golden_values import survival_sets

TIES = ["efron", "breslow"]


def _data(case):
    return np.array(case["time"], dtype=float), np.array(case["event"]) == 1, np.array(case["x"], dtype=float)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("case", survival_sets("efron"))
def test_fit(case, ties):
    fit, expected = cox.fit(*_data(case), ties), case[ties]
    assert isinstance(fit, CoxFit)
    np.testing.assert_allclose(fit.coef, expected["coef"], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(fit.se, expected["se"], rtol=1e-6)
    np.testing.assert_allclose(fit.wald_p(), expected["p"], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose([fit.loglik_null, fit.loglik], expected["loglik"], rtol=1e-10)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("case", survival_sets("efron"))
def test_score_test_at_zero_and_at_fitted_coefficients(case, ties):
    """The second is stepwise's entry test: coxph(init = c(b, 0), iter.max = 0)$score."""
    time, event, x = _data(case)
    at = derivatives(time, event, x, np.zeros(x.shape[1]), ties)
    assert quadratic_form(at.total_score, at.total_information) == pytest.approx(case[ties]["score"][0], rel=1e-8)
    if x.shape[1] > 1:
        smaller = cox.fit(time, event, x[:, :-1], ties)
        assert isinstance(smaller, CoxFit)
        at = derivatives(time, event, x, np.append(smaller.coef, 0.0), ties)
        value = quadratic_form(at.total_score, at.total_information)
        assert value == pytest.approx(case[ties]["entry_score"][0], rel=1e-7)


@pytest.mark.parametrize("transform", ["km", "identity", "log"])
@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("case", survival_sets("efron"))
def test_proportional_hazards(case, ties, transform):
    if transform == "log" and 0 in case["time"]:
        assert "zph_log" not in case[ties]  # a time of zero has no logarithm: R was not asked
        return
    time, event, x = _data(case)
    fit = cox.fit(time, event, x, ties)
    assert isinstance(fit, CoxFit)
    columns = [[j] for j in range(x.shape[1])]
    single, whole = score_test_of_proportional_hazards(time, event, x, fit, columns, ties=ties, transform=transform)
    expected = case[ties][f"zph_{transform}"]
    np.testing.assert_allclose([t.chi2 for t in (*single, whole)], expected["chi2"], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose([t.p for t in (*single, whole)], expected["p"], rtol=1e-5, atol=1e-9)


ONE = np.array([[0.0], [0], [0], [0], [1], [1], [1], [1]])
TIME = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
SOME = np.array([1, 0, 1, 1, 1, 0, 1, 1]) == 1


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize(
    ("time", "event", "x", "reason"),
    [
        (TIME, np.ones(8, dtype=bool), ONE, "monotone"),  # coxph: "coefficient may be infinite"
        (TIME, np.array([1, 1, 1, 1, 0, 0, 0, 0]) == 1, ONE, "monotone"),  # no events in one arm
        (np.full(8, 5.0), np.ones(8, dtype=bool), ONE, "no order"),  # coxph says 1, of data that cannot say
        (TIME, np.zeros(8, dtype=bool), ONE, "no events"),
        (TIME, SOME, np.hstack([ONE, 1 - ONE]), "linearly dependent"),
        (np.array([4.0]), np.array([True]), np.array([[1.0]]), "fewer than two"),
    ],
    ids=["monotone", "no-events-in-one-arm", "all-tied", "no-events", "dependent", "one-subject"],
)
def test_says_why_there_is_no_fit(time, event, x, reason, ties):
    fit = cox.fit(time, event, x, ties)
    assert isinstance(fit, NotEstimable)
    assert reason in fit.reason


def test_a_monotone_direction_of_two_columns_is_found():
    """Neither column alone separates; their sum does: the subject with the largest sum always dies first."""
    x = np.array([[3.0, 1], [1, 2.5], [2, 1], [0, 2], [1, 0.5], [0, 1], [0.2, 0], [0, 0]])
    order = np.argsort(-x.sum(axis=1))
    assert isinstance(cox.fit(TIME, np.ones(8, dtype=bool), x[order], "efron"), NotEstimable)
    assert isinstance(cox.fit(TIME, np.ones(8, dtype=bool), x[order][:, :1], "efron"), CoxFit)


def test_a_large_but_finite_coefficient_is_kept():
    """One event out of order keeps the maximum finite: no alarm on the size of a coefficient alone."""
    x = np.repeat([1.0, 0.0], 1500)[:, None]
    time = np.arange(3000.0)
    time[1499], time[1500] = 1500, 1499  # the last of the early group dies after the first of the late one
    fit = cox.fit(time, np.ones(3000, dtype=bool), x, "efron")
    assert isinstance(fit, CoxFit)
    assert fit.coef[0] > 7
    time[1499], time[1500] = 1499, 1500
    assert isinstance(cox.fit(time, np.ones(3000, dtype=bool), x, "efron"), NotEstimable)


@pytest.mark.parametrize("ties", TIES)
def test_the_fit_satisfies_its_score_equation(ties):
    rng = np.random.default_rng(11)
    x = rng.normal(size=(3000, 3)) * [1, 100, 0.01] + [0, 5000, 3]
    time = np.ceil(rng.exponential(200 / np.exp(x[:, 0] * 0.5)))
    event = rng.uniform(size=3000) < 0.6
    fit = cox.fit(time, event, x, ties)
    assert isinstance(fit, CoxFit)
    at = derivatives(time, event, x, fit.coef, ties)
    assert abs(quadratic_form(at.total_score, at.total_information)) < 1e-10
    assert fit.coef[0] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("ties", TIES)
def test_a_monotone_likelihood_too_large_to_prove_is_still_no_number(ties, monkeypatch):
    monkeypatch.setattr(cox, "_MOST_PAIRS", 0)
    fit = cox.fit(TIME, np.ones(8, dtype=bool), ONE, ties)
    assert isinstance(fit, NotEstimable)
    assert "monotone" in fit.reason or "converge" in fit.reason
    assert isinstance(cox.fit(TIME, SOME, TIME[:, None] % 3, ties), CoxFit)


def test_the_last_digits_do_not_hang_on_where_a_library_stops():
    """Oracle: R survival 3.5-3, coxph(Surv(time, status) ~ factor(prior), veteran, eps = 1e-14): -0.14293356451910.
    lifelines alone, as tight as it can be asked, ends at -0.1429334936."""
    with (REPOSITORY / "studies" / "veteran" / "veteran.csv").open(encoding="utf-8", newline="") as file:
        men = list(csv.DictReader(file))
    time = np.array([float(man["time"]) for man in men])
    event = np.array([man["status"] == "1" for man in men])
    prior = np.array([[man["prior"] == "10"] for man in men], dtype=np.float64)
    fit = cox.fit(time, event, prior, "efron")
    assert isinstance(fit, CoxFit)
    assert fit.coef[0] == pytest.approx(-0.14293356451910, rel=1e-11)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("case", survival_sets("efron"))
def test_where_the_library_gives_up_newton_and_raphson_find_what_r_does(case, ties, monkeypatch):
    """As lifelines does on the set "steep"."""
    monkeypatch.setattr(cox, f"_{ties}", lambda *_: None)
    fit = cox.fit(*_data(case), ties)
    assert isinstance(fit, CoxFit)
    np.testing.assert_allclose(fit.coef, case[ties]["coef"], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(fit.se, case[ties]["se"], rtol=1e-6)
