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
from mappings.partial_dates import seconds_since_1970, with_dates

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from analysis.derive.workspace import Workspace

EPOCH = date(1970, 1, 1)


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
        resolved = self.work.keep(
            t.select(
                *table.columns,
                low=low,
                high=high,
                day=day,
                precision=t[f"{column}_precision"],
                after_cutoff=(day > day_number(self.cutoff)).fill_null(False),
            )
        )
        self.work.drop(t)
        return resolved


def moment(text: ir.StringValue) -> ir.IntegerValue:
    """A date text as seconds since 1970 in UTC, its start where it is partial; -1 where there is none. For ordering."""
    return seconds_since_1970(text).fill_null(-1)


def as_date(day: ir.IntegerValue) -> ir.DateValue:
    """The date of a day number (the way back)."""
    import ibis

    return ibis.date(EPOCH.year, EPOCH.month, EPOCH.day) + day.as_interval("D")


def dates_of(days: pd.Series) -> pd.Series:
    """Day numbers of a frame as timestamps, missing where they are missing.

    Whole numbers go in, the gaps left out: of floats with gaps among them pandas now and then says that one overflows.
    """
    import pandas as pd

    return pd.to_datetime(days.dropna().astype("int64"), unit="D").reindex(days.index)
