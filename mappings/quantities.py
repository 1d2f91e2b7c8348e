"""Values on tables brought to one UCUM unit, with the factor beside each as its audit trail.

A unit is looked up once for each distinct text, so that millions of rows cost one look. Where the factor is a finite
decimal the product is exact: 13.2 g/dL is 132 g/L. Else (a month to a year, kPa to mm[Hg]) it is computed in doubles
and rounded to twelve significant digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mappings.errors import DefinitionError
from mappings.table_columns import counts_by_reason, new_columns, number_column, text_column
from mappings.ucum import NO_RATIO, NO_UNIT, OTHER_DIMENSION, UNKNOWN_UNIT, Conversion, conversion, factor, is_unit

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "NO_RATIO",
    "NO_UNIT",
    "OTHER_DIMENSION",
    "TOO_LARGE",
    "UNKNOWN_UNIT",
    "Conversion",
    "UnitConversion",
    "conversion",
    "factor",
    "unconverted",
    "units_of",
    "with_units",
]

TOO_LARGE = "number too large"
_PLACES = 18
_DIGITS = 20
"""Digits before the point of a DECIMAL(38, 18)."""
_SIGNIFICANT = 12


@dataclass(frozen=True)
class UnitConversion:
    """Asks for ``value`` in ``unit``: gives the columns ``into``, ``<into>_factor`` and ``<into>_reason``.

    ``units`` are the columns the unit stands in, the first that names a known unit counts (its code, then its text).
    """

    value: str
    units: tuple[str, ...]
    unit: str
    into: str = ""

    def __post_init__(self) -> None:
        if not is_unit(self.unit):
            raise DefinitionError(f"{self.unit!r} is no UCUM unit known here (for instance mg/dL, 10*9/L, mm[Hg])")
        if not self.into:
            spelled = re.sub(r"[^A-Za-z0-9]+", "_", self.unit.replace("%", " percent ")).strip("_")
            object.__setattr__(self, "into", f"{self.value}_in_{spelled}")

    @classmethod
    def parse(cls, text: str) -> UnitConversion:
        """``VALUE_COLUMN:UNIT_COLUMN[,UNIT_COLUMN]:UNIT``, as on a command line.

        Raises:
            DefinitionError: it has other parts, or the unit is not known.
        """
        parts = text.split(":", 2)
        units = tuple(name for name in parts[1].split(",") if name) if len(parts) == 3 else ()
        if not units or not parts[0]:
            raise DefinitionError(
                f"{text!r} says no conversion: write VALUE_COLUMN:UNIT_COLUMN:UNIT, for instance "
                "value_quantity:value_unit_code,value_unit:mg/dL"
            )
        return cls(parts[0], units, parts[2])

    @property
    def columns(self) -> tuple[str, str, str]:
        """The columns it adds."""
        return self.into, f"{self.into}_factor", f"{self.into}_reason"


def units_of(con: Any, table: ir.Table, conversions: Sequence[UnitConversion]) -> frozenset[str]:
    """The distinct unit texts of a table, in one query: what :func:`with_units` is to know."""
    import ibis

    from mappings import engine

    columns = dict.fromkeys(name for asked in conversions for name in asked.units)
    parts = [table.select(unit=text_column(table, name, "a unit")) for name in columns]
    if not parts:
        return frozenset()
    rows = ibis.union(*parts) if len(parts) > 1 else parts[0]
    return frozenset(engine.of(con).arrow(con, rows.filter(rows.unit.notnull()).distinct())["unit"].to_pylist())


def with_units(table: ir.Table, conversions: Sequence[UnitConversion], units: Iterable[str]) -> ir.Table:
    """``table`` with each conversion's columns: the value DECIMAL(38, 18), the factor a double, the reason a text.

    ``units`` are the texts the unit columns hold, from :func:`units_of`; a text not among them counts as not known.
    The value is null, and the reason says why, where there is no unit, none that is known, one of another dimension,
    or a number too large for the column. Where there is no value there is no reason.

    Raises:
        DefinitionError: a column is missing, of another kind, or there already.
    """
    for asked in conversions:
        number_column(table, asked.value, "a conversion of units")
        for name in asked.units:
            text_column(table, name, "a conversion of units")
    new_columns(table, [name for asked in conversions for name in asked.columns])
    listed = sorted(set(units))
    made: dict[str, ir.Value] = {}
    for asked in conversions:
        made |= _columns(table, asked, listed)
    return table.mutate(**made)


def unconverted(con: Any, table: ir.Table, conversions: Sequence[UnitConversion]) -> dict[tuple[str, str], int]:
    """Values of a table from :func:`with_units` that could not be converted, by (new column, reason)."""
    return counts_by_reason(con, table, {asked.into: table[f"{asked.into}_reason"] for asked in conversions})


def _columns(table: ir.Table, asked: UnitConversion, units: Sequence[str]) -> dict[str, ir.Value]:
    import ibis

    found = {unit: conversion(unit, asked.unit) for unit in units}
    known = [unit for unit in units if is_unit(unit)]
    unit = _unit(table, asked, known)
    by_ratio: dict[Fraction, list[str]] = {}
    by_reason: dict[str, list[str]] = {}
    for text, made in found.items():
        if made.ratio is not None:
            by_ratio.setdefault(made.ratio, []).append(text)
        elif made.reason != UNKNOWN_UNIT:
            by_reason.setdefault(str(made.reason), []).append(text)

    # A float becomes its nearest decimal; what does not fit at all is too large.
    value = table[asked.value].try_cast(f"decimal(38, {_PLACES})")
    nothing = ibis.null(f"decimal(38, {_PLACES})")
    products = [(unit.isin(texts), _product(value, ratio)) for ratio, texts in by_ratio.items()]
    factors = [(unit.isin(texts), ibis.literal(float(ratio), "float64")) for ratio, texts in by_ratio.items()]
    product = ibis.cases(*products, else_=nothing) if products else nothing
    by = ibis.cases(*factors, else_=ibis.null("float64")) if factors else ibis.null("float64")
    reasons = [
        (table[asked.value].isnull() | product.notnull(), ibis.null("string")),
        (unit.isnull() | (unit.strip() == ""), ibis.literal(NO_UNIT)),
        *((unit.isin(texts), ibis.literal(reason)) for reason, texts in by_reason.items()),
        (by.notnull(), ibis.literal(TOO_LARGE)),
    ]
    reason = ibis.cases(*reasons, else_=ibis.literal(UNKNOWN_UNIT))
    return dict(zip(asked.columns, (product, ibis.ifelse(product.notnull(), by, None), reason), strict=True))


def _unit(table: ir.Table, asked: UnitConversion, known: Sequence[str]) -> ir.StringValue:
    """The first column that names a known unit; else the first that says anything."""
    import ibis

    columns = [table[name] for name in asked.units]
    if len(columns) == 1:
        return columns[0]
    nothing = ibis.null("string")
    understood = [ibis.ifelse(column.isin(known), column, nothing) for column in columns] if known else []
    return ibis.coalesce(*understood, *columns)


def _product(value: ir.DecimalValue, ratio: Fraction) -> ir.DecimalValue:
    """``value`` (decimal(38, 18)) times a ratio, as the same; null where it would not fit."""
    import ibis
    import ibis.expr.datatypes as dt

    whole = dt.Decimal(38, _PLACES)
    exact = Conversion(ratio).exact
    if exact == 1:
        return value
    nothing = ibis.null(whole)
    if exact is not None:
        _, digits, exponent = exact.as_tuple()
        assert isinstance(exponent, int)
        places = max(0, -exponent)
        before = max(0, len(digits) + exponent)
        # Both engines give the product of decimals as many places as its factors have, if its digits leave room:
        # DuckDB needs the integer behind the product to fit 38 digits, Spark the digits before the point of both types.
        narrow = dt.Decimal(_PLACES + _DIGITS - 1 - before, _PLACES)
        limit = min(10 ** (_DIGITS - 1 - before), 10**_DIGITS // int(exact.scaleb(places)))
        times = ibis.literal(f"{exact:f}").cast(dt.Decimal(max(before + places, 1), places))
        fits = value.abs() < ibis.literal(str(limit)).cast(dt.Decimal(_DIGITS, 0))
        return ibis.ifelse(fits, ibis.ifelse(fits, value, nothing).cast(narrow) * times, None).cast(whole)
    product = value.cast("float64") * float(ratio.numerator) / float(ratio.denominator)
    size = product.abs()
    # Twelve digits: engines turn doubles into decimals alike so far, and no further.
    rounded = [
        (size < 10.0**power, product.cast(dt.Decimal(38, min(_PLACES, _SIGNIFICANT - power))).cast(whole))
        for power in range(_SIGNIFICANT - _PLACES, _SIGNIFICANT + 1)
    ]
    fits = size < 10.0 ** (_DIGITS - 1)
    return ibis.cases(*rounded, (fits, product.cast(dt.Decimal(38, 0)).cast(whole)), else_=nothing)
