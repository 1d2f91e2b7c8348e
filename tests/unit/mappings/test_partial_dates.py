"""Partial dates. Oracles: FHIR R4 date types by hand, shapes in shared/fhir.md section 3; for tables, Python."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.errors import DefinitionError
from mappings.partial_dates import (
    PartialDate,
    interval_reason,
    read_date,
    seconds_since_1970,
    with_dates,
    with_intervals,
)
from mappings.table_columns import counts_by_reason

CASES = [
    ("2020", None, PartialDate(date(2020, 1, 1), date(2020, 12, 31), "year")),
    ("2020-02", None, PartialDate(date(2020, 2, 1), date(2020, 2, 29), "month")),
    ("1900-02", None, PartialDate(date(1900, 2, 1), date(1900, 2, 28), "month")),
    ("2020-02-29", None, PartialDate(date(2020, 2, 29), date(2020, 2, 29), "day")),
    ("2019-02-29", None, None),
    ("2020-13", None, None),
    ("2020-01-20T23:30:00Z", None, PartialDate(date(2020, 1, 20), date(2020, 1, 20), "instant")),
    ("2020-01-20T23:30:00Z", "Asia/Shanghai", PartialDate(date(2020, 1, 21), date(2020, 1, 21), "instant")),
    ("2020-01-20T23:30:00.1234567Z", "Europe/Berlin", PartialDate(date(2020, 1, 21), date(2020, 1, 21), "instant")),
    ("2020-07-20T22:30:00+00:00", "Europe/Berlin", PartialDate(date(2020, 7, 21), date(2020, 7, 21), "instant")),
    ("2020-01-20T01:00:00+08:00", "Asia/Shanghai", PartialDate(date(2020, 1, 20), date(2020, 1, 20), "instant")),
    ("2020/01/20 16:53:41.160 -0500", "Asia/Shanghai", PartialDate(date(2020, 1, 21), date(2020, 1, 21), "instant")),
    ("2020/01/20 16:53:41.160 -0500", None, PartialDate(date(2020, 1, 20), date(2020, 1, 20), "instant")),
    ("2020-01-20T16:53", "Asia/Shanghai", PartialDate(date(2020, 1, 20), date(2020, 1, 20), "instant")),
    ("2020-01-20T25:00:00Z", None, None),
    (" 2020-01-20 ", None, PartialDate(date(2020, 1, 20), date(2020, 1, 20), "day")),
    ("20200120", None, None),
    ("about 2020", None, None),
    ("", None, None),
    (None, None, None),
]


@pytest.mark.parametrize(("text", "zone", "expected"), CASES)
def test_date_texts(text: str | None, zone: str | None, expected: PartialDate | None) -> None:
    assert read_date(text, zone) == expected


def on_table(texts: list[str | None], zone: str | None) -> list[PartialDate | None]:
    con = ibis.duckdb.connect()
    table = ibis.memtable({"n": list(range(len(texts))), "t": texts}, schema={"n": "int64", "t": "string"})
    rows = con.to_pyarrow(with_dates(table, "t", zone).order_by("n")).to_pylist()
    return [None if r["t_low"] is None else PartialDate(r["t_low"], r["t_high"], r["t_precision"]) for r in rows]


@pytest.mark.parametrize("zone", [None, "Asia/Shanghai", "Europe/Berlin"])
def test_tables_agree_with_single_values(zone: str | None) -> None:
    texts = [case[0] for case in CASES]
    assert on_table(texts, zone) == [read_date(text, zone) for text in texts]


PART = st.integers(0, 99).map(lambda n: f"{n:02d}")
TEXT = st.builds(
    lambda y, m, d, t, z, depth: "-".join([f"{y:04d}", m, d][:depth]) + (f"T{t}:{m}:00{z}" if depth == 4 else ""),
    st.integers(1583, 2100),
    st.one_of(PART, st.integers(1, 12).map(lambda n: f"{n:02d}")),
    st.one_of(PART, st.integers(1, 31).map(lambda n: f"{n:02d}")),
    st.integers(0, 25).map(lambda n: f"{n:02d}"),
    st.sampled_from(["", "Z", "+08:00", "-0500", "+14:00"]),
    st.integers(1, 4),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=20), st.sampled_from([None, "Asia/Shanghai", "America/New_York"]))
def test_generated_texts_agree(texts: list[str], zone: str | None) -> None:
    assert on_table(texts, zone) == [read_date(text, zone) for text in texts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-12-31T23:59:60Z", PartialDate(date(2016, 12, 31), date(2016, 12, 31), "instant")),
        ("2020-01-20T23:59:59+14:00", PartialDate(date(2020, 1, 20), date(2020, 1, 20), "instant")),
        ("2020-01-20T24:00:00Z", None),
        ("2020-01-20T10:60:00Z", None),
        ("2020-01-20T10:00:61Z", None),
        ("2020-01-20T10:00:00+15:00", None),
        ("0000-01-01", None),
        ("0001-01-01", PartialDate(date(1, 1, 1), date(1, 1, 1), "day")),
        ("2020-01-20\n", PartialDate(date(2020, 1, 20), date(2020, 1, 20), "day")),
    ],
)
def test_where_engines_own_casts_differ_the_rule_is_ours(text: str, expected: PartialDate | None) -> None:
    """Oracle: FHIR R4's grammar of dateTime and instant (a second of 60 is allowed, 24:00 is not)."""
    assert read_date(text) == expected
    assert on_table([text], None) == [expected]


