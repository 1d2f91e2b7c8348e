"""FHIR date texts as what they say: the earliest and the latest day they may stand for, and their precision.

Read are date, dateTime and instant of every precision, any number of fraction digits, an absent zone, and the
``2020/01/20 16:53:41.160 -0500`` some servers write. An instant with an offset is the calendar day of the site's own
time zone where that is named, else the day it is written with. What cannot be read is null, for the caller to count.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import ibis.expr.types as ir

Precision = Literal["year", "month", "day", "instant"]

_PATTERN = (
    r"^([0-9]{4})(?:[-/]([0-9]{2})(?:[-/]([0-9]{2})"
    r"(?:[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:[.][0-9]+)? ?(Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?$"
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
    match = _READ.match(text.strip()) if text else None
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
        moment = datetime.fromisoformat(f"{written.isoformat()}T{clock}{seconds or ':00'}{_colon(offset)}")
        if offset is not None and zone is not None:
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

    text = table[column].strip()
    length = text.length()
    day_text = text.substr(0, 10).replace("/", "-")
    day = day_text.try_cast("date")
    clock = text.re_extract(_PATTERN, 4)
    seconds = text.re_extract(_PATTERN, 5).nullif("").fill_null(":00")
    offset = text.re_extract(_PATTERN, 6).nullif("")
    colon = ibis.cases(
        (offset == "Z", ibis.literal("+00:00")),
        (offset.length() == 5, offset.substr(0, 3) + ":" + offset.substr(3, 2)),
        else_=offset,
    )
    local = day_text + "T" + clock + seconds
    precision = ibis.cases(
        (length == 4, ibis.literal("year")),
        (length == 7, ibis.literal("month")),
        (length == 10, ibis.literal("day")),
        else_=ibis.literal("instant"),
    )
    # A time that does not exist (25:00) makes the whole text unreadable, as in Python.
    moment_day = ibis.ifelse(local.try_cast("timestamp").notnull(), day, ibis.null("date"))
    if zone is not None:
        zoned = engine.local_day(local + colon, zone)
        moment_day = ibis.ifelse(offset.notnull() & moment_day.notnull(), zoned, moment_day)

    def bound(high: bool) -> ir.DateValue:
        whole = first_or_last_day(day_text, high).try_cast("date")
        found = ibis.ifelse(precision == "instant", moment_day, whole)
        return ibis.ifelse(text.re_search(_PATTERN), found, ibis.null("date"))

    low, high = bound(False), bound(True)
    return table.mutate(
        **{
            f"{column}_low": low,
            f"{column}_high": high,
            f"{column}_precision": ibis.ifelse(low.notnull(), precision, ibis.null("string")),
        }
    )


def _colon(offset: str | None) -> str:
    if offset is None:
        return ""
    if offset == "Z":
        return "+00:00"
    return offset if ":" in offset else f"{offset[:3]}:{offset[3:]}"


@lru_cache(maxsize=32)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
