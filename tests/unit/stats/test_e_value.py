"""Oracle: the examples of VanderWeele and Ding, Ann Intern Med 2017;167:268, and the conversion as printed there."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.stats.e_value import e_value, e_values, risk_ratio
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of


def test_published_examples():
    """Infant formula, 3.9 (1.8 to 8.7): 7.26 and 3.0; breast feeding, 0.80 (0.71 to 0.91): 1.8 and 1.4."""
    assert tuple(round(v, 2) for v in e_values(3.9, 1.8, 8.7, "rare")) == (7.26, 3.0)
    assert tuple(round(v, 1) for v in e_values(0.80, 0.71, 0.91, "rare")) == (1.8, 1.4)


def test_conversion_of_a_common_outcome_as_printed():
    """(1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)), term by term; at 1 it is 1."""
    for hr in (0.25, 0.56, 1.0, 1.3, 4.0):
        printed = (1 - 0.5 ** math.sqrt(hr)) / (1 - 0.5 ** math.sqrt(1 / hr))
        assert risk_ratio(hr, "common") == pytest.approx(printed, rel=1e-12)
    assert risk_ratio(4.0, "common") == pytest.approx(0.75 / (1 - 0.5**0.5), rel=1e-12)  # by hand


def test_an_interval_with_one_in_it_needs_no_confounder():
    assert e_values(0.7, 0.4, 1.2, "common")[1] == 1.0
    assert e_values(1.4, 0.9, 2.2, "common")[1] == 1.0
    assert e_values(0.5, 0.3, 1.0, "rare")[1] == 1.0


@given(st.floats(0.01, 100), st.sampled_from(["common", "rare"]))
def test_a_ratio_and_its_inverse_have_one_e_value(hr, outcome):
    one, other = (e_value(risk_ratio(ratio, outcome)) for ratio in (hr, 1 / hr))
    assert one == pytest.approx(other, rel=1e-6)
    assert one >= 1


@given(st.floats(1.01, 50))
def test_the_common_conversion_lies_nearer_to_one(hr):
    assert 1 < risk_ratio(hr, "common") < hr


def test_the_reason_is_that_of_the_ratio_and_nothing_else_is_said_of_it():
    """Everybody of one arm outlives the other, and Firth's ratio stands beside: of an E-value there is none beside."""
    study = made_up_study(("New", "Old"), e_value="rare", cox={"firth": "when-needed"})
    rows = [{"arm": arm, "time": t, "event": int(arm == "Old"), "age": 60} for arm in ("New", "Old") for t in (5, 6, 9)]
    results = results_of(study, analysis_table(rows)).set_index("id")
    ratio = results.loc["EFS.cox_univariate.treatment=New.New vs Old.hr.efron", "warning"]
    told = results.loc["EFS.e_value.cox_univariate.New vs Old.estimate.rare", "warning"]
    assert "; " in ratio
    assert told.startswith("NE: the likelihood has no maximum")
    assert "; " not in told
    assert ratio.startswith(told)
