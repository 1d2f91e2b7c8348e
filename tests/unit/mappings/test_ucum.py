"""UCUM texts. Oracle: UCUM 2.1, its grammar and definitions, by hand (a is 365.25 d, m[Hg] is 133.3220 kPa)."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.ucum import NO_RATIO, NO_UNIT, OTHER_DIMENSION, UNKNOWN_UNIT, conversion, factor, is_unit


@pytest.mark.parametrize(
    ("unit", "into", "expected"),
    [
        ("mm", "cm", Fraction(1, 10)),
        ("centimeters", "mm", 10),
        ("1", "%", 100),
        ("years", "a", 1),
        ("mo", "a", Fraction(1, 12)),
        ("mm[Hg]", "Pa", Fraction(133322, 1000)),
        ("kPa", "mm[Hg]", Fraction(10**6, 133322)),
        ("/min", "/h", 60),
        ("/min/m2", "1/(h.m2)", 60),
        ("mg/24.h", "mg.h", Fraction(1, 24)),  # from left to right
        ("mg/(2.h)", "mg/d", 12),
        ("{lesions}", "1", 1),
        ("/{HPF}", "1", 1),
        ("/[HPF]", "1", 1),
        ("[LPF]", "[HPF]", 100),
        ("10*3{cells}/uL", "10*9/L", 1),
        ("10^9/L", "10*9/L", 1),
        ("dag", "g", 10),
        ("J", "kg.m2.s-2", 1),
        ("[gr]", "mg", Fraction(6479891, 100000)),
        ("cal", "J", Fraction(4184, 1000)),
        ("[Cal]", "kJ", Fraction(4184, 1000)),
        ("U", "umol/min", 1),
        ("mU/L", "U/L", Fraction(1, 1000)),
        ("[degF]", "[degF]", 1),
        ("mmHg", "mm[Hg]", 1),
        ("µg/L", "ug/L", 1),
        ("\u03bcmol/L", "umol/L", 1),
    ],
)
def test_ratios(unit: str, into: str, expected: Fraction | int | None) -> None:
    assert conversion(unit, into).ratio == expected


@pytest.mark.parametrize(
    ("unit", "reason"),
    [
        (None, NO_UNIT),
        (" ", NO_UNIT),
        ("MM", UNKNOWN_UNIT),
        ("mm/", UNKNOWN_UNIT),
        ("(mm", UNKNOWN_UNIT),
        ("mm)", UNKNOWN_UNIT),
        ("m m", UNKNOWN_UNIT),
        ("m0", UNKNOWN_UNIT),
        ("0", UNKNOWN_UNIT),
        ("min2a", UNKNOWN_UNIT),
        ("10-3", UNKNOWN_UNIT),
        ("kmin", UNKNOWN_UNIT),  # a minute takes no prefix
        ("Cel", NO_RATIO),
        ("mCel", NO_RATIO),
        ("[pH]", NO_RATIO),
        ("dB", NO_RATIO),
        ("kg", OTHER_DIMENSION),
        ("[iU]", OTHER_DIMENSION),
        ("[arb'U]", OTHER_DIMENSION),
    ],
)
def test_no_ratio_has_a_reason(unit: str | None, reason: str) -> None:
    made = conversion(unit, "mm")
    assert (made.ratio, made.factor, made.reason) == (None, None, reason)


def test_arbitrary_units_are_converted_into_themselves_only() -> None:
    assert factor("m[iU]/L", "[iU]/L") == 0.001
    assert conversion("[iU]/L", "[arb'U]/L").reason == OTHER_DIMENSION
    assert conversion("[iU]/L", "U/L").reason == OTHER_DIMENSION


@pytest.mark.parametrize("unit", ["10*99", "10*999999999/L", "m" * 100, "(" * 59, "1234567890", "10*30.10*30.10*30/L"])
def test_what_would_take_long_or_be_too_large_is_not_known(unit: str) -> None:
    assert conversion(unit, "/L").ratio is None


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=12), st.text("mgLkdu[]{}()./*^10-2%' H", max_size=14)))
def test_no_text_raises(unit: str) -> None:
    made = conversion(unit, "g/L")
    assert (made.ratio is None) == (made.reason is not None)
    if is_unit(unit):
        assert conversion(unit, unit).ratio == 1
