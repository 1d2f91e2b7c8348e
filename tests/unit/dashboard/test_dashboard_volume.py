"""Expected volume, falls, odd months and stillness. Oracle: small series and what they give, by hand."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.dashboard.freshness import Stillness, stillness
from analysis.dashboard.grid import Run, grid
from analysis.dashboard.profiles import profiles
from analysis.dashboard.volume import expected, falls, odd_months
from expectations.volume import outside
from tests.fixtures.quality_history import NOTHING, history, lines, with_rows

NAN = float("nan")


@pytest.mark.parametrize(
    ("series", "level", "since"),
    [
        ([100, 100, 100, 100], 100, -1),
        ([100, 100, 100, 96], 100, -1),  # 4 %
        ([100, 100, 100, 95], 100, -1),  # 5 % is not more than 5 %
        ([100, 100, 100, 94], 100, 3),
        ([100, 110, 120, 90, 90, 90], 110, 3),
        ([100] * 12 + [60] * 20, 100, 12),  # it is not forgotten, though the median of 12 has long come down
        ([100] * 12 + [60] * 40, 60, -1),  # after 30 runs and some it is
        ([100] * 12 + [60] * 9 + [100], 100, -1),  # it came back
        ([100] * 12 + [60, 60, 98, 60], 100, 15),  # and fell again
        ([NAN, NAN, 100, 100, 50], NAN, -1),  # two earlier counts say nothing
        ([100, 100, 100, NAN], NAN, -1),
        ([100, 100, 100, 0], 100, 3),
        ([100, 100, 100, NAN, 50], 100, 3),  # a run without counts lies within the fall
        ([20, 20, 20, 16], 20, -1),  # four records fewer: few
        ([50, 60, 70, 80, 90], 65, -1),  # it grows: the newest level, not the oldest
        ([7], NAN, -1),
    ],
)
def test_what_a_series_lets_one_expect(series: list[float], level: float, since: int) -> None:
    found = expected(np.array(series, dtype=float), least=5)
    assert (float(found.level), int(found.since)) == (pytest.approx(level, nan_ok=True), since)


def test_many_series_at_once_are_as_each_alone() -> None:
    draw = np.random.default_rng(5)
    many = draw.integers(0, 200, (4, 3, 40)).astype(float)
    many[draw.random(many.shape) < 0.1] = NAN
    found = expected(many, 5)
    for place in np.ndindex(4, 3):
        alone = expected(many[place], 5)
        assert found.level[place] == pytest.approx(float(alone.level), nan_ok=True)
        assert found.since[place] == alone.since


def test_a_fall_is_more_than_five_percent_since_the_last_run() -> None:
    made = history(runs=4, planted=NOTHING)
    newest, before = made.runs["run"].iloc[-1], made.runs["run"].iloc[-2]
    profile = made.profile
    for site, table, then, now in (
        ("site0", "observation", 1000, 949),
        ("site0", "patient", 1000, 950),
        ("site2", "encounter", 1000, 0),
    ):
        where = {"kind": "records", "site": site, "table": table}
        profile = with_rows(profile, {**where, "run": before}, n=then)
        profile = with_rows(profile, {**where, "run": newest}, n=now)
    found = falls(profiles(profile, grid(made)))
    assert [(f.site, f.table, f.before, f.now) for f in found] == [
        ("site0", "observation", 1000, 949),
        ("site2", "encounter", 1000, 0),
    ]


def test_a_table_that_is_no_longer_sent_has_no_records() -> None:
    made = history(runs=4, planted=NOTHING)
    gone = (made.profile["run"] == made.runs["run"].iloc[-1]) & (made.profile["site"] == "site1")
    found = profiles(made.profile[~gone], grid(made))
    assert found.total()[1].tolist()[-1] == 0
    assert {f.site for f in falls(found)} == {"site1"}


def test_a_run_without_a_profile_is_no_fall() -> None:
    made = history(runs=4, planted=NOTHING)
    found = profiles(made.profile[made.profile["run"] != made.runs["run"].iloc[-1]], grid(made))
    assert np.isnan(found.total()[:, -1]).all()
    assert falls(found) == []


def _months(counts: list[int]) -> pd.DataFrame:
    """Records of one table, month by month, the last of them October 2026: the month before the newest run's."""
    names = [divmod(2026 * 12 + 9 - back, 12) for back in reversed(range(len(counts)))]
    run = history(runs=2).runs["run"].iloc[-1]
    rows = [
        (run, "site0", "observation", "month", f"{y}-{m + 1:02}", n, n)
        for (y, m), n in zip(names, counts, strict=True)
        if n
    ]
    return pd.DataFrame(rows, columns=["run", "site", "table", "kind", "key", "n", "patients"])


STEADY = [100, 104, 98, 96, 102, 100, 101, 99, 103, 97, 100, 100, 102]


