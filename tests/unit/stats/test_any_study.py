"""The comparison of any other study: more arms, no response, hostile data. Oracle: the contract."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.stats import cox
from analysis.stats.cohort import Cohort, event_flag
from analysis.stats.rows import COLUMNS, Rows
from analysis.stats.sensitivity import add_sensitivity
from mappings.errors import BedsideError, UnusableDataError
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of
from tests.fixtures.sample_frames import sample_frames, sample_results, sample_study

ARMS = ("High", "Low", "None")


def _subjects(n=90, arms=ARMS, seed=1):
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        age, stage = float(rng.integers(35, 85)), str(rng.choice(["I", "II", "III"]))
        weight = float(rng.normal(70, 9)) if i % 9 else None
        time = float(np.ceil(rng.exponential(300 - 2 * age)))
        arm = arms[i % len(arms)]
        rows.append(
            {"arm": arm, "age": age, "stage": stage, "weight": weight, "time": time, "event": int(rng.uniform() < 0.7)}
        )
    return rows


def _value(results, row_id):
    found = results[results["id"] == row_id]
    assert len(found) == 1, row_id
    return found.iloc[0]


@pytest.fixture(scope="module")
def three_arms():
    return results_of(made_up_study(ARMS), analysis_table(_subjects()))


def test_three_arms_are_each_compared_with_the_last(three_arms):
    groups = {g for g in three_arms["group"] if " vs " in g}
    assert groups == {"High vs None", "Low vs None"}
    for arm in ("High", "Low"):
        assert _value(three_arms, f"EFS.cox_univariate.treatment={arm}.{arm} vs None.hr.efron")["value"] > 0
        assert 0 < _value(three_arms, f"EFS.logrank..{arm} vs None.p.logrank")["value"] < 1
    assert 0 < _value(three_arms, "EFS.logrank..total.p.logrank")["value"] < 1


def test_treatment_of_three_arms_is_one_model(three_arms):
    rows = analysis_table(_subjects())
    time, event = rows["EFS_AVAL"].to_numpy(dtype=float), rows["EFS_CNSR"].to_numpy() == 0
    x = np.column_stack([rows["TRT01A"] == "High", rows["TRT01A"] == "Low"]).astype(float)
    fit = cox.fit(time, event, x, "efron")
    for j, arm in enumerate(("High", "Low")):
        ours = _value(three_arms, f"EFS.cox_univariate.treatment={arm}.{arm} vs None.coef.efron")["value"]
        assert ours == pytest.approx(fit.coef[j], abs=1e-9)


def test_a_study_without_response_has_no_response_rows(three_arms):
    assert not (three_arms["parameter"] == "response").any()
    assert not three_arms["variable"].isin(["orr", "dcr"]).any()


def test_covariates_of_every_kind(three_arms):
    levels = set(three_arms.loc[three_arms["variable"] == "cox_univariate", "level"])
    assert levels == {"treatment=High", "treatment=Low", "weight", "age=50-69", "age=>=70", "stage"}
    assert "NE" in _value(three_arms, "baseline.stage..High vs None.p.fisher")["warning"]
    assert _value(three_arms, "baseline.weight..High vs None.p.mann_whitney")["value"] > 0
    assert _value(three_arms, "baseline.age..High vs None.p.t_welch")["value"] > 0


def test_models_use_complete_cases_and_say_how_many(three_arms):
    missing = _value(three_arms, "baseline.weight..total.missing.")["value"]
    assert missing == 10
    assert _value(three_arms, "EFS.cox_univariate.weight.total.n.")["value"] == 80
    assert _value(three_arms, "EFS.cox_univariate.stage.total.n.")["value"] == 90
    assert _value(three_arms, "EFS.cox_adjusted.stage.total.n.")["value"] == 80


def test_columns_and_order_are_the_contracts(three_arms):
    for results in (three_arms, sample_results()):
        assert tuple(results.columns) == COLUMNS
        assert results["id"].is_unique
        assert results["id"].is_monotonic_increasing
        empty = results["value"].isna()
        assert results.loc[empty, "warning"].str.startswith("NE:").all()
        assert not results.loc[~empty, "warning"].str.startswith("NE:").any()
        assert np.isfinite(results.loc[~empty, "value"]).all()


def _hostile(change):
    rows = [
        {"arm": "A" if i < 4 else "B", "age": 60.0 + i, "stage": "I", "weight": 70.0, "time": i + 1.0, "event": 1}
        for i in range(8)
    ]
    for i, row in enumerate(rows):
        row.update(change(i))
    return results_of(made_up_study(("A", "B")), analysis_table(rows))


TREATMENT = "EFS.cox_univariate.treatment=A.A vs B.hr.efron"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda i: {"event": 0}, "no events"),
        (lambda i: {"event": int(i >= 4), "time": 9.0 - i}, "monotone"),
        (lambda i: {"time": 5.0}, "no order"),
        (lambda i: {}, "monotone"),
        (lambda i: {"time": 0.0}, "no order"),
        (lambda i: {"time": None}, "no variation"),
        (lambda i: {"time": -3.0}, "no variation"),
    ],
    ids=["no-events", "no-events-in-one-arm", "all-tied", "separated", "all-on-day-zero", "no-times", "negative-times"],
)
def test_hostile_data_end_in_reasons(change, reason):
    results = _hostile(change)
    row = _value(results, TREATMENT)
    assert pd.isna(row["value"])
    assert reason in row["warning"]


def test_unusable_times_are_counted():
    results = _hostile(lambda i: {"time": -3.0 if i in (0, 5) else i + 1.0})
    assert _value(results, "EFS.unusable..A.n.")["value"] == 1
    assert _value(results, "EFS.unusable..total.n.")["value"] == 2
    assert _value(results, "EFS.events..total.n.")["value"] == 6


def test_one_subject_an_arm():
    rows = [{"arm": a, "age": 60.0, "stage": "II", "weight": 70.0, "time": 4.0, "event": 1} for a in ("A", "B")]
    results = results_of(made_up_study(("A", "B")), analysis_table(rows))
    assert "NE" in _value(results, TREATMENT)["warning"]
    assert "NE" in _value(results, "baseline.age..A.sd.")["warning"]


def test_no_value_of_a_covariate_at_all():
    results = _hostile(lambda i: {"weight": None, "stage": None})
    assert _value(results, "baseline.stage..total.missing.")["value"] == 8
    assert "NE" in _value(results, "EFS.cox_univariate.weight.total.hr.efron")["warning"]
    assert "NE" in _value(results, "baseline.weight..A.mean.")["warning"]


def test_a_category_nobody_has_is_left_out_and_the_rest_is_fitted():
    rng = np.random.default_rng(2)
    rows = _subjects(60, ("A", "B"))
    for row in rows:
        row["age"] = float(rng.integers(35, 69))  # nobody is 70 or older
    results = results_of(made_up_study(("A", "B")), analysis_table(rows))
    assert "no variation" in _value(results, "EFS.cox_adjusted.age=>=70.total.hr.efron")["warning"]
    assert _value(results, "EFS.cox_adjusted.age=50-69.total.hr.efron")["value"] > 0


def test_nobody_or_an_empty_arm_is_unusable():
    study, table = made_up_study(("A", "B")), analysis_table(_subjects(10, ("A", "B")))
    with pytest.raises(UnusableDataError, match="nobody"):
        Cohort(study, table.iloc[:0])
    with pytest.raises(UnusableDataError, match="arm B"):
        Cohort(study, table[table["TRT01A"] == "A"])
    with pytest.raises(UnusableDataError, match="TRT01A"):
        Cohort(study, table.assign(TRT01A="C"))
    with pytest.raises(UnusableDataError, match="no column stage"):
        _ = Cohort(study, table.drop(columns="stage")).covariates


def test_tables_that_contradict_each_other_are_refused():
    from analysis.stats.results import analyse

    f, study = sample_frames(), sample_study()
    longer = f.adtte.assign(AVAL=f.adtte["AVAL"].where(f.adtte.index != 3, 999))
    with pytest.raises(UnusableDataError, match="disagree on PFS"):
        analyse(study, f.adsl, f.adrs, longer, f.analysis_table)
    with pytest.raises(UnusableDataError, match="same analysed subjects"):
        analyse(study, f.adsl, f.adrs, f.adtte, f.analysis_table.iloc[:-1])


def test_two_rows_of_one_id_are_our_defect():
    rows = Rows()
    rows.add("flow", "screened", "n", 1)
    rows.add("flow", "screened", "n", 2)
    with pytest.raises(BedsideError) as error:
        rows.frame()
    assert error.value.exit_code == 70


def test_event_flag_of_cnsr():
    assert event_flag(pd.Series([0, 1, 2, 0])).tolist() == [True, False, False, True]


def test_levels_are_the_same_as_words_and_as_numbers():
    f, study = sample_frames(), sample_study()
    words = Cohort(study, f.analysis_table).covariates["ecog"].codes
    for kind in (int, float):
        numbers = Cohort(study, f.analysis_table.assign(ecog=f.analysis_table["ecog"].astype(kind)))
        assert np.bincount(numbers.covariates["ecog"].codes).tolist() == np.bincount(words).tolist()


def test_flow_counts_every_screened_subject_once():
    """li2023/README.md: 29 screened, 2 + 2 + 3 out, 22 analysed; criteria that removed nobody have their row."""
    results = sample_results()
    flow = results[results["parameter"] == "flow"].set_index(["variable", "group"])["value"]
    named = flow.drop(index=["screened", "excluded", "analysed"], level="variable")
    assert flow["screened", "total"] == 29 == named.sum() + flow["analysed", "total"]
    assert (named[named > 0]).to_dict() == {
        ("surgery-rfa", "total"): 2,
        ("extrahepatic", "total"): 2,
        ("insufficient-data", "total"): 3,
    }
    assert len(named) == 13  # ten criteria, two arm rules, washout
    assert flow["analysed", "DEB-TACE"] == flow["analysed", "cTACE"] == 11


def test_result_that_crosses_alpha_between_ties_is_flagged():
    """li2023/README.md: OS treatment, Efron P 0.047, Breslow 0.062."""
    row = _value(sample_results(), "alpha_crossing.OS..DEB-TACE vs cTACE.n.")
    assert row["value"] == 1
    assert "breslow" in row["warning"]
    assert _value(sample_results(), "alpha_crossing.PFS..DEB-TACE vs cTACE.n.")["value"] == 0


def test_proportional_hazards_of_treatment():
    """derivation.md: cox.zph gives .872 and .809."""
    for endpoint, p in (("PFS", 0.872), ("OS", 0.809)):
        assert round(_value(sample_results(), f"{endpoint}.ph_test.treatment.total.p.score_km")["value"], 3) == p


def test_follow_up_observed_and_reverse():
    """li2023/README.md: reverse Kaplan-Meier gives 18.4 and not reached."""
    results = sample_results()
    reverse = results[results["id"].str.contains("OS.follow_up") & (results["method"] == "reverse_km")]
    reached = reverse[reverse["group"] != "total"]["value"]
    assert [round(v, 1) for v in reached.dropna()] == [18.4]
    assert reached.isna().sum() == 1


def test_a_sensitivity_set_uses_its_own_table_or_says_why_not():
    f, study = sample_frames(), sample_study()
    smaller = f.analysis_table.iloc[2:]
    rows = Rows()
    add_sensitivity(
        rows, study, Cohort(study, f.analysis_table), {"all-treated": smaller, "censor-switch": smaller.iloc[:0]}
    )
    results = rows.frame()
    assert _value(results, "sensitivity:all-treated.OS..DEB-TACE vs cTACE.n.")["value"] == 20
    assert _value(results, "sensitivity:all-treated.OS..DEB-TACE vs cTACE.hr.efron")["value"] > 0
    assert "not derived" in _value(results, "sensitivity:censor-surgery.OS..DEB-TACE vs cTACE.hr.efron")["warning"]
    assert "nobody" in _value(results, "sensitivity:censor-switch.OS..DEB-TACE vs cTACE.hr.efron")["warning"]
    breslow = _value(results, "sensitivity:breslow.OS..DEB-TACE vs cTACE.p.breslow")["value"]
    assert round(breslow, 3) == 0.062


def test_few_events_for_the_terms_is_said_beside_the_figure():
    row = _value(sample_results(), "PFS.cox_adjusted.age=>=60.total.hr.efron")
    assert row["warning"] == "fewer than 10 events a term"
    assert _value(sample_results(), "PFS.cox_univariate.age=>=60.total.hr.efron")["warning"] == ""
