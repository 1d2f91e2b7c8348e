"""FHIR date texts as what they say: the earliest and the latest day they may stand for, and their precision.

Read are date, dateTime and instant of every precision, any number of fraction digits, an absent zone, and the
``2020/01/20 16:53:41.160 -0500`` some servers write. An instant with an offset is the calendar day of the site's own
time zone where that is named, else the day it is written with. What cannot be read is null, for the caller to count.
This is the only place where a date text is taken apart.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import ibis.expr.types as ir

Precision = Literal["year", "month", "day", "instant"]

ENDINGS = ("low", "high", "precision")
"""What stands behind the name of a date column, after an underscore, in the columns its interval is kept in."""

# What an engine's own cast lets through (24:00, offsets of a day) is settled here, so that all engines read alike.
_PATTERN = (
    r"^([0-9]{4})(?:[-/]([0-9]{2})(?:[-/]([0-9]{2})"
    r"(?:[T ]((?:[01][0-9]|2[0-3]):[0-5][0-9])(:(?:[0-5][0-9]|60))?(?:[.][0-9]+)?"
    r" ?(Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?)?)?)?$"
)
_READ = re.compile(_PATTERN)


@dataclass(frozen=True)
class PartialDate:
    """The first and last day a text may stand for, both included."""

    low: date
    high: date
    precision: Precision


def read_date(text: str | None, zone: str | None = None) -> PartialDate | None:
    """A FHIR date text, in the time zone ``zone`` (an IANA name); None where there is none or it is no date."""
    match = _READ.fullmatch(text.strip()) if text else None
    if match is None:
        return None
    year, month, day, clock, seconds, offset = match.groups()
    try:
        if month is None:
            return PartialDate(date(int(year), 1, 1), date(int(year), 12, 31), "year")
        if day is None:
            last = calendar.monthrange(int(year), int(month))[1]
            return PartialDate(date(int(year), int(month), 1), date(int(year), int(month), last), "month")
        written = date(int(year), int(month), int(day))
        if clock is None:
            return PartialDate(written, written, "day")
        if offset is not None and zone is not None:
            # A leap second, which FHIR allows, is on the day of the second before it.
            second = (seconds or ":00").replace(":60", ":59")
            moment = datetime.fromisoformat(f"{written.isoformat()}T{clock}{second}{_colon(offset)}")
            written = moment.astimezone(_zone(zone)).date()
    except (ValueError, OverflowError):
        return None
    return PartialDate(written, written, "instant")


def with_dates(table: ir.Table, column: str, zone: str | None = None) -> ir.Table:
    """``table`` with ``<column>_low`` and ``<column>_high`` (dates) and ``<column>_precision`` of a date text column.

    Equal to :func:`read_date` row by row; null where there is no text or it is no date.
    """
    import ibis

    from mappings import engine
    from mappings.scalar_expressions import first_or_last_day

    read = _Parts.of(table[column])
    precision = ibis.cases(
        (read.size == 4, ibis.literal("year")),
        (read.size == 7, ibis.literal("month")),
        (read.size == 10, ibis.literal("day")),
        else_=ibis.literal("instant"),
    )
    moment_day = read.low
    if zone is not None:
        offset = read.offset
        colon = ibis.cases(
            (offset == "Z", ibis.literal("+00:00")),
            (offset.length() == 5, offset.substr(0, 3) + ":" + offset.substr(3, 2)),
            else_=offset,
        )
        second = read.second.replace(":60", ":59")
        zoned = engine.local_day(read.day_text + "T" + read.clock + second + colon, zone)
        moment_day = ibis.ifelse(offset.notnull() & read.low.notnull(), zoned, read.low)

    def bound(high: bool) -> ir.DateValue:
        whole = first_or_last_day(read.day_text, True).try_cast("date") if high else read.low
        return ibis.ifelse(read.known, ibis.ifelse(precision == "instant", moment_day, whole), ibis.null("date"))

    low, high = bound(False), bound(True)
    return table.mutate(
        **{
            f"{column}_low": low,
            f"{column}_high": high,
            f"{column}_precision": ibis.ifelse(low.notnull(), precision, ibis.null("string")),
        }
    )


def with_intervals(table: ir.Table, columns: Sequence[str], zone: str | None = None) -> ir.Table:
    """``table`` with ``<column>_low``, ``<column>_high`` and ``<column>_precision`` right behind each date text column.

    Raises:
        DefinitionError: a column is not there or holds no text, or one of the new columns is there already.
    """
    from mappings.table_columns import new_columns, text_column

    for column in columns:
        text_column(table, column, "an interval")
    new_columns(table, [f"{column}_{ending}" for column in columns for ending in ENDINGS])
    made = table
    for column in columns:
        made = with_dates(made, column, zone)
    order: list[str] = []
    for name in table.columns:
        order += [name, *(f"{name}_{ending}" for ending in ENDINGS if name in columns)]
    return made.select(*order)


def interval_reason(table: ir.Table, column: str) -> ir.StringValue:
    """What a table from :func:`with_intervals` leaves open about a date: ``year only``, ``month only``, ``unreadable``.

    Null for a whole day, an instant, or no text.
    """
    import ibis

    precision = table[f"{column}_precision"]
    return ibis.cases(
        (table[column].isnull(), ibis.null("string")),
        (precision == "year", ibis.literal("year only")),
        (precision == "month", ibis.literal("month only")),
        (precision.isnull(), ibis.literal("unreadable")),
        else_=ibis.null("string"),
    )


def seconds_since_1970(text: ir.StringValue) -> ir.IntegerValue:
    """A date text as seconds since 1970 in UTC, its start where it is partial; null where there is none. For ordering.

    A time without zone is taken as UTC: it orders, no more.
    """
    import ibis

    read = _Parts.of(text)
    day = read.low.delta(ibis.date(1970, 1, 1), unit="day").cast("int64")
    clock, second, offset = (ibis.ifelse(read.known, one, ibis.null("string")) for one in read.time)

    def number(part: ir.StringValue, at: int) -> ir.IntegerValue:
        return part.substr(at, 2).nullif("").cast("int64").fill_null(0)

    digits = offset.re_replace("[^0-9]", "")
    away = number(digits, 0) * 60 + number(digits, 2)
    away = ibis.ifelse(offset.startswith("-").fill_null(False), -away, away)
    minutes = number(clock, 0) * 60 + number(clock, 3) - away
    return ibis.ifelse(read.known, (day * 1440 + minutes) * 60 + number(second, 1), ibis.null("int64"))


@dataclass(frozen=True)
class _Parts:
    """A date text taken apart; ``low`` is its first day as written, null where it is none."""

    text: ir.StringValue
    known: ir.BooleanValue
    size: ir.IntegerValue
    day_text: ir.StringValue
    low: ir.DateValue

    @classmethod
    def of(cls, column: ir.StringValue) -> _Parts:
        from mappings.scalar_expressions import first_or_last_day

        text = column.strip()
        day_text = text.substr(0, 10).replace("/", "-")
        # Python knows no year 0, and neither does FHIR.
        known = (text.re_search(_PATTERN) & (text.substr(0, 4) != "0000")).fill_null(False)
        return cls(text, known, text.length(), day_text, first_or_last_day(day_text, False).try_cast("date"))

    @property
    def clock(self) -> ir.StringValue:
        return self.text.re_extract(_PATTERN, 4)

    @property
    def second(self) -> ir.StringValue:
        return self.text.re_extract(_PATTERN, 5).nullif("").fill_null(":00")

    @property
    def offset(self) -> ir.StringValue:
        return self.text.re_extract(_PATTERN, 6).nullif("")

    @property
    def time(self) -> tuple[ir.StringValue, ir.StringValue, ir.StringValue]:
        return self.clock, self.second, self.offset


def _colon(offset: str) -> str:
    if offset == "Z":
        return "+00:00"
    return offset if ":" in offset else f"{offset[:3]}:{offset[3:]}"


@lru_cache(maxsize=32)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
