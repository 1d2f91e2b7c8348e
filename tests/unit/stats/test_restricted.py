"""Survival at landmarks and restricted means. Oracles: R survival 3.5-3 (tests/golden/restricted.R), the areas of
rectangles by hand, algebra."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from analysis.stats.disclosure import suppress
from analysis.stats.estimates import NotEstimable
from analysis.stats.masking import masked
from analysis.stats.restricted import Estimate, difference, ratio, restricted_mean, survival_at
from analysis.stats.results import analyse
from analysis.stats.survival import kaplan_meier
from analysis.study.survival import SurvivalPlan
from tests.fixtures.golden_values import golden
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of
from tests.fixtures.sample_frames import sample_frames, sample_results, sample_study

SETS = [pytest.param(s, id=s["name"][0]) for s in golden("restricted")["sets"]]


def _arms(case):
    time, event, group = (np.array(case[k], dtype=float) for k in ("time", "event", "group"))
    for k, level in enumerate(np.unique(group)):
        mine = group == level
        yield kaplan_meier(time[mine], event[mine] == 1), case["arms"][k]


def test_golden_values_name_their_versions():
    assert golden("restricted")["made_with"] == {"R": ["4.2.2"], "survival": ["3.5.3"]}


@pytest.mark.parametrize("case", SETS)
def test_restricted_mean_against_r(case):
    compared = 0
    for curve, expected in _arms(case):
        for tau, (mean, error) in zip(case["taus"], expected["area"], strict=True):
            ours = restricted_mean(curve, tau)
            if tau > curve.time[-1] and curve.survival[-1] > 0:
                # R goes on with the last value for ever; nobody was seen there.
                assert isinstance(ours.value, NotEstimable)
                continue
            compared += 1
            assert ours.value == pytest.approx(mean, rel=1e-10)
            if error == 0:
                assert isinstance(ours.se, NotEstimable)
            else:
                assert ours.se == pytest.approx(error, rel=1e-9)
    assert compared


@pytest.mark.parametrize("transform", ["log-log", "log", "plain"])
@pytest.mark.parametrize("case", SETS)
def test_survival_at_landmarks_against_r(case, transform):
    for curve, expected in _arms(case):
        theirs = expected["at"][transform]
        for k, time in enumerate(case["taus"]):
            ours = survival_at(curve, time, transform)
            if isinstance(ours.value, NotEstimable):
                assert time > curve.time[-1]
                continue
            assert ours.value == pytest.approx(theirs["survival"][k], abs=1e-12)
            if 1e-12 < ours.value < 1:
                for value, name in ((ours.se, "se"), (ours.lower, "lower"), (ours.upper, "upper")):
                    assert value == pytest.approx(theirs[name][k], rel=1e-9)


def test_the_area_of_rectangles_by_hand():
    """1, 2, 3, 4 without censoring up to 3: 1 + 0.75 + 0.5; the variance by Miller's sum."""
    mean = restricted_mean(kaplan_meier(np.array([1.0, 2, 3, 4]), np.ones(4, dtype=bool)), 3.0)
    assert mean.value == 2.25
    assert mean.se == pytest.approx(math.sqrt(1.25**2 / 12 + 0.5**2 / 6))


def test_contrasts_by_hand():
    one, other = Estimate(12.0, 3.0, 0.0, 0.0), Estimate(8.0, 4.0, 0.0, 0.0)
    between = difference(one, other, -100.0, 100.0)
    assert (between.value, between.lower, between.upper) == pytest.approx((4.0, 4 - 5 * 1.959964, 4 + 5 * 1.959964))
    assert between.p == pytest.approx(0.4237108)  # R: 2 * pnorm(-0.8)
    over = ratio(one, other)
    error = math.sqrt(0.25**2 + 0.5**2)
    assert over.value == 1.5
    assert over.upper == pytest.approx(1.5 * math.exp(1.959964 * error))
    assert over.p == pytest.approx(math.erfc(math.log(1.5) / error / math.sqrt(2)))


