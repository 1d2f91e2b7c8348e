"""The rows of the weighted comparison. Oracle: R's golden values on the sample study, and by construction."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.study.model import Study
from tests.fixtures.golden_values import golden
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of
from tests.fixtures.sample_frames import sample_results

GROUP = "DEB-TACE vs cTACE"
PLAN = {"covariates": ["age", "stage"], "linear": ["age"], "estimands": ["ATE", "ATT", "ATO"]}


def _value(results: pd.DataFrame, row_id: str) -> float:
    found = results[results["id"] == row_id]
    assert len(found) == 1, row_id
    return float(found["value"].iloc[0])


@pytest.mark.parametrize(("estimand", "kind"), [("ATE", "stabilised"), ("ATT", "ATT"), ("ATO", "ATO")])
@pytest.mark.parametrize(("endpoint", "place"), [("PFS", 0), ("OS", 1)])
def test_the_sample_study_gives_what_r_gives(endpoint, place, estimand, kind):
    results, case = sample_results(), golden("weighting")["sets"][place]
    expected = case[kind]
    where = f"weighting:{estimand}"
    coef, se = expected["efron"]["coef"][0], expected["efron"]["se"][0]
    assert _value(results, f"{where}.{endpoint}..{GROUP}.coef.efron_robust") == pytest.approx(coef, rel=1e-7)
    assert _value(results, f"{where}.{endpoint}..{GROUP}.hr.efron_robust") == pytest.approx(math.exp(coef), rel=1e-7)
    upper = math.exp(coef + 1.959963984540054 * se)
    assert _value(results, f"{where}.{endpoint}..{GROUP}.upper.efron_robust") == pytest.approx(upper, rel=1e-7)
    first, second = expected["ess"]
    assert _value(results, f"{where}.weights..DEB-TACE.ess.") == pytest.approx(first, rel=1e-9)
    assert _value(results, f"{where}.weights..cTACE.ess.") == pytest.approx(second, rel=1e-9)
    share = expected["share"]
    assert _value(results, f"{where}.orr..DEB-TACE.percent.") == pytest.approx(100 * share["first"][0], rel=1e-9)
    difference = 100 * share["difference"][0]
    assert _value(results, f"{where}.orr..{GROUP}.difference.robust") == pytest.approx(difference, rel=1e-9)
    for label, curve in zip(("DEB-TACE", "cTACE"), expected["curves"], strict=True):
        rows = results[(results["parameter"] == where) & (results["variable"] == f"{endpoint}_km")]
        own = rows[rows["group"] == label].assign(at=lambda f: f["level"].astype(float)).sort_values("at")
        np.testing.assert_allclose(own["value"], curve["survival"], atol=1e-12)


def test_the_forced_rows_say_so_with_the_reason():
    results = sample_results()
    rows = results[(results["parameter"] == "weighting:ATE") & (results["statistic"] == "hr")]
    assert len(rows) == 2
    assert rows["warning"].str.startswith("forced with fewer than 10 subjects a term: synthetic sample study").all()


def _study(**plan) -> Study:
    return made_up_study(("New", "Old"), weighting={**PLAN, **plan}, e_value="rare")


def _subjects(n: int, seed: int = 2) -> list[dict]:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        age, stage = float(rng.integers(35, 85)), str(rng.choice(["I", "II", "III"]))
        arm = "New" if rng.uniform() < 1 / (1 + math.exp(0.04 * (age - 60))) else "Old"
        time = float(np.ceil(rng.exponential(400 - 3 * age)))
        event = int(rng.uniform() < 0.7)
        rows.append({"arm": arm, "age": age, "stage": stage, "weight": 70.0, "time": time, "event": event})
    for row in rows[: n // 10]:
        row["stage"] = None
    return rows


def _weighted(results: pd.DataFrame) -> pd.DataFrame:
    return results[results["parameter"].str.startswith(("weighting:", "propensity"))]


def test_few_subjects_a_term_are_refused_with_the_reason_and_no_number():
    results = results_of(_study(), analysis_table(_subjects(20)))
    rows = _weighted(results)
    outcomes = rows[rows["parameter"].str.startswith("weighting:")]
    assert not outcomes.empty
    assert outcomes["value"].isna().all()
    assert outcomes["warning"].str.startswith("NE: fewer than 10 subjects a term").all()
    e_values = results[(results["variable"] == "e_value") & results["level"].str.startswith("weighting:")]
    assert e_values["warning"].str.startswith("NE: fewer than 10 subjects a term").all()
    assert len(e_values) == 6


def test_separated_arms_are_refused_with_the_reason():
    rows = _subjects(80)
    for row in rows:
        row["age"] = 70.0 + row["age"] / 100 if row["arm"] == "New" else 50.0 + row["age"] / 100
    outcomes = _weighted(results_of(_study(), analysis_table(rows)))
    ratios = outcomes[outcomes["statistic"] == "hr"]
    assert ratios["value"].isna().all()
    assert ratios["warning"].str.contains("separate the arms").all()


def test_a_subject_is_weighted_trimmed_or_without_a_score():
    table = analysis_table(_subjects(200))
    results = results_of(_study(trim=[0.4, 0.6]), table)
    for arm in ("New", "Old"):
        left = sum(_value(results, f"propensity.{kind}..{arm}.n.") for kind in ("missing", "trimmed"))
        row = results[results["id"] == f"weighting:ATE.weights..{arm}.ess."].iloc[0]
        assert left + row["n"] == (table["TRT01A"] == arm).sum()
        assert 0 < row["value"] <= row["n"]
        histogram = results[(results["variable"] == "histogram") & (results["group"] == arm)]
        assert histogram["value"].sum() == row["n"]
    assert _value(results, "propensity.missing..total.n.") == 20
    assert _value(results, "propensity.trimmed..total.n.") > 0


def test_overlap_weights_balance_the_means_of_the_model_exactly():
    """Li, Morgan and Zaslavsky 2018, theorem 3: with a logistic score the weighted means are equal."""
    results = results_of(_study(), analysis_table(_subjects(200)))
    own = results[(results["parameter"] == "weighting:ATO") & (results["method"] == "weighted")]
    assert abs(own.set_index("level").at["age", "value"]) < 1e-8


def test_nobody_is_weighted_away_in_the_treated_of_att():
    results = results_of(_study(), analysis_table(_subjects(200)))
    size = results[results["id"] == "weighting:ATT.weights..New.ess."].iloc[0]
    assert size["value"] == size["n"]


def test_three_arms_end_in_reasons():
    study = made_up_study(("A", "B", "C"), weighting=PLAN)
    rows = [{**row, "arm": "ABC"[i % 3]} for i, row in enumerate(_subjects(90))]
    outcomes = _weighted(results_of(study, analysis_table(rows)))
    assert outcomes["value"].isna().all()
    assert outcomes["warning"].str.startswith("NE: weighting compares two arms").all()


def test_row_order_pseudonyms_and_unit_change_nothing():
    table = analysis_table(_subjects(120))
    rng = np.random.default_rng(0)
    other = table.sample(frac=1, random_state=3).assign(USUBJID=[f"X{i}" for i in rng.permutation(len(table))])
    first, second = (_weighted(results_of(_study(), t)).reset_index(drop=True) for t in (table, other))
    pd.testing.assert_frame_equal(first, second)


def test_a_study_that_does_not_ask_gets_no_rows():
    results = results_of(made_up_study(("New", "Old")), analysis_table(_subjects(40)))
    assert _weighted(results).empty
    assert not results["variable"].eq("e_value").any()
