"""Kappa and the analysis over sites.

Oracles: R 4.2.2 with vcd 1.4-11 and metafor 3.8-1 (tests/golden/agreement.R); hostile tables by hand.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats.estimates import NotEstimable
from analysis.stats.kappa import WEIGHTS, kappa
from analysis.stats.stratified import cochran_mantel_haenszel
from tests.fixtures.golden_values import golden

KAPPAS, CMH = golden("agreement")["kappa"], golden("agreement")["cmh"]


def _square(counts):
    size = int(len(counts) ** 0.5)
    return np.array(counts, dtype=np.int64).reshape(size, size)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("case", range(len(KAPPAS)))
def test_kappa_against_vcd(case, weights):
    found, (estimate, se) = kappa(_square(KAPPAS[case]["counts"]), weights), KAPPAS[case][weights]
    assert found.kappa == pytest.approx(estimate, rel=1e-10)
    if se == 0:  # R prints an error of nothing where nobody differed
        assert isinstance(found.se, NotEstimable)
    else:
        assert found.se == pytest.approx(se, rel=1e-10)
        assert found.lower == pytest.approx(max(estimate - 1.959963984540054 * se, -1), rel=1e-10)


@pytest.mark.parametrize(
    ("table", "why"), [([[0, 0], [0, 0]], "no pairs"), ([[7, 0], [0, 0]], "all ratings are of one level")]
)
def test_kappa_that_cannot_be_given(table, why):
    found = kappa(np.array(table), "linear")
    assert isinstance(found.kappa, NotEstimable)
    assert why in found.kappa.reason


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=16, max_size=16).filter(lambda v: sum(v) > 3))
def test_kappa_does_not_depend_on_who_is_first(counts):
    table = _square(counts)
    for weights in WEIGHTS:
        one, other = kappa(table, weights), kappa(table.T, weights)
        assert isinstance(one.kappa, NotEstimable) == isinstance(other.kappa, NotEstimable)
        if not isinstance(one.kappa, NotEstimable):
            assert one.kappa == pytest.approx(other.kappa, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("case", range(len(CMH)))
def test_over_sites_against_r(case):
    told = CMH[case]
    found = cochran_mantel_haenszel([tuple(int(v) for v in s) for s in told["strata"]])
    assert found.chi2 == pytest.approx(told["statistic"][0], rel=1e-9, abs=1e-12)
    assert found.p == pytest.approx(told["p"][0], rel=1e-9)
    np.testing.assert_allclose(found.difference, told["difference"], rtol=1e-9, atol=1e-12)
    if told["odds_ratio"][0] is not None:
        np.testing.assert_allclose(found.odds_ratio, [*told["odds_ratio"], *told["limits"]], rtol=1e-9)


@pytest.mark.parametrize(
    ("strata", "why"),
    [
        ([(3, 5, 0, 0), (0, 0, 2, 6)], "no stratum has subjects of both arms"),
        ([(5, 5, 4, 4), (0, 3, 0, 2)], "same outcome"),
    ],
)
def test_over_sites_that_cannot_be_given(strata, why):
    found = cochran_mantel_haenszel(strata)
    assert isinstance(found.p, NotEstimable)
    assert why in found.p.reason


def test_an_arm_without_a_hit_has_no_odds_ratio():
    found = cochran_mantel_haenszel([(0, 6, 2, 6), (0, 5, 1, 5)])
    assert isinstance(found.odds_ratio[0], NotEstimable)
    assert isinstance(found.p, float)


@settings(max_examples=50, deadline=None)
@given(st.permutations([(9, 11, 6, 11), (12, 20, 7, 19), (3, 6, 0, 4)]))
def test_the_order_of_sites_and_the_direction_of_the_arms(strata):
    found = cochran_mantel_haenszel(strata)
    turned = cochran_mantel_haenszel([(s[2], s[3], s[0], s[1]) for s in strata])
    assert found.p == pytest.approx(turned.p, rel=1e-9)
    assert found.difference[0] == pytest.approx(-turned.difference[0], rel=1e-9)
    assert found.odds_ratio[0] == pytest.approx(1 / turned.odds_ratio[0], rel=1e-9)
