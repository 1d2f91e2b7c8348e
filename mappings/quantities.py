"""Conversion of UCUM units by scalar factors, with pint behind a small adapter.

A unit is converted once for each distinct text, so that millions of rows cost one lookup. Units with an offset
(Celsius, Fahrenheit) and units of other dimensions have no factor; the reason is given. Source of the codes: UCUM 2.1,
case sensitive; a few words hospitals write instead (``years``) are read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis.expr.types as ir

UNKNOWN_UNIT = "unit not known"
NO_UNIT = "no unit"
OTHER_DIMENSION = "unit of another dimension"

# UCUM atoms that take a prefix, and those that take none, by their name in pint.
_METRIC = {
    "m": "meter", "g": "gram", "s": "second", "L": "liter", "l": "liter", "mol": "mole", "Pa": "pascal", "J": "joule",
    "W": "watt", "V": "volt", "A": "ampere", "K": "kelvin", "Hz": "hertz", "N": "newton", "Gy": "gray", "Sv": "sievert",
    "Bq": "becquerel", "kat": "katal", "cal": "calorie", "bar": "bar", "t": "metric_ton",
}  # fmt: skip
_PLAIN = {
    "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "year/12", "a": "year", "%": "percent", "1": "count",
    "[ppth]": "count/1000", "[ppm]": "count/1000000", "[in_i]": "inch", "[ft_i]": "foot", "[lb_av]": "pound",
    "[oz_av]": "ounce", "mm[Hg]": "mmHg", "cm[Hg]": "10*mmHg", "deg": "degree", "U": "micromole/minute",
}  # fmt: skip
_PREFIXES = {
    "T": "tera", "G": "giga", "M": "mega", "k": "kilo", "h": "hecto", "da": "deka", "d": "deci", "c": "centi",
    "m": "milli", "u": "micro", "n": "nano", "p": "pico", "f": "femto",
}  # fmt: skip
# What stands in Quantity.unit where no code is given.
_WORDS = {
    "year": "a", "years": "a", "yr": "a", "yrs": "a", "y": "a", "month": "mo", "months": "mo", "week": "wk",
    "weeks": "wk", "day": "d", "days": "d", "hour": "h", "hours": "h", "minute": "min", "minutes": "min",
    "percent": "%", "pct": "%", "millimeter": "mm", "millimeters": "mm", "millimetre": "mm", "millimetres": "mm",
    "centimeter": "cm", "centimeters": "cm", "centimetre": "cm", "centimetres": "cm", "meter": "m", "metre": "m",
    "milligram": "mg", "milligrams": "mg", "gram": "g", "grams": "g", "kilogram": "kg", "kilograms": "kg",
    "milliliter": "mL", "millilitre": "mL", "ml": "mL", "liter": "L", "litre": "L", "µm": "um", "µg": "ug", "μg": "ug",
}  # fmt: skip
_ATOM = re.compile(r"(?P<unit>\[[^\]]+\]|%|[A-Za-z]+(?:\[[^\]]+\])?|10[*^]|[0-9]+)(?P<power>[+-]?[0-9]+)?")


@dataclass(frozen=True)
class Conversion:
    """What a value is multiplied by, or why it cannot be converted."""

    factor: float | None
    reason: str | None = None


def factor(unit: str | None, into: str) -> float | None:
    """What a value in ``unit`` is multiplied by to be in ``into``; None where that cannot be said."""
    return conversion(unit, into).factor


@lru_cache(maxsize=4096)
def conversion(unit: str | None, into: str) -> Conversion:
    """The factor from one UCUM unit to another, or the reason why there is none."""
    if unit is None or not unit.strip():
        return Conversion(None, NO_UNIT)
    found, wanted = _quantity(unit), _quantity(into)
    if found is None or wanted is None:
        return Conversion(None, UNKNOWN_UNIT)
    if found.dimensionality != wanted.dimensionality:
        return Conversion(None, OTHER_DIMENSION)
    return Conversion(float((found / wanted).to_base_units().magnitude))


def converted(
    table: ir.Table, value_column: str, unit_column: str, into_unit: str, into: str, units: Iterable[str | None]
) -> ir.Table:
    """``table`` with ``into`` (float, in ``into_unit``), ``<into>_factor`` and ``<into>_reason``.

    ``units`` are the distinct texts of ``unit_column``, asked of the table by the caller. A value of a unit not among
    them is null, with the reason that the unit is not known. The factor column is the audit trail of the conversion.
    """
    import ibis

    known: Mapping[str, Conversion] = {unit: conversion(unit, into_unit) for unit in units if unit is not None}
    factors = [(unit, made.factor) for unit, made in known.items() if made.factor is not None]
    reasons = [(unit, made.reason) for unit, made in known.items() if made.reason is not None]
    unit, value = table[unit_column], table[value_column].cast("float64")
    by = unit.cases(*factors, else_=ibis.null("float64")).cast("float64") if factors else ibis.null("float64")
    why = unit.cases(*reasons, else_=UNKNOWN_UNIT) if reasons else ibis.literal(UNKNOWN_UNIT)
    lost = value.notnull() & by.isnull()
    reason = ibis.cases((~lost, ibis.null("string")), (unit.isnull(), ibis.literal(NO_UNIT)), else_=why)
    return table.mutate(**{into: value * by, f"{into}_factor": by, f"{into}_reason": reason})


def _quantity(unit: str) -> Any:
    """One of a UCUM unit as a pint quantity with an exact magnitude; None where it is not known."""
    text = _WORDS.get(unit.strip()) or _WORDS.get(unit.strip().lower()) or unit.strip()
    text = re.sub(r"\{[^}]*\}", "", text) or "1"
    registry = _registry()
    made = registry.Quantity(1)
    for part in re.findall(r"[./]?[^./]*", text)[:-1]:
        over = part.startswith("/")
        body = part.lstrip("./") or ("" if part in (".", "/") else "1")
        if not body and over:  # "/{field}": the annotation alone stood there
            body = "1"
        atom = _atom(body)
        if atom is None:
            return None
        made = made / atom if over else made * atom
    return made


def _atom(text: str) -> Any:
    match = _ATOM.fullmatch(text)
    if match is None:
        return None
    name, power = match["unit"], int(match["power"] or 1)
    registry = _registry()
    if name in ("10*", "10^"):
        return registry.Quantity(10) ** power
    if name.isdigit():
        return registry.Quantity(int(text))
    known = _PLAIN.get(name) or _METRIC.get(name)
    if known is None:
        for prefix, spoken in _PREFIXES.items():
            rest = name.removeprefix(prefix)
            if rest != name and rest in _METRIC:
                known = spoken + _METRIC[rest]
    if known is None:
        return None
    try:
        return registry.parse_expression(known) ** power
    except Exception:  # pint raises several kinds for what it does not know
        return None


@lru_cache(maxsize=1)
def _registry() -> Any:
    from fractions import Fraction

    import pint

    return pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)
