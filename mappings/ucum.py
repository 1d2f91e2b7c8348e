"""UCUM units as exact ratios to one another, with pint behind a small adapter.

Source of the codes and their values: UCUM 2.1, case sensitive (``m[Hg]`` is 133.3220 kPa there); a few words hospitals
write instead (``years``) are read too. A mole is kept as a dimension of its own, and so is each arbitrary unit: UCUM
makes the first a mere number, and forbids to convert the second into another. Texts are bounded before they are read:
they come from data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

UNKNOWN_UNIT = "unit not known"
NO_UNIT = "no unit"
OTHER_DIMENSION = "unit of another dimension"
NO_RATIO = "unit without a factor"
"""A unit with an offset (Cel) or a logarithm ([pH]): only itself is converted into it."""

# UCUM atoms that take a prefix, and those that take none, by their name in pint.
_METRIC = {
    "m": "meter", "g": "gram", "s": "second", "L": "liter", "l": "liter", "mol": "mole", "Pa": "pascal", "J": "joule",
    "W": "watt", "V": "volt", "A": "ampere", "K": "kelvin", "Hz": "hertz", "N": "newton", "Gy": "gray", "Sv": "sievert",
    "Bq": "becquerel", "kat": "katal", "cal": "calorie", "bar": "bar", "t": "metric_ton", "U": "micromole/minute",
    "osm": "mole", "eq": "mole", "C": "coulomb", "Ohm": "ohm", "S": "siemens", "F": "farad", "T": "tesla",
    "cd": "candela", "lm": "lumen", "lx": "lux", "Ci": "curie", "g%": "gram/deciliter",
    "m[Hg]": "ucum_mercury", "m[H2O]": "ucum_water", "[iU]": "ucum_international", "[IU]": "ucum_international",
}  # fmt: skip
_PLAIN = {
    "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "year/12", "a": "year", "%": "percent", "1": "count",
    "[ppth]": "count/1000", "[ppm]": "count/1000000", "[ppb]": "count/1000000000", "[pptr]": "count/1000000000000",
    "[in_i]": "inch", "[ft_i]": "foot", "[yd_i]": "yard", "[lb_av]": "pound", "[oz_av]": "ounce",
    "[stone_av]": "14*pound", "[gr]": "grain", "[foz_us]": "fluid_ounce", "[pt_us]": "pint",
    "[qt_us]": "quart", "[gal_us]": "gallon", "atm": "standard_atmosphere",
    "[HPF]": "count", "[LPF]": "100*count",  # fields of a microscope
    "[Cal]": "1000*calorie", "deg": "degree", "rad": "radian",
    "[arb'U]": "ucum_arbitrary", "[CFU]": "ucum_colonies", "[PFU]": "ucum_plaques", "[USP'U]": "ucum_pharmacopeia",
}  # fmt: skip
_DEFINITIONS = (
    "ucum_mercury = 133322 * pascal", "ucum_water = 9806.65 * pascal", "ucum_international = [ucum_international]",
    "ucum_arbitrary = [ucum_arbitrary]", "ucum_colonies = [ucum_colonies]", "ucum_plaques = [ucum_plaques]",
    "ucum_pharmacopeia = [ucum_pharmacopeia]",
)  # fmt: skip
_SPECIAL = frozenset(
    ("Cel", "[degF]", "[degRe]", "[pH]", "Np", "B", "B[V]", "B[mV]", "B[uV]", "B[W]", "B[kW]", "B[SPL]")
)
_PREFIXES = {
    "T": "tera", "G": "giga", "M": "mega", "k": "kilo", "h": "hecto", "da": "deka", "d": "deci", "c": "centi",
    "m": "milli", "u": "micro", "n": "nano", "p": "pico", "f": "femto", "a": "atto",
}  # fmt: skip
# What stands in Quantity.unit where no code is given.
_WORDS = {
    "year": "a", "years": "a", "yr": "a", "yrs": "a", "y": "a", "month": "mo", "months": "mo", "week": "wk",
    "weeks": "wk", "day": "d", "days": "d", "hour": "h", "hours": "h", "minute": "min", "minutes": "min",
    "percent": "%", "pct": "%", "millimeter": "mm", "millimeters": "mm", "millimetre": "mm", "millimetres": "mm",
    "centimeter": "cm", "centimeters": "cm", "centimetre": "cm", "centimetres": "cm", "meter": "m", "metre": "m",
    "milligram": "mg", "milligrams": "mg", "gram": "g", "grams": "g", "kilogram": "kg", "kilograms": "kg",
    "milliliter": "mL", "millilitre": "mL", "ml": "mL", "liter": "L", "litre": "L",
    "mmhg": "mm[Hg]", "°c": "Cel", "°f": "[degF]", "mcg": "ug", "iu/l": "[iU]/L", "iu/ml": "[iU]/mL",
}  # fmt: skip

_ANNOTATION = re.compile(r"\{[^{}]*\}")
_TOKEN = re.compile(
    r"(?P<atom>(?:10[*^]|\[[^\[\]]+\]|[A-Za-z]*%|[A-Za-z]+(?:\[[^\[\]]+\])?)(?P<power>[+-]?[0-9]{1,2})?)"
    r"|(?P<number>[0-9]{1,6}(?![0-9]))|(?P<sign>[./()])"
)
_LONGEST = 60
_HIGHEST_POWER = 30


@dataclass(frozen=True)
class Conversion:
    """What a value is multiplied by (exactly), or why it cannot be converted."""

    ratio: Fraction | None
    reason: str | None = None

    @property
    def factor(self) -> float | None:
        """The ratio as a float."""
        return None if self.ratio is None else float(self.ratio)

    @property
    def exact(self) -> Decimal | None:
        """The ratio as a decimal of at most 18 digits before and 20 behind the point; None where it is none."""
        if self.ratio is None:
            return None
        scaled = self.ratio * 10**20
        if scaled.denominator != 1 or self.ratio >= 10**18:
            return None
        return Decimal(scaled.numerator).scaleb(-20).normalize()


def factor(unit: str | None, into: str) -> float | None:
    """What a value in ``unit`` is multiplied by to be in ``into``; None where that cannot be said."""
    return conversion(unit, into).factor


def is_unit(unit: str | None) -> bool:
    """Whether a text is a UCUM unit known here, with a factor or without."""
    return unit is not None and bool(unit.strip()) and _read(unit) is not None


@lru_cache(maxsize=4096)
def conversion(unit: str | None, into: str) -> Conversion:
    """The ratio from one UCUM unit to another, or the reason why there is none. Never raises: units come from data."""
    if unit is None or not unit.strip():
        return Conversion(None, NO_UNIT)
    if _code(unit) == _code(into) and is_unit(into):
        return Conversion(Fraction(1))
    found, wanted = _read(unit), _read(into)
    if found is None or wanted is None:
        return Conversion(None, UNKNOWN_UNIT)
    if found is NO_RATIO or wanted is NO_RATIO:
        return Conversion(None, NO_RATIO)
    if found.dimensionality != wanted.dimensionality:
        return Conversion(None, OTHER_DIMENSION)
    ratio = Fraction((found / wanted).to_base_units().magnitude)
    # Beyond what any table of values holds, and beyond a float.
    if not Fraction(1, 10**60) < ratio < 10**60:
        return Conversion(None, UNKNOWN_UNIT)
    return Conversion(ratio)


def _code(unit: str) -> str:
    # The micro sign and the Greek letter are both written for UCUM's u.
    text = unit.strip().replace("\u00b5", "u").replace("\u03bc", "u")
    return _WORDS.get(text) or _WORDS.get(text.lower()) or text


@lru_cache(maxsize=4096)
def _read(unit: str) -> Any:
    """One of a UCUM unit as a pint quantity with an exact magnitude; NO_RATIO; None where it is not known."""
    text = _code(unit)
    if len(text) > _LONGEST:
        return None
    # An annotation alone is 1; behind an atom it says nothing.
    text = _ANNOTATION.sub("{", text)
    text = re.sub(r"(?<=[^./(]){", "", text).replace("{", "1")
    if re.sub(r"^(?:da|[TGMkhdcmunpfa])(?=Cel$|B)", "", text) in _SPECIAL:
        return NO_RATIO
    tokens: list[re.Match[str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        tokens.append(match)
        at = match.end()
    return _Term(tokens).whole()


class _Term:
    """UCUM's grammar: components joined by ``.`` and ``/`` from left to right, parentheses, a leading ``/``."""

    def __init__(self, tokens: list[re.Match[str]]) -> None:
        self._tokens = tokens
        self._next = 0

    def whole(self) -> Any:
        made = self._term()
        return made if self._next == len(self._tokens) else None

    def _term(self) -> Any:
        made = _registry().Quantity(1) if self._sign("/", take=False) else self._component()
        while made is not None and (over := self._sign("./")):
            part = self._component()
            if part is None:
                return None
            made = made / part if over == "/" else made * part
        return made

    def _component(self) -> Any:
        if self._sign("("):
            made = self._term()
            return made if self._sign(")") else None
        if self._next == len(self._tokens) or self._tokens[self._next]["sign"]:
            return None
        token = self._tokens[self._next]
        self._next += 1
        if token["number"]:
            number = int(token["number"])
            return _registry().Quantity(number) if number else None
        return _atom(token["atom"].removesuffix(token["power"] or ""), int(token["power"] or 1))

    def _sign(self, among: str, take: bool = True) -> str:
        if self._next == len(self._tokens):
            return ""
        sign = self._tokens[self._next]["sign"] or ""
        if not sign or sign not in among:
            return ""
        self._next += take
        return sign


def _atom(name: str, power: int) -> Any:
    if not 0 < abs(power) <= _HIGHEST_POWER:
        return None
    registry = _registry()
    if name in ("10*", "10^"):
        return registry.Quantity(Fraction(10)) ** power
    known = _PLAIN.get(name) or _METRIC.get(name)
    if known is None:
        for prefix, spoken in _PREFIXES.items():
            rest = name.removeprefix(prefix)
            if rest != name and rest in _METRIC:
                made = registry.parse_expression(_METRIC[rest])
                return (registry.parse_expression(f"{spoken}count") / registry.count * made) ** power
        return None
    return registry.parse_expression(known) ** power


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry
