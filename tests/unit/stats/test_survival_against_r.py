"""Oracle: R survival 3.5-3 (tests/golden/survival.R) on the sample, public data sets and hostile small ones."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.stats.estimates import NotEstimable
from analysis.stats.survival import (
    kaplan_meier,
    log_rank,
    median_survival,
    median_survival_spss,
    reverse_kaplan_meier,
    risk_counts,
    survival_limits,
    tick_positions,
)
from tests.fixtures.golden_values import golden, survival_sets


def _numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def _groups(case):
    time, event, group = (np.array(case[k], dtype=float) for k in ("time", "event", "group"))
    for k, level in enumerate(np.unique(group)):
        yield k, time[group == level], event[group == level] == 1


def test_golden_values_name_their_versions():
    assert golden("survival")["made_with"] == {"R": ["4.2.2"], "survival": ["3.5.3"]}


@pytest.mark.parametrize("case", survival_sets("curves"))
def test_kaplan_meier_and_its_limits(case):
    for k, time, event in _groups(case):
        curve, expected = kaplan_meier(time, event), case["curves"][k]
        at = np.searchsorted(curve.time, expected["time"])
        assert set(curve.time) == {0.0, *expected["time"]}
        for ours, theirs in (("at_risk", "at_risk"), ("events", "events"), ("censored", "censored")):
            np.testing.assert_array_equal(getattr(curve, ours)[at], expected[theirs])
        np.testing.assert_allclose(curve.survival[at], _numbers(expected["survival"]), rtol=1e-12, atol=1e-14)
        for transform in ("log-log", "log", "plain"):
            for ours, side in zip(survival_limits(curve, transform), ("lower", "upper"), strict=True):
                theirs = _numbers(expected[transform][side])
                if transform != "log-log":
                    # At S = 0 R prints NaN; where its own rounding left S just above 0 there is no interval either.
                    theirs = np.where(_numbers(expected["survival"]) < 1e-12, np.nan, theirs)
                np.testing.assert_allclose(ours[at], theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("transform", ["log-log", "log", "plain"])
@pytest.mark.parametrize("case", survival_sets("curves"))
def test_median_with_the_middle_rule(case, transform):
    for k, time, event in _groups(case):
        median = median_survival(kaplan_meier(time, event), transform, middle=True)
        expected = case["curves"][k][transform]["median"]
        for ours, theirs in zip((median.estimate, median.lower, median.upper), expected, strict=True):
            if theirs is None:
                assert isinstance(ours, NotEstimable)
            else:
                assert ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("case", survival_sets("curves"))
def test_reverse_kaplan_meier(case):
    for k, time, event in _groups(case):
        ours = median_survival(reverse_kaplan_meier(time, event), middle=True).estimate
        theirs = case["reverse"][k]["log-log"]["median"][0]
        assert isinstance(ours, NotEstimable) if theirs is None else ours == pytest.approx(theirs)


@pytest.mark.parametrize("case", survival_sets("logrank"))
def test_log_rank(case):
    test = log_rank(np.array(case["time"], dtype=float), np.array(case["event"]) == 1, np.array(case["group"]))
    assert test.chi2 == pytest.approx(case["logrank"]["chi2"][0], rel=1e-9)
    assert test.p == pytest.approx(case["logrank"]["p"][0], rel=1e-9)


def test_median_is_the_first_time_at_or_below_one_half():
    """derivation.md: of 1, 2, 3, 4 uncensored R says 2.5; the first time with S <= 0.5 is 2."""
    curve = kaplan_meier(np.array([1.0, 2, 3, 4]), np.ones(4, dtype=bool))
    assert median_survival(curve).estimate == 2.0
    assert median_survival(curve, middle=True).estimate == 2.5


def test_spss_interval_needs_the_curve_to_fall_far_enough():
    curve = kaplan_meier(np.array([1.0, 2, 3, 4]), np.array([True, True, False, False]))
    median = median_survival_spss(curve)
    assert median.estimate == 2.0
    assert isinstance(median.lower, NotEstimable)
    assert "0.45" in median.lower.reason


def test_spss_interval_when_nobody_is_left_at_the_median():
    median = median_survival_spss(kaplan_meier(np.array([1.0, 2, 2, 2]), np.ones(4, dtype=bool)))
    assert median.estimate == 2.0
    assert isinstance(median.upper, NotEstimable)


def test_no_limit_beyond_the_last_estimable_survival():
    """derivation.md: R gives NA for the upper PFS limit of DEB-TACE where another library gives 374 days."""
    case = golden("survival")["sets"][0]
    _, time, event = list(_groups(case))[1]
    assert case["curves"][1]["log-log"]["median"][2] is None
    assert isinstance(median_survival(kaplan_meier(time, event)).upper, NotEstimable)


def test_number_at_risk_counts_those_whose_time_equals_the_tick():
    """KMunicate's convention: time >= t; 365 days are 11.99 months and not at risk at 12."""
    time, event = np.array([1.0, 2, 2, 3, 365.0]), np.array([True, True, False, False, True])
    counts = risk_counts(time, event, np.array([0.0, 2, 3, 4, 12 * 30.4375]))
    assert counts.at_risk.tolist() == [5, 4, 2, 1, 0]
    assert counts.events.tolist() == [0, 1, 2, 2, 3]
    assert (counts.at_risk + counts.events + counts.censored).tolist() == [5] * 5


@pytest.mark.parametrize(("longest", "expected"), [(25.4, [0, 6, 12, 18, 24]), (0.0, [0]), (7.9, list(range(8)))])
def test_ticks_are_round_and_reach_the_last_time(longest, expected):
    assert tick_positions(longest).tolist() == expected


@pytest.mark.parametrize(
    ("time", "event", "group", "reason"),
    [
        ([5, 5, 5, 5], [1, 1, 1, 1], [0, 0, 1, 1], "at once"),
        ([3, 4, 5, 6], [0, 0, 0, 0], [0, 0, 1, 1], "no events"),
        ([4], [1], [0], "only one group"),
        ([1, 2, 5, 6], [0, 0, 1, 1], [0, 0, 1, 1], "never at risk together"),
    ],
)
def test_log_rank_says_why_it_cannot_be(time, event, group, reason):
    test = log_rank(np.array(time, dtype=float), np.array(event) == 1, np.array(group))
    assert isinstance(test.p, NotEstimable)
    assert reason in test.p.reason
