"""Firth's penalised Cox model.

Oracles: R's optimisers on survival's likelihood and information, without derivatives (tests/golden/firth.R); the score
equation; a case worked by hand; invariances.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import chi2

from analysis.stats import cox, firth
from analysis.stats.cox import CoxFit
from analysis.stats.estimates import NotEstimable
from analysis.stats.firth import DROP, FirthFit, penalised
from analysis.stats.results import analyse
from tests.fixtures.golden_values import golden
from tests.fixtures.sample_frames import sample_frames, sample_study

TIES = ["efron", "breslow"]
CASES = [pytest.param(s, id=s["name"][0]) for s in golden("firth")["sets"]]


def _data(case):
    return np.array(case["time"], dtype=float), np.array(case["event"]) == 1, np.array(case["x"], dtype=float)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("case", CASES)
def test_against_the_optimisers_of_r(case, ties):
    found, expected = firth.fit(*_data(case), ties), case[ties]
    assert isinstance(found, FirthFit)
    np.testing.assert_allclose(found.coef, expected["coef"], atol=1e-6)
    np.testing.assert_allclose(found.se, expected["se"], rtol=1e-6)
    np.testing.assert_allclose(found.lower, expected["lower"], atol=1e-7)
    np.testing.assert_allclose(found.upper, expected["upper"], atol=1e-7)
    np.testing.assert_allclose(found.p, expected["p"], rtol=1e-7)


def test_three_subjects_by_hand():
    """Events at 1, 2, 3 of x = 1, 1, 0 (the example of coxphf's manual): with h = exp(b), the likelihood is
    h / (2h + 1) * h / (h + 1), the information 2h / (2h + 1)^2 + h / (h + 1)^2; the first climbs for ever."""

    def value(b):
        h = np.exp(b)
        likelihood = h * h / (2 * h + 1) / (h + 1)
        return np.log(likelihood) + np.log(2 * h / (2 * h + 1) ** 2 + h / (h + 1) ** 2) / 2

    time, event, x = np.array([1.0, 2, 3]), np.ones(3, dtype=bool), np.array([[1.0], [1], [0]])
    assert isinstance(cox.fit(time, event, x, "efron"), NotEstimable)
    found = firth.fit(time, event, x, "efron")
    assert isinstance(found, FirthFit)
    (b,) = found.coef
    assert (value(b + 1e-6) - value(b - 1e-6)) / 2e-6 == pytest.approx(0, abs=1e-8)
    assert found.loglik == pytest.approx(value(b), abs=1e-12)
    assert found.lower[0] == pytest.approx(brentq(lambda c: value(b) - value(c) - DROP, b - 20, b), abs=1e-8)
    assert found.upper[0] == pytest.approx(brentq(lambda c: value(b) - value(c) - DROP, b, b + 20), abs=1e-8)
    assert found.p[0] == pytest.approx(chi2.sf(2 * (value(b) - value(0.0)), 1), rel=1e-9)


@pytest.mark.parametrize("ties", TIES)
def test_the_gradient_is_that_of_the_likelihood(ties):
    """By central differences, at coefficients that are no maximum, with ties."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 3)) * [1, 20, 0.1] + [0, 300, 0]
    time, event = np.ceil(rng.exponential(8, 60)), rng.uniform(size=60) < 0.7
    beta = np.array([0.4, -0.02, 3.0])
    at = penalised(time, event, x, beta, ties)
    for j, width in enumerate((1e-5, 1e-6, 1e-4)):
        step = np.eye(3)[j] * width
        up, down = (penalised(time, event, x, beta + s, ties).loglik for s in (step, -step))
        assert at.score[j] == pytest.approx((up - down) / (2 * width), rel=1e-6)


def _random(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 40))
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n)]).astype(float)
    return np.ceil(rng.exponential(10, n)), rng.uniform(size=n) < rng.choice([0.3, 0.9]), x


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(TIES))
def test_the_estimate_solves_the_score_equation_and_the_limits_the_drop(seed, ties):
    time, event, x = _random(seed)
    found = firth.fit(time, event, x, ties)
    if isinstance(found, NotEstimable):
        assert any(word in found.reason for word in ("no events", "no order", "no information"))
        return
    at = penalised(time, event, x, found.coef, ties)
    np.testing.assert_allclose(at.score * x.std(axis=0), 0, atol=1e-6)
    for j in range(2):
        low, high = found.lower[j], found.upper[j]
        for limit in (low, high):
            if isinstance(limit, float):
                # With one coefficient held at the limit, the best of the other lies 1.92 below the top.
                other = 1 - j
                held = np.linspace(found.coef[other] - 6, found.coef[other] + 6, 61)
                best = max(
                    penalised(time, event, x, np.array([limit, o] if j == 0 else [o, limit]), ties).loglik for o in held
                )
                assert best <= found.loglik - DROP + 1e-8
        if isinstance(low, float) and isinstance(high, float):
            assert low < found.coef[j] < high
            assert (found.p[j] < 0.05) == (low > 0 or high < 0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(TIES))
