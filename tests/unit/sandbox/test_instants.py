"""Oracle: R4's rule that a date stands for the whole of its own precision; Python's datetime for the arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.sandbox.instants import OPEN_HIGH, OPEN_LOW, interval_of, interval_of_text


def _micros(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2020", "2020-01-01T00:00:00+00:00", "2021-01-01T00:00:00+00:00"),
        ("2020-02", "2020-02-01T00:00:00+00:00", "2020-03-01T00:00:00+00:00"),
        ("2020-12", "2020-12-01T00:00:00+00:00", "2021-01-01T00:00:00+00:00"),
        ("2020-02-29", "2020-02-29T00:00:00+00:00", "2020-03-01T00:00:00+00:00"),
        ("2020-02-29T10:30", "2020-02-29T10:30:00+00:00", "2020-02-29T10:31:00+00:00"),
        ("2020-02-29T10:30:15+02:00", "2020-02-29T08:30:15+00:00", "2020-02-29T08:30:16+00:00"),
        ("2020-02-29T10:30:15.25Z", "2020-02-29T10:30:15.250000+00:00", "2020-02-29T10:30:15.260000+00:00"),
        ("2020-02-29T10:30:15.1234567Z", "2020-02-29T10:30:15.123456+00:00", "2020-02-29T10:30:15.123457+00:00"),
    ],
)
def test_an_interval_is_as_wide_as_the_text_is_precise(text: str, low: str, high: str) -> None:
    assert interval_of_text(text) == (_micros(low), _micros(high))


@pytest.mark.parametrize("text", ["", "x", "2020-13", "2020-02-30", "20200101", "2020-1-1", "2020-01-01 10:00"])
def test_other_texts_are_no_dates(text: str) -> None:
    assert interval_of_text(text) is None


def test_a_period_without_an_end_is_open() -> None:
    start = interval_of("2020-01-01")
    assert start is not None
    assert interval_of({"start": "2020-01-01"}) == (start[0], OPEN_HIGH)
    assert interval_of({"end": "2020-01-01"}) == (OPEN_LOW, start[1])
    assert interval_of({}) is None
    assert interval_of({"event": ["2020-01-01", "2019"]}) == (_micros("2019-01-01T00:00:00+00:00"), start[1])


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_lies_within_each_of_its_shorter_texts(moment: datetime) -> None:
    whole = moment.isoformat(timespec="microseconds")
    at = _micros(whole)
    for text in (whole, whole[:19] + "Z", whole[:16], whole[:10], whole[:7], whole[:4]):
        interval = interval_of_text(text)
        assert interval is not None
        assert interval[0] <= at < interval[1]