def test_a_leap_second_in_a_zone_is_on_the_day_of_the_second_before() -> None:
    text = "2016-12-31T15:59:60Z"
    assert read_date(text, "Asia/Shanghai") == PartialDate(date(2016, 12, 31), date(2016, 12, 31), "instant")
    assert on_table([text], "Asia/Shanghai") == [read_date(text, "Asia/Shanghai")]


def test_intervals_stand_behind_their_column_and_are_counted() -> None:
    con = ibis.duckdb.connect()
    table = ibis.memtable(
        {"a": ["2020", "2020-02", "2020-02-01", "soon", None], "n": range(5), "b": ["2020", "x", "", None, "2020-01"]},
        schema={"a": "string", "n": "int64", "b": "string"},
    )
    made = with_intervals(table, ["b", "a"])
    assert made.columns == ("a", "a_low", "a_high", "a_precision", "n", "b", "b_low", "b_high", "b_precision")
    assert counts_by_reason(con, made, {name: interval_reason(made, name) for name in ("a", "b")}) == {
        ("a", "month only"): 1,
        ("a", "unreadable"): 1,
        ("a", "year only"): 1,
        ("b", "month only"): 1,
        ("b", "unreadable"): 2,
        ("b", "year only"): 1,
    }


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["aa"], "did you mean a?"), (["n"], "holds no text but int64"), (["a"], "two columns a_low"), (["l"], "lists")],
)
def test_an_interval_that_cannot_be_is_refused(columns: list[str], message: str) -> None:
    table = ibis.table({"a": "string", "n": "int64", "A_LOW": "date", "l": "array<string>"}, name="t")
    with pytest.raises(DefinitionError, match=re.escape(message)):
        with_intervals(table, columns)


MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=15, deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=40), st.integers(-14 * 60, 14 * 60))
def test_seconds_since_1970_are_those_of_python(moments: list[datetime], minutes: int) -> None:
    texts = [one.replace(tzinfo=timezone(timedelta(minutes=minutes)), microsecond=0) for one in moments]
    con = ibis.duckdb.connect()
    table = ibis.memtable({"n": list(range(len(texts))), "t": [one.isoformat() for one in texts]})
    got = con.to_pyarrow(table.mutate(s=seconds_since_1970(table.t)).order_by("n"))["s"].to_pylist()
    assert got == [int((one - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) for one in texts]
