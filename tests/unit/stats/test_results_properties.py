"""What must hold whatever the data. Oracle: algebra (arms relabelled, time in another unit, rows in another order)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of
from tests.fixtures.sample_frames import sample_frames, sample_results, sample_study

subject = st.fixed_dictionaries(
    {
        "age": st.one_of(st.none(), st.integers(30, 90).map(float)),
        "stage": st.sampled_from(["I", "II", "III", None]),
        "weight": st.integers(40, 110).map(float),
        "time": st.integers(0, 30).map(float),
        "event": st.integers(0, 1),
    }
)
cohorts = st.lists(subject, min_size=2, max_size=24)


def _rows(subjects, arms=("A", "B")):
    return [{**s, "arm": arms[i % 2]} for i, s in enumerate(subjects)]


@settings(max_examples=12, deadline=None)
@given(cohorts)
def test_every_study_ends_in_numbers_or_reasons(subjects):
    """No exception, no silent nonsense: values are finite, probabilities are such, limits enclose estimates."""
    results = results_of(made_up_study(("A", "B")), analysis_table(_rows(subjects)))
    empty = results["value"].isna()
    assert results.loc[empty, "warning"].str.startswith("NE: ").all()
    shown = results[~empty]
    assert np.isfinite(shown["value"]).all()
    assert shown.loc[shown["statistic"].isin(["p", "survival", "entry_p"]), "value"].between(0, 1 + 1e-12).all()
    wide = shown[shown["variable"].str.startswith("cox")].pivot_table(
        index=["variable", "level", "group", "method"], columns="statistic", values="value"
    )
    if {"lower", "hr", "upper"} <= set(wide):
        fitted = wide.dropna(subset=["hr"])
        assert ((fitted["lower"] <= fitted["hr"]) & (fitted["hr"] <= fitted["upper"])).all()


@settings(max_examples=12, deadline=None)
@given(cohorts)
def test_curves_fall_and_counts_add_up(subjects):
    results = results_of(made_up_study(("A", "B")), analysis_table(_rows(subjects)))
    for arm in ("A", "B"):
        mine = results[(results["parameter"] == "EFS") & (results["group"] == arm)]
        km = mine[mine["variable"] == "km"].assign(time=lambda f: f["level"].astype(float))
        step = km.pivot_table(index="time", columns="statistic", values="value").sort_index()
        assert (step["survival"].diff().dropna() <= 1e-12).all()
        n = mine.loc[mine["variable"] == "events", "n"].iloc[0]
        left = n - (step["events"] + step["censored"]).cumsum().shift(fill_value=0)
        assert (step["at_risk"] == left.astype(float)).all()
        ticks = mine[mine["variable"] == "risk_table"].pivot_table(index="level", columns="statistic", values="value")
        assert (ticks.sum(axis=1) == n).all()


@settings(max_examples=12, deadline=None)
@given(cohorts, st.randoms(use_true_random=False))
def test_row_order_and_pseudonyms_change_nothing(subjects, random):
    """Not one bit: the results of two extractions of the same data compare byte for byte."""
    study, table = made_up_study(("A", "B")), analysis_table(_rows(subjects))
    order = list(range(len(table)))
    random.shuffle(order)
    shuffled = table.iloc[order].reset_index(drop=True).assign(USUBJID=[f"T{i}" for i in range(len(table))], SITEID="z")
    pd.testing.assert_frame_equal(results_of(study, table), results_of(study, shuffled), check_exact=True)


def _cells(results, **where):
    found = results
    for column, value in where.items():
        found = found[found[column].isin(value) if isinstance(value, list) else found[column] == value]
    return found.set_index(["parameter", "variable", "level", "statistic", "method"])["value"]


@settings(max_examples=12, deadline=None)
@given(cohorts)
def test_relabelling_the_arms_flips_signs_only(subjects):
    table = analysis_table(_rows(subjects))
    ab, ba = (results_of(made_up_study(arms), table) for arms in (("A", "B"), ("B", "A")))
    for statistic, sign in (("coef", -1), ("p", 1), ("chi2", 1), ("se", 1)):
        one = _cells(ab, group="A vs B", statistic=statistic).rename(lambda s: s.replace("=A", "=B"), level="level")
        two = _cells(ba, group="B vs A", statistic=statistic)
        assert set(one.index) == set(two.index)
        np.testing.assert_allclose(sign * one, two[one.index], rtol=1e-6, atol=1e-7)
    smd = _cells(ab, group="A vs B", statistic="smd", method="means")
    np.testing.assert_allclose(-smd, _cells(ba, group="B vs A", statistic="smd", method="means")[smd.index])
    for arm in ("A", "B", "total"):
        pd.testing.assert_series_equal(_cells(ab, group=arm), _cells(ba, group=arm), rtol=1e-6, atol=1e-7)


@settings(max_examples=12, deadline=None)
@given(cohorts, st.sampled_from([0.25, 2.0, 30.4375, 365.25]))
def test_the_unit_of_time_changes_no_p_value(subjects, factor):
    table = analysis_table(_rows(subjects))
    study = made_up_study(("A", "B"))
    one = results_of(study, table)
    two = results_of(study, table.assign(EFS_AVAL=table["EFS_AVAL"] * factor))
    for statistic in ("p", "hr", "lower", "upper", "chi2", "entered"):
        variables = ["logrank", "cox_univariate", "cox_adjusted", "cox_stepwise", "ph_test"]
        first, second = (_cells(r, statistic=statistic, variable=variables) for r in (one, two))
        assert list(first.index) == list(second.index)
        np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-9)


# Rows that stand at times, whose levels are in the unit.
AT_TIMES = [
    *("km", "risk_table", "landmark", "response_landmark"),
    *(f"{e}_{what}" for e in ("PFS", "OS") for what in ("km", "survival")),
]


@pytest.mark.parametrize(("unit", "days"), [("day", 1.0), ("year", 365.25)])
def test_the_studys_unit_scales_times_and_changes_nothing_else(unit, days):
    f, study = sample_frames(), sample_study()
    rules = study.endpoint_rules.model_copy(update={"unit": unit})
    from analysis.stats.results import analyse

    other = analyse(study.model_copy(update={"endpoint_rules": rules}), f.adsl, f.adrs, f.adtte, f.analysis_table)
    months = sample_results()
    months = months[~months["variable"].isin(AT_TIMES)].set_index("id")
    other = other[~other["variable"].isin(AT_TIMES)].set_index("id")
    assert list(months.index) == list(other.index)
    scaled = months["unit"] == "months"
    assert scaled.any()
    factor = np.where(scaled, 30.4375 / days, 1.0)
    np.testing.assert_allclose(months["value"] * factor, other["value"], rtol=1e-12)


def test_the_same_data_give_the_same_results_twice():
    f = sample_frames()
    from analysis.stats.results import analyse

    again = analyse(sample_study(), f.adsl, f.adrs, f.adtte, f.analysis_table)
    pd.testing.assert_frame_equal(again, sample_results(), check_exact=True)