def test_an_arm_without_events_leaves_the_difference_without_an_interval():
    """Its variance would count as nothing, and the interval would be the other arm's alone."""
    quiet = restricted_mean(kaplan_meier(np.array([5.0, 6, 7]), np.zeros(3, dtype=bool)), 5.0)
    other = restricted_mean(kaplan_meier(np.array([2.0, 4, 9]), np.ones(3, dtype=bool)), 5.0)
    found = difference(quiet, other, -5.0, 5.0)
    assert quiet.value == 5.0
    assert isinstance(found.value, float)
    assert all(isinstance(v, NotEstimable) for v in (found.lower, found.upper, found.p))
    assert isinstance(ratio(quiet, Estimate(0.0, 1.0, 0.0, 0.0)).value, NotEstimable)


times = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(times, st.integers(1, 39))
def test_the_restricted_mean_is_the_mean_of_the_shorter_of_time_and_tau(subjects, tau):
    """Where nobody is censored before tau it is a plain mean, its variance the plain one of a mean (divisor n)."""
    time = np.array([t for t, _ in subjects], dtype=float)
    event = np.array([e or t < tau for t, e in subjects])
    curve = kaplan_meier(time, event)
    found = restricted_mean(curve, float(tau))
    if tau > time.max() and not event[time == time.max()].all():
        assert isinstance(found.value, NotEstimable)
        return
    shorter = np.minimum(time, tau)
    assert found.value == pytest.approx(shorter.mean(), abs=1e-9)
    if isinstance(found.se, float):
        assert found.se == pytest.approx(shorter.std() / math.sqrt(time.size), rel=1e-6)


PLAN = {"landmarks": [5, 12], "rmst": {}}
SUBJECTS = [
    {"arm": "AB"[i % 2], "time": float(3 + (i * 7) % 30), "event": i % 3 > 0, "weight": 60.0, "age": 50, "stage": "I"}
    for i in range(24)
]


def _value(results, row_id):
    found = results[results["id"] == row_id]
    assert len(found) == 1, row_id
    return found.iloc[0]


def test_the_default_tau_is_the_smaller_of_the_arms_largest_times_and_is_a_row():
    results = results_of(made_up_study(("A", "B"), survival=PLAN), analysis_table(SUBJECTS))
    largest = min(max(s["time"] for s in SUBJECTS if s["arm"] == arm) for arm in "AB")
    assert _value(results, "EFS.rmst..total.tau.")["value"] == largest
    a, b = (_value(results, f"EFS.rmst..{arm}.estimate.wald")["value"] for arm in "AB")
    assert _value(results, "EFS.rmst..A vs B.difference.wald_difference")["value"] == pytest.approx(a - b)
    assert _value(results, "EFS.rmst..A vs B.ratio.wald_log_ratio")["value"] == pytest.approx(a / b)
    assert not results["id"].str.contains(f"{largest:g}").loc[results["variable"] == "rmst"].any()
    at = [_value(results, f"EFS.landmark.12.{arm}.survival.")["value"] for arm in "AB"]
    assert _value(results, "EFS.landmark.12.A vs B.difference.wald_difference")["value"] == pytest.approx(at[0] - at[1])


def test_a_tau_or_landmark_after_the_follow_up_is_not_estimable():
    plan = {"landmarks": [900], "rmst": {"tau": 900}}
    rows = [{**s, "event": 0} for s in SUBJECTS]
    results = results_of(made_up_study(("A", "B"), survival=plan), analysis_table(rows))
    asked = results[results["variable"].isin(["rmst", "landmark"]) & (results["statistic"] != "tau")]
    assert len(asked) > 10
    assert asked["warning"].str.startswith("NE: no subject of the arm was observed").all()


def test_a_study_that_asks_for_nothing_gets_no_new_row():
    results = results_of(made_up_study(("A", "B")), analysis_table(SUBJECTS))
    assert not results["variable"].isin(["rmst", "landmark"]).any()


subject = st.fixed_dictionaries({"time": st.one_of(st.none(), st.integers(-1, 30)), "event": st.integers(0, 1)})


