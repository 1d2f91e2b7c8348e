"""How far a mix moved. Oracle: sums done by hand, and the definition of the total variation distance."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.shifts import LEAST, by_chance, moved, worst

MIXES = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5000), min_size=1)


@pytest.mark.parametrize(
    ("now", "usual", "records"),
    [
        ({"a": 80, "b": 20}, {"a": 50, "b": 50}, 30),  # 80 - 100 x 0.5
        ({"a": 80, "b": 20}, {"a": 600, "b": 600}, 30),  # shares count, not counts
        ({"a": 60, "c": 40}, {"a": 60, "b": 40}, 40),  # a key gone, a key new
        ({"new": 100}, {"old": 70}, 100),
        ({"a": 100, "b": 1}, {"a": 100}, 1),  # where nothing varies one record counts
        ({"a": 55, "b": 45}, {"a": 50, "b": 50}, 0),  # a fresh sample of 100 is off by 11
        ({"a": 61, "b": 39}, {"a": 50, "b": 50}, 0),  # 11.0 are within 2 x 5 / sqrt(2 pi) + sqrt(50) = 11.06
        ({"a": 62, "b": 38}, {"a": 50, "b": 50}, 12),
        ({"a": 34, "b": 33, "c": 133}, {"a": 1, "b": 1, "c": 1}, 66),  # 133 - 200 / 3 = 66.3, whole records
    ],
)
def test_records_that_would_have_to_move(now, usual, records):
    assert moved(now, usual) == records


@given(MIXES, st.integers(1, 9))
def test_equal_shares_move_nothing(mix, times):
    assert moved(mix, {key: n * times for key, n in mix.items()}) == 0


@given(MIXES, MIXES)
def test_what_moves_is_the_total_variation_distance_or_what_chance_does(now, usual):
    n, pooled = sum(now.values()), sum(usual.values())
    keys = {*now, *usual}
    distance = sum(abs(now.get(k, 0) / n - usual.get(k, 0) / pooled) for k in keys) / 2
    found = moved(now, usual)
    assert found == 0 or abs(found - n * distance) < 1
    if found == 0:
        assert n * distance <= max(1, by_chance([usual[k] / pooled for k in usual], n)) + 1e-6


def test_what_chance_does_is_the_mean_of_half_normals_and_a_standard_deviation():
    assert by_chance([0.5, 0.5], 100) == pytest.approx(2 * 5 / math.sqrt(2 * math.pi) + math.sqrt(50))
    assert by_chance([1.0], 1000) == 0


def test_the_worst_is_the_largest_share_and_small_mixes_are_not_judged():
    even, small = {"a": 100}, {"a": LEAST - 1}
    assert worst([({"a": 90, "b": 10}, even), ({"a": 40, "b": 20}, even), (even, even)]) == (20, 60)
    assert worst([(even, even), ({"a": 50}, even)]) == (0, 150)
    assert worst([({"b": LEAST - 1}, even), ({"b": 100}, small)]) == (0, 0)
    assert worst([]) == (0, 0)
