"""Instants as servers write them. Oracle: R4's instant and ISO 8601, and the forms that fhir.md says were seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.landing.instants import earliest_meant, read_http_date, read_instant, read_since, write_instant
from mappings.errors import DefinitionError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-01-20T16:53:41.160Z", datetime(2020, 1, 20, 16, 53, 41, 160_000, UTC)),
        ("2020-01-20T16:53:41.160+05:30", datetime(2020, 1, 20, 11, 23, 41, 160_000, UTC)),
        ("2020-01-20T16:53:41.1601234Z", datetime(2020, 1, 20, 16, 53, 41, 160_123, UTC)),
        ("2020-01-20T16:53:41", datetime(2020, 1, 20, 16, 53, 41, 0, UTC)),
        ("2020/01/20 16:53:41.160 -0500", datetime(2020, 1, 20, 21, 53, 41, 160_000, UTC)),
        ("2020-01-20", None),
        ("2020-01-20T25:00:00Z", None),
        ("soon", None),
        (None, None),
        (20200120, None),
    ],
    ids=["utc", "offset", "seven digits", "no zone", "slashes", "a day", "no hour", "a word", "nothing", "a number"],
)
def test_what_servers_write_is_read(text: object, moment: datetime | None) -> None:
    assert read_instant(text) == moment


def test_without_a_zone_the_earliest_that_may_be_meant_is_fourteen_hours_before() -> None:
    assert earliest_meant("2020-01-20T16:00:00") == datetime(2020, 1, 20, 2, tzinfo=UTC)
    assert earliest_meant("2020-01-20T16:00:00-05:00") == datetime(2020, 1, 20, 21, tzinfo=UTC)


@given(st.integers(0, 10**16))
def test_what_is_written_is_never_later_and_less_than_a_second_earlier(micros: int) -> None:
    moment = datetime(1900, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    read = read_instant(write_instant(moment))
    assert read is not None
    assert timedelta(0) <= moment - read < timedelta(seconds=1)


def test_http_dates_of_the_standard_are_read() -> None:
    """RFC 9110, 5.6.7: the three forms."""
    moment = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert read_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == moment
    assert read_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == moment
    assert read_http_date("Sun Nov  6 08:49:37 1994") == moment
    assert read_http_date("") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, None),
        ("auto", "auto"),
        ("2026-01-31", "2026-01-31T00:00:00Z"),
        ("2026-01-31T06:00:00+02:00", "2026-01-31T04:00:00Z"),
        ("2026-01-31T06:00:00.5Z", "2026-01-31T06:00:00Z"),
    ],
    ids=["nothing", "auto", "a day", "offset", "fraction"],
)
def test_since_is_auto_a_day_or_an_instant(text: str | None, said: str | None) -> None:
    assert read_since(text) == said


def test_since_without_a_zone_is_refused() -> None:
    with pytest.raises(DefinitionError, match="with its zone"):
        read_since("2026-01-31T06:00:00")
