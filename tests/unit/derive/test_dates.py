"""FHIR date texts as days.

Oracle: Python's datetime and zoneinfo (the tz database), on dates drawn by hypothesis; all drawn texts of an example
go through the engine in one query.
"""

from __future__ import annotations

import calendar as months
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import ibis
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.derive.dates import EPOCH, Calendar, as_date, day_number, moment
from analysis.derive.rules import SiteRules
from analysis.derive.workspace import Workspace

ZONES = ("Europe/Berlin", "Asia/Shanghai", "America/St_Johns", "Pacific/Auckland")
FROM, TO = datetime.fromisoformat("1972-01-02"), datetime.fromisoformat("2049-12-30")
FEW = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))


def resolved(texts: list[str | None], zone: str | None = None) -> pd.DataFrame:
    rows = pd.DataFrame({"site": "h", "at": range(len(texts)), "text": pd.array(texts, dtype="string")})
    table = ibis.memtable(rows, schema=ibis.schema({"site": "string", "at": "int64", "text": "string"}))
    with Workspace() as work:
        made = Calendar(work, date(2020, 12, 31), {"h": SiteRules(timezone=zone)}).resolve(table, "text")
        frame: pd.DataFrame = made.to_pandas()
    return frame.sort_values("at", ignore_index=True)


def number(text: str) -> int:
    return day_number(date.fromisoformat(text))


@pytest.mark.parametrize(
    ("text", "low", "high", "middle", "precision"),
    [
        ("2020", "2020-01-01", "2020-12-31", "2020-07-01", "year"),
        ("2019", "2019-01-01", "2019-12-31", "2019-07-02", "year"),
        ("2020-02", "2020-02-01", "2020-02-29", "2020-02-15", "month"),
        ("2020-03", "2020-03-01", "2020-03-31", "2020-03-16", "month"),
        ("2020-03-05", "2020-03-05", "2020-03-05", "2020-03-05", "day"),
        ("2020-03-05T23:59:59.123+01:00", "2020-03-05", "2020-03-05", "2020-03-05", "instant"),
        (" 2020/01/20 16:53:41.160 -0500", "2020-01-20", "2020-01-20", "2020-01-20", "instant"),
    ],
)
def test_low_high_and_middle(text: str, low: str, high: str, middle: str, precision: str) -> None:
    row = resolved([text]).iloc[0]
    found = (row["low"], row["high"], row["day"], row["precision"])
    assert found == (number(low), number(high), number(middle), precision)


def test_what_is_no_date_is_null() -> None:
    rows = resolved([None, "", "soon", "2019-02-29", "2020-13-01", "2020-00", "20200101", "2020-01-01x"])
    assert rows["day"].isna().all()
    assert rows["precision"].isna().all()
    assert not rows["after_cutoff"].any()


def test_after_the_cutoff() -> None:
    assert resolved(["2020-12-31", "2021-01-01", "2021"])["after_cutoff"].tolist() == [False, True, True]


@FEW
@given(st.lists(st.dates(date(1890, 1, 1), date(2100, 12, 31)), min_size=50, max_size=200))
def test_days_and_months_against_python(days: list[date]) -> None:
    rows = resolved([one.isoformat() for one in days])
    assert rows["day"].tolist() == [(one - EPOCH).days for one in days]
    rows = resolved([one.isoformat()[:7] for one in days])
    ends = [one.replace(day=months.monthrange(one.year, one.month)[1]) for one in days]
    assert rows["high"].tolist() == [(one - EPOCH).days for one in ends]
    assert rows["low"].tolist() == [(one.replace(day=1) - EPOCH).days for one in days]


@FEW
@given(
    st.lists(st.datetimes(FROM, TO), min_size=50, max_size=200),
    st.sampled_from(ZONES),
    st.integers(-14 * 60, 14 * 60),
)
def test_instants_fall_on_the_site_s_day_as_in_zoneinfo(times: list[datetime], zone: str, minutes: int) -> None:
    there = timezone(timedelta(minutes=minutes))
    made = [one.replace(microsecond=0, tzinfo=there) for one in times]
    rows = resolved([one.isoformat() for one in made], zone)
    assert rows["day"].tolist() == [day_number(one.astimezone(ZoneInfo(zone)).date()) for one in made]


@FEW
@given(st.lists(st.datetimes(FROM, TO), min_size=50, max_size=200))
def test_moments_order_as_python_s(times: list[datetime]) -> None:
    made = [
        one.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=(i % 27 - 13) * 60)))
        for i, one in enumerate(times)
    ]
    table = ibis.memtable({"at": list(range(len(made))), "text": [one.isoformat() for one in made]})
    found = table.mutate(seconds=moment(table.text)).to_pandas().sort_values("at")["seconds"].tolist()
    assert found == [int(one.timestamp()) for one in made]


@pytest.mark.parametrize("zone", ZONES)
def test_hours_around_every_clock_change_of_a_year(zone: str) -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    hours = [start + timedelta(hours=hour) for hour in range(366 * 24)]
    offsets = [one.astimezone(ZoneInfo(zone)).utcoffset() for one in hours]
    near = [hours[i + k] for i in range(3, len(hours) - 3) if offsets[i] != offsets[i - 1] for k in range(-3, 4)]
    near += [one for one in hours if one.hour >= 10]
    rows = resolved([one.isoformat().replace("+00:00", "Z") for one in near], zone)
    assert rows["day"].tolist() == [day_number(one.astimezone(ZoneInfo(zone)).date()) for one in near]


def test_the_way_back() -> None:
    table = ibis.range(-40_000, 40_000).unnest().name("n").as_table()
    frame = table.mutate(date=as_date(table.n)).to_pandas()
    assert frame["date"].dt.date.tolist() == [EPOCH + timedelta(days=int(n)) for n in frame["n"]]
