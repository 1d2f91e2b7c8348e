"""Oracles: R coxph(init = c(b, 0), iter.max = 0)$score (tests/golden/survival.R, derivation.md); the paper's choice."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from analysis.stats.cohort import Cohort, EndpointData
from analysis.stats.estimates import NotEstimable
from analysis.stats.models import Fitter
from analysis.stats.rows import TOTAL
from analysis.stats.stepwise import forward_stepwise, removal_p, score_test
from analysis.stats.terms import Column, Term, model_terms
from tests.fixtures.golden_values import survival_sets
from tests.fixtures.sample_frames import sample_frames, sample_study

PLAN = {"ties": "efron", "p_in": 0.05, "p_out": 0.10}


def _fitter(time, event):
    time = np.asarray(time, dtype=float)
    return Fitter(EndpointData("X", np.arange(time.size), time, np.asarray(event) == 1))


def _term(name, values):
    return Term(name, (Column(name, TOTAL, np.asarray(values, dtype=float)),))


@pytest.fixture(scope="module")
def sample():
    cohort = Cohort(sample_study(), sample_frames().analysis_table)
    terms = model_terms(cohort)
    return Fitter(cohort.endpoint("PFS"), complete=terms), {t.id: t for t in terms}


def test_entry_of_age_given_treatment(sample):
    """derivation.md: 5.774, P .0163."""
    fitter, terms = sample
    test = score_test(fitter, [terms["treatment"]], terms["age"], "efron")
    assert round(test.chi2, 3) == 5.774
    assert round(test.p, 4) == 0.0163


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", survival_sets("efron"))
def test_entry_against_r(case, ties):
    x = np.array(case["x"], dtype=float)
    terms = [_term(str(j), x[:, j]) for j in range(x.shape[1])]
    expected = case[ties]["score"][0] if len(terms) == 1 else case[ties]["entry_score"][0]
    test = score_test(_fitter(case["time"], case["event"]), terms[:-1], terms[-1], ties)
    assert test.chi2 == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", survival_sets("efron"))
def test_removal_of_everything_against_r(case, ties):
    """Of a model of one term, the likelihood-ratio P is R's loglik[2] - loglik[1] and the Wald P its own."""
    x = np.array(case["x"], dtype=float)
    if x.shape[1] != 1:
        return
    term = _term("x", x[:, 0])
    fitter = _fitter(case["time"], case["event"])
    null, full = case[ties]["loglik"]
    assert removal_p(fitter, [term], term, ties, "lr") == pytest.approx(chi2.sf(2 * (full - null), 1), rel=1e-8)
    assert removal_p(fitter, [term], term, ties, "wald") == pytest.approx(case[ties]["p"][0], rel=1e-6)


@pytest.mark.parametrize("remove", ["lr", "wald"])
def test_treatment_is_a_candidate_like_the_rest(sample, remove):
    fitter, terms = sample
    chosen = forward_stepwise(fitter, list(terms.values()), remove=remove, **PLAN)
    assert chosen.entered == {"treatment": 1, "age": 2}
    without = forward_stepwise(fitter, [t for t in terms.values() if t.id != "treatment"], remove=remove, **PLAN)
    assert "treatment" not in without.entered


@pytest.mark.parametrize("remove", ["lr", "wald"])
def test_a_term_that_others_replace_is_removed(remove):
    """x = a + b + noise enters first; with a and b in, its P rises above p_out and it leaves."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 400))
    x = a + b + rng.normal(scale=0.7, size=400)
    time = rng.exponential(np.exp(-(a + b)))
    fitter = _fitter(time, np.ones(400))
    chosen = forward_stepwise(fitter, [_term("a", a), _term("b", b), _term("x", x)], remove=remove, **PLAN)
    assert set(chosen.entered) == {"a", "b"}
    assert min(chosen.entered.values()) == 2  # step 1 was x, which is gone


def test_a_term_without_a_fit_is_refused_and_named():
    """A candidate whose likelihood is monotone has the smallest score P, and may not bring its nonsense in."""
    rng = np.random.default_rng(4)
    early, other = np.repeat([1.0, 0.0], 30), rng.normal(size=60)
    time = np.where(early == 1, rng.uniform(0, 1, 60), rng.uniform(1, 2, 60)) * np.exp(-0.01 * other)
    time[early == 1] = np.minimum(time[early == 1], 0.9)
    chosen = forward_stepwise(
        _fitter(time, np.ones(60)), [_term("early", early), _term("other", other)], remove="lr", **PLAN
    )
    assert "early" not in chosen.entered
    assert "monotone" in chosen.refused["early"]


def test_candidates_that_cannot_be_tested():
    time, event = [1.0, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 1]
    x = _term("x", [0, 1, 0, 1, 1, 0])
    fitter = _fitter(time, event)
    same = score_test(fitter, [x], _term("copy", [0, 1, 0, 1, 1, 0]), "efron")
    assert isinstance(same.p, NotEstimable)
    flat = score_test(fitter, [], _term("flat", [1] * 6), "efron")
    assert isinstance(flat.p, NotEstimable)
    nothing = forward_stepwise(_fitter(time, [0] * 6), [x], remove="lr", **PLAN)
    assert nothing.model is None
    assert nothing.entered == {}


def test_subjects_missing_any_candidate_are_left_out_throughout():
    """SPSS: listwise over all candidates, so that the steps compare the same subjects."""
    x, y = _term("x", [0, 1, 0, 1, 1, 0, 1, 0]), _term("y", [1, 2, 3, 4, 5, np.nan, 7, 8])
    data = EndpointData("X", np.arange(8), np.arange(8.0) + 1, np.ones(8, dtype=bool))
    assert Fitter(data, complete=[x, y]).fit([x], "efron").n == 7
    assert Fitter(data).fit([x], "efron").n == 8


@pytest.mark.parametrize("how", ["lr", "wald"])
def test_nothing_is_removed_from_a_model_without_a_fit(how):
    """x orders the events of those who have it before all others: its likelihood has no maximum."""
    x = _term("x", [1, 1, 1, 0, 0, 0])
    assert removal_p(_fitter([1, 2, 3, 4, 5, 6], [1] * 6), [x], x, "efron", how) == 0.0
