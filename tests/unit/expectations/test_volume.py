"""Volume and freshness against earlier runs. Oracle: counts and days set down by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from expectations.volume import gone, months_outside, overdue

LAST = date(2024, 6, 15)
YEARS = [str(month) for month in pd.period_range("2022-06", "2024-05", freq="M")]


@pytest.mark.parametrize(
    ("now", "before", "found"),
    [
        (94, 100, (6, 100)),
        (100, 100, (0, 100)),
        (120, 100, (0, 100)),
        (0, 100, (100, 100)),
        (30, 49, (0, 0)),  # too few to tell a loss from a few corrections
        (0, 49, (49, 49)),  # but all of them is all of them
        (0, 5, (5, 5)),
        (0, 4, (0, 0)),
        (100, None, (0, 0)),
    ],
)
def test_records_that_are_gone(now, before, found):
    assert gone(now, before) == found


def months(**changed):
    return {**dict.fromkeys(YEARS, 100), **{f"20{m[1:3]}-{m[3:]}": n for m, n in changed.items()}}


@pytest.mark.parametrize(
    ("changed", "outside"),
    [
        ({}, 0),
        ({"m2405": 120}, 0),  # two times sqrt(100) is inside
        ({"m2405": 121}, 1),
        ({"m2405": 79}, 1),
        ({"m2404": 0, "m2405": 0}, 2),  # the second against a mean of 91.7 and a deviation of 28.9
    ],
)
def test_months_outside_two_standard_deviations(changed, outside):
    assert months_outside(months(**changed), LAST) == (outside, 12)


def test_a_month_that_runs_is_not_judged_and_one_that_is_not_there_has_none():
    assert months_outside({**months(), "2024-06": 1}, LAST) == (0, 12)
    without = {month: n for month, n in months().items() if month != "2024-05"}
    assert months_outside(without, LAST) == (1, 12)


def test_months_without_a_year_before_them_or_with_hardly_a_record_are_not_judged():
    assert months_outside(dict.fromkeys(YEARS[12:], 100), LAST) == (0, 0)
    assert months_outside(dict.fromkeys(YEARS[6:], 100), LAST) == (0, 6)
    assert months_outside(dict.fromkeys(YEARS, 4), LAST) == (0, 0)
    assert months_outside({}, LAST) == (0, 0)
    # Nothing since 2023: a year that broke off varies widely, and from 2024 on the mean of the year before is 0.
    assert months_outside({month: 100 for month in YEARS if month < "2023"}, LAST) == (0, 7)


def days(*numbers):
    return [date(2024, 5, number) for number in numbers]


NIGHTLY, THIRD_DAYS = days(4, 5, 6, 7, 8, 9), days(11, 14, 17, 20, 23, 26)
OUTAGE = days(1, 2, 3, 4, 5, 6, 25, 26, 27, 28, 29, 30)


@pytest.mark.parametrize(
    ("newest", "earlier", "last", "found"),
    [
        (date(2024, 5, 9), NIGHTLY, date(2024, 5, 16), (0, 1)),  # a week is always allowed
        (date(2024, 5, 9), NIGHTLY, date(2024, 5, 17), (1, 1)),
        (date(2024, 5, 26), THIRD_DAYS, date(2024, 6, 4), (0, 1)),  # three times three days
        (date(2024, 5, 26), THIRD_DAYS, date(2024, 6, 5), (1, 1)),
        (date(2024, 5, 28), days(1, 2, 3, 4, 18, 28), date(2024, 6, 25), (0, 1)),  # twice 14 days
        (date(2024, 5, 28), days(1, 2, 3, 4, 18, 28), date(2024, 6, 26), (1, 1)),
        (date(2024, 5, 30), OUTAGE, date(2024, 6, 6), (0, 1)),  # one gap of 19 days in 11 counts for nothing
        (date(2024, 5, 30), OUTAGE, date(2024, 6, 7), (1, 1)),
        (None, NIGHTLY, date(2024, 5, 17), (1, 1)),  # nothing comes any more
        (date(2024, 5, 9), days(9, 9, 9, 9, 9, 9, 9), date(2024, 9, 1), (0, 0)),  # the data stand still
        (date(2024, 5, 9), days(5, 6, 7, 8, 9), date(2024, 9, 1), (0, 0)),  # four times something newer
        (date(2024, 5, 9), [], date(2024, 9, 1), (0, 0)),
    ],
)
def test_the_newest_record_is_overdue(newest, earlier, last, found):
    assert overdue(newest, earlier, last) == found


def test_a_schedule_stands_for_what_is_usual():
    assert overdue(date(2024, 5, 9), NIGHTLY, date(2024, 5, 17), within=30) == (0, 1)
    assert overdue(date(2024, 5, 9), NIGHTLY, date(2024, 5, 13), within=3) == (1, 1)


def test_days_that_somebody_names_are_judged_from_the_first_run_on():
    assert overdue(date(2024, 5, 9), [], date(2024, 5, 12), within=3) == (0, 1)
    assert overdue(date(2024, 5, 9), [], date(2024, 5, 13), within=3) == (1, 1)
    assert overdue(None, days(9), date(2024, 5, 13), within=3) == (1, 1)
    assert overdue(None, [], date(2024, 5, 13), within=3) == (0, 0)
