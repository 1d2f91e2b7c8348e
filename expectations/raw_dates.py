"""Comparing FHIR date texts as they stand, in Ibis: "surely later" at the precision two texts share, on any engine.

Texts, because millions of rows are compared faster than they are parsed: ISO 8601 in one precision sorts as it stands.
"""

from __future__ import annotations

from typing import Any

DAY = 10
"""The length of a date text that is known to the day."""
_OFFSET = r"(Z|[+-][0-9]{2}:[0-9]{2})$"


def day_text(text: Any) -> Any:
    """The date in a date text, without its time."""
    return text.substr(0, DAY)


def later(one: Any, other: Any) -> Any:
    """Whether the date text ``one`` is surely later than ``other``, by calendar day, as written."""
    one, other = day_text(one), day_text(other)
    # The longer of two texts with one beginning sorts behind, and says nothing: 2020-05 is not later than 2020.
    return (one > other) & ~one.startswith(other)


def surely_before(end: Any, start: Any) -> Any:
    """Whether ``end`` lies before ``start``, told by the instants where both have an offset.

    Where one has an offset and the other none, a day between them may be the offset's.
    """
    import ibis
    import ibis.expr.datatypes as dt

    instant = dt.Timestamp(timezone="UTC")
    zoned_end, zoned_start = end.re_search(_OFFSET), start.re_search(_OFFSET)
    days = day_text(start).try_cast("date").delta(day_text(end).try_cast("date"), unit="day")
    told = ibis.cases(
        (zoned_end & zoned_start, end.try_cast(instant) < start.try_cast(instant)),
        (zoned_end | zoned_start, (days > 1).fill_null(True)),
        else_=True,
    )
    # Parsed only where the texts say so: a handful of rows.
    return ibis.ifelse(later(start, end).fill_null(False), told.fill_null(True), False)


def end_of_follow_up(deceased: Any, days: int) -> Any:
    """The day text ``days`` after the last day a date of death may stand for; null where there is none."""
    import ibis

    from mappings.scalar_expressions import first_or_last_day

    last = first_or_last_day(day_text(deceased), True).try_cast("date")
    return (last + ibis.interval(days=days)).cast("date").cast("string")
