"""FHIR date texts on tables, as whole days since 1970-01-01: earliest, latest and the middle one between them.

Day numbers make every window and difference plain integer arithmetic, alike on all engines. A time with a zone is read
as the calendar day of the site's own zone, where the sites file names one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from analysis.derive.rules import SiteRules

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.workspace import Workspace

EPOCH = date(1970, 1, 1)
_YEARS = range(1970, 2051)
_PATTERN = (
    r"^([0-9]{4})(?:[-/]([0-9]{2})(?:[-/]([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)? ?(Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?$"
)


def day_number(value: date) -> int:
    """Whole days since 1970-01-01."""
    return (value - EPOCH).days


@dataclass(frozen=True)
class Calendar:
    """How date texts become days: the data cut-off, and each site's time zone."""

    work: Workspace
    cutoff: date
    site_rules: Mapping[str, SiteRules] = field(default_factory=dict)

    def resolve(self, table: ir.Table, column: str) -> ir.Table:
        """``table`` (with a ``site``) with `low`, `high`, `day` (int), `precision` and `after_cutoff` of a date text.

        Null where there is no text or it is no date. ``precision`` is year, month, day or instant.
        """
        import ibis

        text = table[column].strip()
        known = text.re_search(_PATTERN).fill_null(False)
        t = table.mutate(
            _y=_part(text, 1, known),
            _m=_part(text, 2, known),
            _d=_part(text, 3, known),
            _hour=_part(text, 4, known),
            _minute=_part(text, 5, known),
            _zone=ibis.ifelse(known, text.re_extract(_PATTERN, 7).nullif(""), ibis.null("string")),
        )
        # Kept between the steps: each part is used many times, and would be written out again each time.
        shift, t = self._zone_shift(self.work.keep(t))
        month_fits = t._m.isnull() | t._m.between(1, 12)
        day_fits = t._d.isnull() | t._d.between(1, _last_day(t._y, t._m))
        fits = (month_fits & day_fits).fill_null(False) & t._y.notnull()
        first = _number(t._y, t._m.fill_null(1), t._d.fill_null(1))
        last_month = t._m.fill_null(12)
        last = _number(t._y, last_month, t._d.fill_null(_last_day(t._y, last_month)))
        t = t.mutate(
            _shift=shift,
            _first=ibis.ifelse(fits, first, ibis.null("int64")),
            _last=ibis.ifelse(fits, last, ibis.null("int64")),
            precision=ibis.cases(
                (~fits, ibis.null("string")),
                (t._m.isnull(), ibis.literal("year")),
                (t._d.isnull(), ibis.literal("month")),
                (t._hour.isnull(), ibis.literal("day")),
                else_=ibis.literal("instant"),
            ),
        )
        t = self.work.keep(t)
        t = t.mutate(low=t._first + t._shift, high=t._last + t._shift)
        # The middle of a month or year; of an even number of days the earlier one.
        t = t.mutate(day=t.low + (t.high - t.low) // 2)
        t = t.mutate(after_cutoff=(t.day > day_number(self.cutoff)).fill_null(False))
        t = t.drop(*(name for name in t.columns if name.startswith("_") and name not in table.columns))
        return self.work.keep(t)

    def _zone_shift(self, t: ir.Table) -> tuple[ir.IntegerValue, ir.Table]:
        """Days to add so that an instant with an offset falls on its site's own calendar day."""
        import ibis

        rows = [
            {**row, "_site": site}
            for site, rules in self.site_rules.items()
            if rules.timezone
            for row in _offsets(rules.timezone)
        ]
        if not rows:
            return ibis.literal(0, "int64"), t
        zones = ibis.memtable(rows, schema=ibis.schema(dict.fromkeys(_ZONE_COLUMNS, "int64") | {"_site": "string"}))
        t = t.left_join(zones, [t.site == zones._site, t._y == zones._year])
        t = t.select(*(name for name in t.columns if not name.endswith("_right")))
        start = _number(t._y, t._m, t._d)
        utc = start * 1440 + t._hour * 60 + t._minute - _zone_minutes(t._zone)
        local = utc + ibis.cases((utc < t._from1, t._before), (utc < t._from2, t._between), else_=t._after)
        return (local // 1440 - start).fill_null(0).cast("int64"), t


_ZONE_COLUMNS = ("_year", "_before", "_from1", "_between", "_from2", "_after")


@lru_cache(maxsize=64)
def _offsets(zone: str) -> tuple[dict[str, int], ...]:
    """One row a year: the zone's offsets from UTC in minutes and the (at most two) minutes at which they change."""
    info = ZoneInfo(zone)
    rows = []
    for year in _YEARS:
        moment, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        values = [_offset(info, moment)]
        changes: list[int] = []
        while moment < end:
            week = min(moment + timedelta(days=7), end)
            if _offset(info, week) != values[-1]:
                while _offset(info, moment) == values[-1]:
                    moment += timedelta(minutes=30)
                changes.append(int(moment.timestamp() // 60))
                values.append(_offset(info, week))
            moment = week
        never = int(end.timestamp() // 60) * 2
        changes = [*changes, never, never][:2]
        values = [*values, values[-1], values[-1]][:3]
        numbers = (year, values[0], changes[0], values[1], changes[1], values[2])
        rows.append(dict(zip(_ZONE_COLUMNS, numbers, strict=True)))
    return tuple(rows)


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds() // 60)


def moment(text: ir.StringValue) -> ir.IntegerValue:
    """A date text as seconds since 1970 in UTC, its start where it is partial; -1 where there is none. For ordering."""
    import ibis

    known = text.re_search(_PATTERN).fill_null(False)
    day = _number(_part(text, 1, known), _part(text, 2, known).fill_null(1), _part(text, 3, known).fill_null(1))
    clock = _part(text, 4, known).fill_null(0) * 60 + _part(text, 5, known).fill_null(0)
    zone = ibis.ifelse(known, text.re_extract(_PATTERN, 7).nullif(""), ibis.null("string"))
    seconds = (day * 1440 + clock - _zone_minutes(zone).fill_null(0)) * 60 + _part(text, 6, known).fill_null(0)
    return seconds.fill_null(-1).cast("int64")


def _zone_minutes(zone: ir.StringValue) -> ir.IntegerValue:
    import ibis

    sign = ibis.ifelse(zone.startswith("-"), -1, 1)
    digits = zone.re_replace("[^0-9]", "")
    minutes = digits.substr(0, 2).nullif("").cast("int64") * 60 + digits.substr(2, 2).nullif("").cast("int64")
    return ibis.ifelse(zone == "Z", ibis.literal(0, "int64"), sign * minutes)


def _part(text: ir.StringValue, group: int, known: ir.BooleanValue) -> ir.IntegerValue:
    import ibis

    found = text.re_extract(_PATTERN, group).nullif("")
    return ibis.ifelse(known, found, ibis.null("string")).cast("int64")


def _last_day(year: ir.IntegerValue, month: ir.IntegerValue) -> ir.IntegerValue:
    import ibis

    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return ibis.cases(
        ((month == 2) & leap, ibis.literal(29, "int64")),
        (month == 2, ibis.literal(28, "int64")),
        (month.isin([4, 6, 9, 11]), ibis.literal(30, "int64")),
        else_=ibis.literal(31, "int64"),
    )


def _number(year: ir.IntegerValue, month: ir.IntegerValue, day: ir.IntegerValue) -> ir.IntegerValue:
    """Days since 1970-01-01 in the Gregorian calendar, by counting years from March so that the leap day comes last."""
    import ibis

    early = month <= 2
    y = ibis.ifelse(early, year - 1, year)
    m = ibis.ifelse(early, month + 9, month - 3)
    return y * 365 + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 1 - 719468


def calendar_parts(day: ir.IntegerValue) -> tuple[ir.IntegerValue, ir.IntegerValue, ir.IntegerValue]:
    """Year, month and day of the month of a day number (the way back)."""
    import ibis

    z = day + 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = ibis.ifelse(mp < 10, mp + 3, mp - 9)
    year = yoe + era * 400 + ibis.ifelse(month <= 2, 1, 0)
    return year, month, doy - (153 * mp + 2) // 5 + 1
