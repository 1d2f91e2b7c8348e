"""FHIR date texts on tables, as whole days since 1970-01-01: earliest, latest and the middle one between them.

Day numbers make every window and difference plain integer arithmetic, alike on all engines. A time with a zone is read
as the calendar day of the site's own zone, where the sites file names one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from analysis.derive.rules import SiteRules
from mappings.partial_dates import with_dates

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.workspace import Workspace

EPOCH = date(1970, 1, 1)
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

        Null where there is no text or it is no date. ``precision`` is year, month, day or instant. Of a year or month
        ``day`` is the middle, of an even number of days the earlier one.
        """
        import ibis

        zones: dict[str | None, list[str]] = {}
        for site, rules in self.site_rules.items():
            zones.setdefault(rules.timezone, []).append(site)
        zones.pop(None, None)
        named = [site for sites in zones.values() for site in sites]
        parts = [with_dates(table.filter(table.site.isin(sites)), column, zone) for zone, sites in zones.items()]
        rest = table.filter(~table.site.isin(named)) if named else table
        parts.append(with_dates(rest, column))
        # Kept between the steps: what is computed once would be written out again at each use.
        t = self.work.keep(ibis.union(*parts) if len(parts) > 1 else parts[0])
        epoch = ibis.date(EPOCH.year, EPOCH.month, EPOCH.day)
        low, high = (t[f"{column}_{end}"].delta(epoch, unit="day").cast("int64") for end in ("low", "high"))
        day = low + (high - low) // 2
        return self.work.keep(
            t.select(
                *table.columns,
                low=low,
                high=high,
                day=day,
                precision=t[f"{column}_precision"],
                after_cutoff=(day > day_number(self.cutoff)).fill_null(False),
            )
        )


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


def _number(year: ir.IntegerValue, month: ir.IntegerValue, day: ir.IntegerValue) -> ir.IntegerValue:
    """Days since 1970-01-01 in the Gregorian calendar, by counting years from March so that the leap day comes last."""
    import ibis

    early = month <= 2
    y = ibis.ifelse(early, year - 1, year)
    m = ibis.ifelse(early, month + 9, month - 3)
    return y * 365 + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 1 - 719468


def as_date(day: ir.IntegerValue) -> ir.DateValue:
    """The date of a day number (the way back)."""
    import ibis

    return ibis.date(EPOCH.year, EPOCH.month, EPOCH.day) + day.as_interval("D")