@pytest.mark.parametrize(
    ("counts", "odd"),
    [
        (STEADY, []),
        ([*STEADY, 100, 60], ["2026-10"]),
        ([*STEADY, 60, 100], ["2026-09"]),
        ([*STEADY, 140, 100, 100], ["2026-08"]),
        ([*STEADY, 60, 100, 100, 100], []),  # older than three months
        ([*STEADY, 0], ["2026-10"]),  # a month without a row is a month without a record
        ([*STEADY[:11], 60], []),  # eleven before it are not twelve
        ([3, 4] * 6 + [0], []),  # so few a month say nothing
        ([20] * 12 + [21], []),  # counts vary by their root, 4.5 here, however steady they were
        ([20] * 12 + [28], []),
        ([20] * 12 + [29], ["2026-10"]),
        ([16] * 12 + [24], []),  # on the edge is not outside
        ([16] * 12 + [25], ["2026-10"]),
    ],
)
def test_a_month_outside_two_standard_deviations_of_twelve_is_odd(counts: list[int], odd: list[str]) -> None:
    found = odd_months(_months(counts), grid(history(runs=2)))
    assert [month.month for month in found] == odd


RESTLESS = [100, 140, 60, 96, 132, 71, 101, 99, 133, 67, 88, 100]


@pytest.mark.parametrize(("before", "floor"), [(RESTLESS, False), (STEADY[-12:], True)])
def test_the_range_of_a_month_is_mean_and_two_sample_standard_deviations(before: list[int], floor: bool) -> None:
    """Or twice the root of the mean, where that is more."""
    (found,) = odd_months(_months([*before, 20]), grid(history(runs=2)))
    mean, deviation, root = statistics.mean(before), statistics.stdev(before), math.sqrt(statistics.mean(before))
    assert (deviation < root) is floor
    spread = 2 * max(deviation, root)
    assert (found.low, found.high) == (pytest.approx(mean - spread), pytest.approx(mean + spread))
    assert (found.n, found.site, found.table) == (20, "site0", "observation")


@pytest.mark.parametrize(("letter", "listed"), [("n", False), ("p", True), ("f", True), ("e", True), (".", True)])
def test_months_are_not_listed_where_their_check_does_not_apply(letter: str, listed: bool) -> None:
    """The data of a study with a cut-off run out by design."""
    check = ("month_volume_outside_2_sd", "observation")
    made = lines({(*check, "site0"): f"p{letter}", (*check, "site1"): "pp"})
    assert bool(odd_months(_months([*STEADY, 0]), grid(made))) is listed


QUIET = grid(lines({("a", "observation", "site0"): "p"}))


@given(st.integers(3, 120), st.sampled_from((0.0, 0.5, 1.0, 2.0)), st.integers(13, 41), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_the_months_are_those_of_the_check(level: int, restless: float, months: int, seed: int) -> None:
    """Oracle: the function behind ``month_volume_outside_2_sd``, of the last three whole months. The course lies about
    a level, by ``restless`` roots of it; the last months lie where they may be odd or not; a month may be missing."""
    draw = np.random.default_rng(seed)
    course = np.rint(level + restless * np.sqrt(level) * draw.standard_normal(months)).clip(0).astype(int)
    course[-3:] = np.rint(level + np.sqrt(level) * draw.uniform(-4, 4, 3)).clip(0)
    counts = {at: int(n) for at, n in enumerate(course) if at == 0 or draw.random() < 0.99}
    now = months + int(draw.integers(-1, 3))
    month = {at: f"{2023 + at // 12}-{at % 12 + 1:02}" for at in range(47)}
    start = date.fromisoformat(f"{month[now]}-27")
    newest = Run("newest", datetime(start.year, start.month, start.day, 2, 14, tzinfo=UTC))
    rows = [("newest", "site0", "observation", "month", month[at], n, n) for at, n in counts.items()]
    profile = pd.DataFrame(rows, columns=["run", "site", "table", "kind", "key", "n", "patients"])
    found = [(one.month, one.n) for one in odd_months(profile, replace(QUIET, runs=(newest,)))]
    wanted, _ = outside({month[at]: n for at, n in counts.items()}, start)
    latest = {month[now - back] for back in (1, 2, 3)}
    assert sorted(found) == [(name, n) for name, n, _ in wanted if name in latest]


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ([1, 2, 3, 4, 5], None),
        ([1, 2, 3, 4, 4], None),  # one run without a newer record
        ([1, 2, 3, 4, 4, 4], Stillness(2, 0)),
        ([1, 2, 3, 4, *[4] * 40], Stillness(40, 0)),  # it does not wear off
        ([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4], None),  # newer ones come every third run
        ([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4], Stillness(3, 2)),
        ([5, 5, 5, 5, 5], None),  # a closed study
        ([1, 2, 3, 3, 3, 3], None),  # too little is known
        ([NAN, NAN, 1, 2, 3, 4, 4, 4], Stillness(2, 0)),
    ],
)
def test_stillness_is_longer_than_ever(days: list[float], found: Stillness | None) -> None:
    assert stillness(np.array(days, dtype=float)) == found
