"""Partial dates. Oracles: FHIR R4 date types by hand, shapes in shared/fhir.md section 3; for tables, Python."""

from __future__ import annotations

from datetime import date

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.partial_dates import PartialDate, read_date, with_dates

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
