"""The raw checks as flags of rows, in Ibis: of which resources a check is asked, and which violate it.

A resource may have several rows, one a coding or part. It violates a check if any of its rows is ``bad``, or, where
the flag says what is ``well``, if none of its rows is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from typing import Any

from expectations.raw_dates import DAY, day_text, later, surely_before
from expectations.raw_marks import DANGLING, DUPLICATE, EMPTY, NO_MODALITY, RANGE_HIGH, RANGE_LOW
from expectations.raw_views import CONDITION_STATUS, RawView

OLDEST, OLDEST_COHORT = 120, 150
"""Years: the longest known life took 122, and ended in 1997. Of an old cohort not every death is known."""


@dataclass(frozen=True)
class Flag:
    """``asked``: the rows whose resource the check is asked of. ``mark``: rows that are bad, or well."""

    asked: Any
    mark: Any
    well: bool = False


@dataclass(frozen=True)
class Known:
    """What was looked up in the tables before rows are judged: few distinct texts instead of every row.

    ``systems``: the texts of code systems, as they stand, that count as known; ``unit_systems`` those that mean UCUM,
    ``unit_codes`` the texts of units that are UCUM. ``references``: (check, column, target view, sites that hold any
    resource of it). ``marks``: the columns that ``raw_marks`` added.
    """

    today: date
    systems: tuple[str, ...] = ()
    unit_systems: tuple[str, ...] = ()
    unit_codes: tuple[str, ...] = ()
    references: tuple[tuple[str, str, str, tuple[str, ...]], ...] = ()
    marks: frozenset[str] = frozenset()


def flags_of(name: str, view: RawView, rows: Any, known: Known) -> dict[str, Flag]:
    """The flags of every check that can be asked of a view; ``rows`` hold the columns that ``raw_marks`` adds."""
    flags: dict[str, Flag] = {}
    if view.status:
        flags["status_in_required_value_set"] = Flag(_all(), ~rows.status.fill_null("").isin(view.status))
    if view.coded:
        flags |= _codes(view, rows, known)
    if view.dates:
        flags |= _dates(view, rows, known.today)
    if view.patient:
        flags["subject_reference_resolves"] = Flag(_all(), rows.found.isnull())
        if view.dates:
            flags |= _life(view, rows)
    if view.same:
        asked = _any([rows[column].notnull() for column in view.dates]) & rows.patient_id.notnull()
        if view.coded:
            asked &= rows.code.notnull() | rows.code_text.notnull()
        if view.values:
            asked &= _any([rows[column].notnull() for column in view.values])
        flags["no_duplicate_records"] = Flag(asked, asked & _mark(rows, known, DUPLICATE))
    if view.quantity:
        flags |= _quantity(view, rows, known)
    for check in dict.fromkeys(check for check, *_ in known.references):
        held = [(column, sites) for other, column, _, sites in known.references if other == check]
        asked = _any([rows[column].notnull() & rows.site.isin(sites) for column, sites in held])
        flags[check] = Flag(asked, asked & _mark(rows, known, DANGLING))
    match name:
        case "patient":
            flags |= _patient(rows, known.today)
        case "observation":
            flags |= _observation(rows, known)
        case "condition":
            said = [rows[column].notnull() for column in CONDITION_STATUS]
            outside = [rows[column].notnull() & ~rows[column].isin(held) for column, held in CONDITION_STATUS.items()]
            flags["condition_status_in_value_set"] = Flag(_any(said), _any(outside))
        case "imaging_study":
            flags["imaging_modality_present"] = Flag(_all(), _mark(rows, known, NO_MODALITY))
    return flags


def _codes(view: RawView, rows: Any, known: Known) -> dict[str, Flag]:
    coded, told = rows.code.notnull(), rows.code.notnull() | rows.code_text.notnull()
    if view.instead:
        told = told & ~(rows[view.instead].notnull() & ~coded)
    return {
        "code_system_recognised": Flag(_all(), ~coded | rows.code_system.isin(known.systems).fill_null(False), True),
        "code_not_text_alone": Flag(told, coded, True),
    }


def _dates(view: RawView, rows: Any, today: date) -> dict[str, Flag]:
    import ibis

    days = [rows[column] for column in view.dates]
    # ``today`` is of UTC; east of it the next day has begun. Not the general form of "later": a text that a date begins
    # with sorts before it.
    latest = ibis.literal((today + timedelta(days=1)).isoformat())
    flags = {"no_future_dates": Flag(_all(), _any([day_text(day) > latest for day in days]))}
    if view.placed:
        undated = reduce(lambda a, b: a & b, [day.isnull() for day in days])
        placed = ~undated
        if view.coded:
            meant = rows.code.notnull() | rows.code_text.notnull()
            placed &= meant | rows[view.instead].notnull() if view.instead else meant
        flags["required_elements_present"] = Flag(_all(), placed, True)
        to_the_day = _any([day.length() >= DAY for day in days])
        flags["date_known_to_the_day"] = Flag(~undated, to_the_day, True)
    if view.period:
        start, end = (rows[column] for column in view.period)
        flags["period_end_not_before_start"] = Flag(start.notnull() & end.notnull(), surely_before(end, start))
    return flags


def _life(view: RawView, rows: Any) -> dict[str, Flag]:
    days = [rows[column] for column in view.dates]
    return {
        "nothing_before_birth": Flag(_all(), _any([later(rows.birth_date, day) for day in days])),
        "no_activity_30_days_after_death": Flag(_all(), _any([day_text(day) > rows.followed_to for day in days])),
    }


def _quantity(view: RawView, rows: Any, known: Known) -> dict[str, Flag]:
    quantity = view.quantity
    assert quantity is not None
    valued = rows[quantity.value].notnull()
    unitless = rows[quantity.unit].isnull() & rows[quantity.code].isnull()
    if not quantity.measured:
        return {"dose_has_unit": Flag(valued, valued & unitless)}
    flags = {"quantity_has_unit": Flag(valued, valued & unitless)}
    ucum = rows[quantity.code].isin(known.unit_codes)
    if quantity.system:
        ucum &= rows[quantity.system].isin(known.unit_systems)
    flags["lab_unit_is_ucum"] = Flag(valued, valued & ~ucum.fill_null(False))
    if RANGE_LOW in known.marks:
        value = rows[quantity.value].cast("float64")
        ranged = valued & rows[RANGE_LOW].notnull()
        flags["lab_value_in_physiologic_range"] = Flag(
            ranged, ranged & ((value < rows[RANGE_LOW]) | (value > rows[RANGE_HIGH]))
        )
    else:
        flags["lab_value_in_physiologic_range"] = Flag(~_all(), ~_all())
    return flags


def _patient(rows: Any, today: date) -> dict[str, Flag]:
    import ibis

    birth, death = rows.birth_date, rows.deceased_date
    dead = rows.deceased.fill_null(False) | death.notnull()
    oldest = ibis.literal(f"{today.year - OLDEST_COHORT:04d}-{today.month:02d}-{today.day:02d}")
    years = death.substr(0, 4).try_cast("int64") - birth.substr(0, 4).try_cast("int64")
    possible = ~(day_text(birth) > ibis.literal(today.isoformat())) & ~later(oldest, birth)
    possible &= (years <= OLDEST).fill_null(True)
    return {
        "birth_date_known_and_possible": Flag(_all(), ~possible.fill_null(False)),
        "death_not_before_birth": Flag(birth.notnull() & death.notnull(), later(birth, death)),
        "deceased_has_date": Flag(dead, dead & death.isnull()),
        "sex_recorded": Flag(_all(), rows.gender.isnull() | (rows.gender == "unknown")),
    }


def _observation(rows: Any, known: Known) -> dict[str, Flag]:
    effective = rows.effective_date.fill_null(rows.effective_start)
    given = ~rows.status.fill_null("").isin(["registered", "cancelled", "entered-in-error"])
    return {
        "observation_has_value": Flag(given, given & _mark(rows, known, EMPTY)),
        "issued_not_before_effective": Flag(
            rows.issued.notnull() & effective.notnull(), surely_before(rows.issued, effective)
        ),
    }


def _mark(rows: Any, known: Known, name: str) -> Any:
    return rows[name].notnull() if name in known.marks else ~_all()


def _all() -> Any:
    import ibis

    return ibis.literal(True)


def _any(flags: Sequence[Any] | Iterable[Any]) -> Any:
    return reduce(lambda a, b: a | b, [flag.fill_null(False) for flag in flags])
