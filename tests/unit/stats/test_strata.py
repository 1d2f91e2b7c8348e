"""Comparisons within strata and the sandwich variance. Oracles: R survival 3.5-3 (tests/golden/strata.R), the
unstratified test and fit, algebra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats import cox
from analysis.stats.disclosure import suppress
from analysis.stats.estimates import NotEstimable
from analysis.stats.masking import masked
from analysis.stats.strata import fit_within_strata, sandwich, score_residuals, stratified_log_rank
from analysis.stats.survival import log_rank
from analysis.study.survival_checks import strata as strata_faults
from tests.fixtures.golden_values import golden
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of

SETS = [pytest.param(s, id=s["name"][0]) for s in golden("strata")["sets"]]
NEW = ["logrank_stratified", "cox_stratified", "cox_robust"]


def _arrays(case):
    x = np.array(case["x"], dtype=float)
    time, event = np.array(case["time"], dtype=float), np.array(case["event"]) == 1
    return time, event, x.reshape(time.size, -1), np.array(case["stratum"]), np.array(case["cluster"])


def test_golden_values_name_their_versions():
    assert golden("strata")["made_with"] == {"R": ["4.2.2"], "survival": ["3.5.3"]}


@pytest.mark.parametrize("case", SETS)
def test_stratified_log_rank_against_r(case):
    time, event, _, stratum, _ = _arrays(case)
    test = stratified_log_rank(time, event, np.array(case["group"]) == 1, stratum)
    assert test.chi2 == pytest.approx(case["logrank"]["chi2"][0], rel=1e-9)
    assert test.p == pytest.approx(case["logrank"]["p"][0], rel=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", SETS)
def test_stratified_cox_and_its_sandwich_against_r(case, ties):
    time, event, x, stratum, cluster = _arrays(case)
    expected = case[ties]
    fit = fit_within_strata(time, event, x, stratum, ties)
    np.testing.assert_allclose(fit.coef, expected["coef"], rtol=1e-7)
    np.testing.assert_allclose(fit.se, expected["se"], rtol=1e-7)
    assert [fit.loglik_null, fit.loglik] == pytest.approx(expected["loglik"], rel=1e-10)
    residuals = score_residuals(time, event, x, fit.coef, stratum, ties)
    theirs = np.array(expected["residuals"]).reshape(x.shape)
    np.testing.assert_allclose(residuals, theirs, rtol=1e-6, atol=1e-6)
    robust = sandwich(fit, residuals, cluster)
    np.testing.assert_allclose(np.sqrt(np.diag(robust)), expected["cluster_se"], rtol=1e-6)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", SETS)
def test_sandwich_by_subject_without_strata_against_r(case, ties):
    time, event, x, _, _ = _arrays(case)
    fit = cox.fit(time, event, x, ties)
    np.testing.assert_allclose(fit.coef, case[ties]["alone_coef"], rtol=1e-7)
    residuals = score_residuals(time, event, x, fit.coef, np.zeros(time.size, dtype=int), ties)
    robust = sandwich(fit, residuals, np.arange(time.size))
    np.testing.assert_allclose(np.sqrt(np.diag(robust)), case[ties]["alone_se"], rtol=1e-6)


subjects = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.booleans(), st.integers(0, 2)), min_size=4, max_size=40
)


def _drawn(drawn):
    time, event, first, stratum = (np.array(column) for column in zip(*drawn, strict=True))
    return time.astype(float), event, first, stratum


@settings(max_examples=60, deadline=None)
@given(subjects)
def test_one_stratum_is_the_plain_test_and_shares_of_the_score_add_up(drawn):
    time, event, first, stratum = _drawn(drawn)
    nothing = np.zeros(time.size, dtype=int)
    plain, ours = log_rank(time, event, first.astype(int)), stratified_log_rank(time, event, first, nothing)
    if isinstance(plain.chi2, float):
        assert ours.chi2 == pytest.approx(plain.chi2, rel=1e-7, abs=1e-9)
    else:
        assert isinstance(ours.chi2, NotEstimable)
    x = first[:, None].astype(float)
    for ties in ("efron", "breslow"):
        one, other = fit_within_strata(time, event, x, nothing, ties), cox.fit(time, event, x, ties)
        assert isinstance(one, NotEstimable) == isinstance(other, NotEstimable)
        if isinstance(one, cox.CoxFit):
            np.testing.assert_allclose(one.coef, other.coef, rtol=1e-6, atol=1e-7)
        within = fit_within_strata(time, event, x, stratum, ties)
        if isinstance(within, cox.CoxFit):
            total = score_residuals(time, event, x, within.coef, stratum, ties).sum(axis=0)
            np.testing.assert_allclose(total, 0, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(subjects)
def test_the_names_of_the_strata_change_not_one_bit(drawn):
    time, event, first, stratum = _drawn(drawn)
    x, renamed = first[:, None].astype(float), np.array([7, 1, 4])[stratum]
    assert stratified_log_rank(time, event, first, stratum) == stratified_log_rank(time, event, first, renamed)
    one, two = (fit_within_strata(time, event, x, s, "efron") for s in (stratum, renamed))
    if isinstance(one, cox.CoxFit):
        np.testing.assert_array_equal(one.coef, two.coef)
        np.testing.assert_array_equal(one.covariance, two.covariance)
        residuals = score_residuals(time, event, x, one.coef, stratum, "efron")
        first_sandwich, second = sandwich(one, residuals, stratum), sandwich(one, residuals, renamed)
        if not isinstance(first_sandwich, NotEstimable):
            np.testing.assert_array_equal(first_sandwich, second)


def test_a_likelihood_that_is_monotone_within_the_strata_only_is_not_estimable():
    """Within each stratum the first arm always dies first; across them it does not."""
    time = np.array([1.0, 2, 5, 6, 11, 12, 15, 16])
    first = np.array([1, 1, 0, 0] * 2) == 1
    stratum = np.array([0] * 4 + [1] * 4)
    event = np.ones(8, dtype=bool)
    assert isinstance(cox.fit(time, event, first[:, None].astype(float), "efron"), cox.CoxFit)
    found = fit_within_strata(time, event, first[:, None].astype(float), stratum, "efron")
    assert "monotone" in found.reason


def test_strata_of_one_arm_each_say_nothing():
    time, event = np.arange(1.0, 9), np.ones(8, dtype=bool)
    first = np.array([1, 1, 1, 1, 0, 0, 0, 0]) == 1
    assert isinstance(stratified_log_rank(time, event, first, first.astype(int)).p, NotEstimable)
    found = fit_within_strata(time, event, first[:, None].astype(float), first.astype(int), "efron")
    assert "no information" in found.reason


PLAN = {"strata": ["site", "stage"], "cluster": "site"}


def _table(n=120):
    rng = np.random.default_rng(4)
    rows = [
        {
            "arm": "AB"[i % 2],
            "time": float(rng.integers(1, 60)),
            "event": int(rng.uniform() < 0.7),
            "weight": float(rng.integers(50, 90)),
            "age": 60,
            "stage": str(rng.choice(["I", "II"])) if i % 10 else None,
        }
        for i in range(n)
    ]
    return analysis_table(rows).assign(SITEID=[f"site{v}" for v in rng.integers(0, 4, n)])


def test_rows_within_strata_and_robust():
    results = results_of(made_up_study(("A", "B"), survival=PLAN, cox={}), _table()).set_index("id")
    where = "EFS.cox_stratified.treatment=A.A vs B"
    assert results.loc[f"{where}.n.", "value"] == 108, "those without a stage are left out"
    lower, hr, upper = (results.loc[f"{where}.{s}.efron", "value"] for s in ("lower", "hr", "upper"))
    assert lower < hr < upper
    assert 0 < results.loc["EFS.logrank_stratified..A vs B.p.logrank", "value"] < 1
    robust = results.loc["EFS.cox_robust.treatment=A.A vs B.hr.efron_site"]
    assert robust["value"] == results.loc["EFS.cox_univariate.treatment=A.A vs B.hr.efron", "value"]
    assert robust["warning"] == "fewer than 20 clusters: the interval tends to be too narrow"


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_row_order_and_the_names_of_the_sites_change_nothing(random):
    table = _table()
    study = made_up_study(("A", "B"), survival=PLAN, cox={})
    order = list(range(len(table)))
    random.shuffle(order)
    names = ["k", "d", "z", "b"]
    random.shuffle(names)
    other = table.iloc[order].reset_index(drop=True)
    other = other.assign(SITEID=other["SITEID"].map({f"site{i}": name for i, name in enumerate(names)}))
    other = other.assign(USUBJID=[f"T{i}" for i in range(len(other))])
    pd.testing.assert_frame_equal(results_of(study, table), results_of(study, other), check_exact=True)


@pytest.mark.parametrize(
    "change",
    [{"time": 5.0}, {"event": 0}, {"stage": None}, {"time": None}],
    ids=["all-tied", "no-events", "no-stage", "no-times"],
)
@pytest.mark.parametrize("cluster", ["site", "subject"])
def test_hostile_data_end_in_reasons(change, cluster):
    rows = [
        {"arm": "AB"[i % 2], "time": i + 1.0, "event": 1, "weight": 60.0, "age": 60, "stage": "I", **change}
        for i in range(8)
    ]
    results = results_of(made_up_study(("A", "B"), survival={**PLAN, "cluster": cluster}, cox={}), analysis_table(rows))
    mine = results[results["variable"].isin(NEW[:2]) & ~results["statistic"].isin(["n", "events"])]
    assert len(mine) == 8
    assert mine["warning"].str.startswith("NE: ").all()


def test_one_site_has_no_robust_variance():
    table = _table().assign(SITEID="a")
    results = results_of(made_up_study(("A", "B"), survival=PLAN, cox={}), table)
    robust = results[results["variable"] == "cox_robust"]
    assert robust["warning"].str.startswith("NE: a robust variance needs two clusters").all()


def test_none_of_it_leaves_the_site_with_suppression_or_under_the_lock():
    results = results_of(made_up_study(("A", "B"), survival=PLAN, cox={}), _table())
    assert set(NEW) <= set(results["variable"])
    shown = suppress(results, 5)
    assert shown.loc[shown["variable"].isin(NEW), ["value", "n"]].isna().all(axis=None)
    assert not masked(results)["variable"].isin(NEW).any()


@pytest.mark.parametrize(
    ("name", "said"), [("sites", 'neither "site" nor'), ("weight", "no categories"), ("stage", None), ("site", None)]
)
def test_strata_must_be_the_site_or_covariates_with_categories(name, said):
    covariates = {"weight": {"unit": "kg"}, "stage": {"levels": ["I", "II"]}}
    found = list(strata_faults({"covariate": covariates, "analysis": {"survival": {"strata": [name]}}}))
    if said is None:
        assert found == []
    else:
        assert [path for path, _ in found] == [("analysis", "survival", "strata", 0)]
        assert said in found[0][1]