@settings(max_examples=25, deadline=None)
@given(st.lists(subject, min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_any_data_end_in_numbers_or_reasons_whatever_the_order(subjects, random):
    rows = [{**SUBJECTS[0], **s, "arm": "AB"[i % 2]} for i, s in enumerate(subjects)]
    study = made_up_study(("A", "B"), survival=PLAN, cox={})
    results = results_of(study, analysis_table(rows))
    mine = results[results["variable"].isin(["rmst", "landmark"])]
    empty = mine["value"].isna()
    assert mine.loc[empty, "warning"].str.startswith("NE: ").all()
    assert np.isfinite(mine.loc[~empty, "value"]).all()
    random.shuffle(rows)
    again = results_of(study, analysis_table(rows))
    pd.testing.assert_frame_equal(results, again, check_exact=True)


def test_the_landmarks_of_another_unit_are_the_same_numbers():
    f, study = sample_frames(), sample_study()
    plan = study.analysis.model_copy(update={"survival": SurvivalPlan(landmarks=(182.625, 365.25))})
    rules = study.endpoint_rules.model_copy(update={"unit": "day"})
    days = study.model_copy(update={"analysis": plan, "endpoint_rules": rules})
    other = analyse(days, f.adsl, f.adrs, f.adtte, f.analysis_table)
    ours, theirs = (r[r["variable"] == "landmark"] for r in (sample_results(), other))
    assert len(ours) > 0
    level = theirs["level"].map({"182.625": "6", "365.25": "12"})
    moved = theirs.assign(level=level).sort_values(["parameter", "level", "group", "statistic", "method"])
    ours = ours.sort_values(["parameter", "level", "group", "statistic", "method"])
    np.testing.assert_array_equal(ours["value"], moved["value"])


@pytest.mark.parametrize("landmarks", [[12, 6], [6, 6], [0], [-1], [float("inf")], [float("nan")]])
def test_landmarks_rise_and_are_times(landmarks):
    with pytest.raises(ValidationError):
        SurvivalPlan(landmarks=landmarks)


def _crowd(shift=0.0):
    rng = np.random.default_rng(5)
    return [
        {**SUBJECTS[0], "arm": "AB"[i % 2], "time": float(rng.integers(1, 119)) + shift, "event": int(i % 10 < 6)}
        for i in range(400)
    ]


def test_suppression_shows_a_landmark_only_where_the_curve_shows_it_anyway():
    study = made_up_study(("A", "B"), survival={"landmarks": [24, 25, 48], "rmst": {"tau": 48}}, cox={})
    results = results_of(study, analysis_table(_crowd(0.5)))
    shown = suppress(results, 5)
    assert shown.loc[shown["variable"] == "rmst", "value"].isna().all()
    mine = shown[shown["variable"] == "landmark"]
    assert set(mine.loc[mine["value"].notna(), "level"]) == {"24", "48"}, "25 is no tick of the figure"
    curve = shown[(shown["variable"] == "km") & (shown["statistic"] == "survival")]
    for row in mine[mine["statistic"] == "survival"].dropna(subset=["value"]).itertuples():
        assert row.value in set(curve.loc[curve["group"] == row.group, "value"])


def test_suppression_hides_a_landmark_on_which_a_subject_had_the_event():
    """Its step away from the curve shown just before would count the events of that one day."""
    rows = _crowd(0.5)
    rows[0] = {**rows[0], "time": 24.0, "event": 1}
    study = made_up_study(("A", "B"), survival={"landmarks": [24, 48]}, cox={})
    shown = suppress(results_of(study, analysis_table(rows)), 5)
    mine = shown[shown["variable"] == "landmark"]
    assert set(mine.loc[mine["value"].notna(), "level"]) == {"48"}


def test_a_locked_study_shows_neither():
    results = results_of(made_up_study(("A", "B"), survival=PLAN), analysis_table(SUBJECTS))
    assert not masked(results)["variable"].isin(["rmst", "landmark"]).any()
