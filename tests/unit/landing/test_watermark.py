"""Watermarks. Oracle: fhir.md §3: the earliest of kick-off, the server's time and the newest seen, less an overlap; and
no later than 122 s before now where the server does not say its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flows.landing.watermark import watermarks

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(-(10**8), 10**8).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(MOMENTS, MOMENTS, MOMENTS, st.integers(122, 10_000))
def test_it_is_an_overlap_before_the_earliest(kickoff: datetime, server: datetime, newest: datetime, gap: int) -> None:
    overlap = timedelta(seconds=gap)
    made = watermarks(kickoff, server, {"Observation": newest}, overlap)["Observation"]
    assert all(made + overlap <= moment for moment in (kickoff, server, newest))
    assert made + overlap in (kickoff, server, newest)


def test_a_server_without_a_clock_is_trusted_up_to_two_minutes_ago() -> None:
    made = watermarks(NOW, None, {"Patient": NOW + timedelta(days=1)}, timedelta(seconds=200))
    assert made == {"Patient": NOW - timedelta(seconds=322)}


def test_a_type_of_which_nothing_was_seen_has_none() -> None:
    assert watermarks(NOW, NOW, {}, timedelta(0)) == {}