def test_units_origins_order_and_direction_change_nothing(seed, ties):
    time, event, x = _random(seed)
    found = firth.fit(time, event, x, ties)
    order = np.random.default_rng(seed).permutation(time.size)
    turned = firth.fit(30 * time[order], event[order], (x * [-1, 1000] + [1, 50])[order], ties)
    if isinstance(found, NotEstimable):
        assert isinstance(turned, NotEstimable)
        return
    np.testing.assert_allclose(turned.coef, found.coef * [-1, 1e-3], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(turned.se, found.se * [1, 1e-3], rtol=1e-5)
    if isinstance(found.lower[0], float):
        assert turned.upper[0] == pytest.approx(-found.lower[0], rel=1e-6, abs=1e-6)
    assert turned.p[1] == pytest.approx(found.p[1], rel=1e-5, abs=1e-8)


def test_it_comes_near_the_plain_fit_on_many_events():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2000, 2))
    time = rng.exponential(np.exp(-x[:, 0] * 0.5))
    found, plain = firth.fit(time, np.ones(2000, dtype=bool), x, "efron"), cox.fit(time, time > 0, x, "efron")
    assert isinstance(found, FirthFit)
    assert isinstance(plain, CoxFit)
    np.testing.assert_allclose(found.coef, plain.coef, atol=2e-3)
    _, low, high = plain.hazard_ratios()
    np.testing.assert_allclose(found.lower, np.log(low), atol=5e-3)
    np.testing.assert_allclose(found.upper, np.log(high), atol=5e-3)


@pytest.mark.parametrize(
    ("time", "event", "x", "reason"),
    [
        ([5.0] * 4, [1] * 4, [[0], [0], [1], [1]], "no order"),
        ([1.0, 2, 3, 4], [0] * 4, [[0], [0], [1], [1]], "no events"),
        ([4.0], [1], [[1.0]], "fewer than two"),
        ([1.0, 2, 3, 4, 5], [1, 1, 0, 1, 0], [[0, 1], [1, 0], [0, 1], [1, 0], [1, 0]], "dependent"),
    ],
)
def test_says_why_there_is_none(time, event, x, reason):
    found = firth.fit(np.array(time), np.array(event) == 1, np.array(x, dtype=float), "efron")
    assert isinstance(found, NotEstimable)
    assert reason in found.reason


def _with(study, asked):
    cox_plan = study.analysis.cox.model_copy(update={"firth": asked, "adjust": ("age",), "stepwise": None})
    return study.model_copy(
        update={"analysis": study.analysis.model_copy(update={"cox": cox_plan, "min_events_per_term": 10})}
    )


@pytest.fixture(scope="module")
def without_events():
    """The sample without an event of PFS in the first arm."""
    frames = sample_frames()
    study = sample_study()
    first = study.arm[0].label
    table = frames.analysis_table.copy()
    table.loc[table["TRT01A"] == first, "PFS_CNSR"] = 1
    adtte = frames.adtte.copy()
    adtte.loc[(adtte["TRT01A"] == first) & (adtte["PARAMCD"] == "PFS"), "CNSR"] = 1
    return frames, table, adtte


def test_rows_stand_beside_a_monotone_likelihood_and_the_warning_names_them(without_events):
    frames, table, adtte = without_events
    results = analyse(_with(sample_study(), "when-needed"), frames.adsl, frames.adrs, adtte, table).set_index("id")
    arms = " vs ".join(arm.label for arm in sample_study().arm)
    where = f"PFS.cox_univariate.treatment={sample_study().arm[0].label}.{arms}"
    plain, beside = results.loc[f"{where}.hr.efron"], results.loc[f"{where}.hr.efron_firth"]
    assert plain["warning"].startswith("NE: the likelihood has no maximum")
    assert plain["warning"].endswith("penalised estimate beside it (efron_firth)")
    assert 0 < beside["value"] < 1
    assert results.loc[f"{where}.upper.efron_firth", "value"] < 1
    assert beside["n"] == plain["n"]


def test_nothing_is_said_where_it_is_not_asked_for(without_events):
    frames, table, adtte = without_events
    results = analyse(_with(sample_study(), False), frames.adsl, frames.adrs, adtte, table)
    assert not results["method"].str.contains("firth").any()
    assert not results["warning"].str.contains("penalised").any()


def test_asked_for_always_it_stands_beside_every_model():
    frames = sample_frames()
    results = analyse(_with(sample_study(), True), frames.adsl, frames.adrs, frames.adtte, frames.analysis_table)
    models = results[results["variable"].isin(["cox_univariate", "cox_adjusted"]) & (results["statistic"] == "hr")]
    plain, beside = (models[models["method"] == m] for m in ("efron", "efron_firth"))
    assert len(plain) == len(beside) > 4
    assert beside["value"].notna().all()
