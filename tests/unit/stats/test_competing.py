"""Competing risks.

Oracles: R survival's multi-state survfit and cmprsk (tests/golden/competing.R); Kaplan-Meier where nothing competes; a
jackknife by brute force.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats.competing import COMPETING, EVENT, cumulative_incidence, gray_test, incidence_limits
from analysis.stats.disclosure import suppress
from analysis.stats.estimates import NotEstimable
from analysis.stats.results import analyse
from analysis.stats.survival import kaplan_meier
from tests.fixtures.competing_events import COMPETING_CODE, competing_frames, competing_results
from tests.fixtures.golden_values import golden
from tests.fixtures.sample_frames import sample_frames, sample_study

CASES = [pytest.param(s, id=s["name"][0]) for s in golden("competing")["sets"]]
CAUSES = {EVENT: "event", COMPETING: "competing"}


def _arrays(case):
    return np.array(case["time"], dtype=float), np.array(case["cause"]), np.array(case["group"])


def _numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=float)


@pytest.mark.parametrize("of", CAUSES)
@pytest.mark.parametrize("case", CASES)
def test_incidence_against_r(case, of):
    time, cause, group = _arrays(case)
    for label, expected in zip(np.unique(group), case["curves"], strict=True):
        curve = cumulative_incidence(time[group == label], cause[group == label], of)
        at = [curve.at(t) for t in expected["time"]]
        wanted = expected[CAUSES[of]]
        np.testing.assert_allclose(curve.estimate[at], wanted["estimate"], atol=1e-12)
        np.testing.assert_allclose(curve.standard_error[at], wanted["se"], atol=1e-12)
        for transform in ("log", "log-log", "plain"):
            lower, upper = incidence_limits(curve, transform)
            shown = curve.estimate[at] > 0  # where it is 0, R's plain interval is 0 to 0; here there is none
            np.testing.assert_allclose(lower[at][shown], _numbers(wanted[transform]["lower"])[shown], atol=1e-11)
            np.testing.assert_allclose(upper[at][shown], _numbers(wanted[transform]["upper"])[shown], atol=1e-11)
            assert np.isnan(lower[at][~shown]).all()


@pytest.mark.parametrize("of", CAUSES)
@pytest.mark.parametrize("case", CASES)
def test_gray_against_cmprsk(case, of):
    found = gray_test(*_arrays(case), of)
    assert found.chi2 == pytest.approx(case["gray"]["chi2"][of - 1], rel=1e-9)
    assert found.p == pytest.approx(case["gray"]["p"][of - 1], rel=1e-9)
    assert found.df == np.unique(case["group"]).size - 1


def _random(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 60))
    time = rng.integers(0, rng.integers(3, 40), n).astype(float)
    return time, rng.choice(3, n, p=rng.dirichlet([1, 1, 1])), rng.integers(0, 3, n)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_the_incidences_and_event_free_survival_add_up_to_one(seed):
    time, cause, _ = _random(seed)
    first, second = (cumulative_incidence(time, cause, of) for of in CAUSES)
    free = kaplan_meier(time, cause > 0)
    at = np.searchsorted(free.time, first.time, "right") - 1
    np.testing.assert_allclose(first.estimate + second.estimate + free.survival[at], 1, atol=1e-12)
    assert np.all(np.diff(first.estimate) >= 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_the_standard_error_is_the_infinitesimal_jackknifes(seed):
    """By brute force: each subject's weight nudged, the estimate's change taken, the squares summed."""
    time, cause, _ = _random(seed)
    curve = cumulative_incidence(time, cause, EVENT)

    def weighted(weight):
        free, total, values = 1.0, 0.0, []
        for t in curve.time:
            y = weight[time >= t].sum()
            here = time == t
            total += free * weight[here & (cause == EVENT)].sum() / y if y > 0 else 0.0
            free *= 1 - weight[here & (cause > 0)].sum() / y if y > 0 else 1.0
            values.append(total)
        return np.array(values)

    nudge = 1e-5
    influence = []
    for i in range(time.size):
        step = np.eye(time.size)[i] * nudge
        influence.append((weighted(1 + step) - weighted(1 - step)) / (2 * nudge))
    np.testing.assert_allclose(curve.standard_error, np.sqrt(np.sum(np.square(influence), axis=0)), atol=1e-7)


def test_without_a_competing_event_it_is_kaplan_meier_turned_round():
    rng = np.random.default_rng(3)
    time, cause = np.ceil(rng.exponential(9, 50)), rng.integers(0, 2, 50)
    curve, km = cumulative_incidence(time, cause, EVENT), kaplan_meier(time, cause == EVENT)
    at = np.searchsorted(km.time, curve.time, "right") - 1
    np.testing.assert_allclose(curve.estimate, 1 - km.survival[at], atol=1e-12)
    known = np.isfinite(km.greenwood[at])
    np.testing.assert_allclose(curve.standard_error[known], km.standard_error[at][known], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_order_units_and_names_of_groups_change_nothing(seed):
    time, cause, group = _random(seed)
    order = np.random.default_rng(seed).permutation(time.size)
    plain, turned = gray_test(time, cause, group, EVENT), gray_test(7 * time[order], cause[order], -group[order], EVENT)
    if isinstance(plain.p, NotEstimable):
        assert isinstance(turned.p, NotEstimable)
    else:
        assert turned.chi2 == pytest.approx(plain.chi2, rel=1e-6, abs=1e-9)
        assert 0 <= plain.p <= 1
    curves = [cumulative_incidence(time, cause, 1), cumulative_incidence(time[order], cause[order], 1)]
    assert np.array_equal(curves[0].estimate, curves[1].estimate)
    assert np.array_equal(curves[0].standard_error, curves[1].standard_error)


@pytest.mark.parametrize(
    ("time", "cause", "group", "reason"),
    [
        ([1.0, 2, 3, 4], [1, 1, 0, 2], [0, 0, 0, 0], "one group"),
        ([1.0, 2, 3, 4], [2, 2, 0, 2], [0, 1, 0, 1], "no events of this cause"),
        ([5.0, 5, 5, 5], [1, 1, 1, 1], [0, 1, 0, 1], "cannot tell"),
        ([4.0], [1], [0], "one group"),
        ([1.0, 2, 8, 9], [2, 2, 1, 1], [0, 0, 1, 1], "cannot tell"),
    ],
    ids=["one-group", "no-event", "all-tied", "one-subject", "never-together"],
)
def test_says_why_there_is_no_test(time, cause, group, reason):
    found = gray_test(np.array(time), np.array(cause), np.array(group), EVENT)
    assert isinstance(found.p, NotEstimable)
    assert reason in found.p.reason


@pytest.fixture(scope="module")
def results():
    """The sample study with every third censored time of PFS a competing event: code 1 + its two censoring dates."""
    return competing_results(), competing_frames().analysis_table, COMPETING_CODE


def test_rows_of_an_endpoint_with_competing_events(results):
    found, table, code = results
    rows = found.set_index("id")
    assert rows.loc["PFS.competing..total.n.", "value"] == (table["PFS_CNSR"] == code).sum() > 0
    assert not found["variable"][found["parameter"] == "OS"].str.contains("incidence|competing|gray").any()
    for arm in (a.label for a in sample_study().arm):
        mine = table[table["TRT01A"] == arm]
        cause = np.where(mine["PFS_CNSR"] == 0, 1, np.where(mine["PFS_CNSR"] == code, 2, 0))
        curve = cumulative_incidence(mine["PFS_AVAL"].to_numpy(dtype=float), cause, EVENT)
        last = f"{curve.time[-1] / 30.4375:.4f}"
        assert rows.loc[f"PFS.incidence.{last}.{arm}.estimate.", "value"] == pytest.approx(curve.estimate[-1])
        at_six = rows.loc[f"PFS.incidence_table.6.{arm}.estimate.", "value"]
        assert at_six == pytest.approx(curve.estimate[curve.at(6 * 30.4375)])
    contrast = " vs ".join(a.label for a in sample_study().arm)
    assert 0 < rows.loc[f"PFS.gray..{contrast}.p.gray", "value"] < 1


def test_competing_events_are_censored_in_every_other_figure(results):
    """Kaplan-Meier, log-rank and Cox are of the cause: the rows of the sample do not move."""
    found, _, _ = results
    frames = sample_frames()
    plain = analyse(sample_study(), frames.adsl, frames.adrs, frames.adtte, frames.analysis_table).set_index("id")
    shared = found.set_index("id").loc[lambda f: f.index.isin(plain.index)]
    assert len(shared) == len(plain)
    np.testing.assert_array_equal(shared["value"].to_numpy(), plain.loc[shared.index, "value"].to_numpy())


@pytest.mark.parametrize("min_count", [2, 5])
def test_nothing_of_it_leaves_the_site_with_small_counts_suppressed(results, min_count):
    found, _, _ = results
    out = suppress(found, min_count)
    mine = out[out["variable"].str.contains("incidence|competing|gray")]
    assert mine["value"].isna().all()
    assert not mine["variable"].isin(["incidence", "incidence_competing"]).any()
    assert len(mine) > 20
