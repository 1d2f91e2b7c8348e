"""Values in other units, on tables. Oracles: UCUM's definitions multiplied by hand; Python's Decimal and Fraction."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.errors import DefinitionError
from mappings.quantities import (
    NO_RATIO,
    NO_UNIT,
    OTHER_DIMENSION,
    TOO_LARGE,
    UNKNOWN_UNIT,
    UnitConversion,
    conversion,
    unconverted,
    units_of,
    with_units,
)

# Value, its unit, the unit wanted, the value wanted as it must print.
LABORATORY = [
    ("13.2", "g/dL", "g/L", "132"),
    ("132", "g/L", "g/dL", "13.2"),
    ("5.4", "mmol/L", "umol/L", "5400"),
    ("88.4", "umol/L", "mmol/L", "0.0884"),
    ("120", "mm[Hg]", "kPa", "15.99864"),
    ("80", "mm[Hg]", "Pa", "10665.76"),
    ("10", "cm[H2O]", "kPa", "0.980665"),
    ("4.5", "10*9/L", "10*3/uL", "4.5"),
    ("7200", "/uL", "10*9/L", "7.2"),
    ("4.51", "10*12/L", "10*6/uL", "4.51"),
    ("250", "10*3/uL", "10*9/L", "250"),
    ("0.1", "mg/dL", "g/L", "0.001"),
    ("35.1", "ug/mL", "mg/L", "35.1"),
    ("400.5", "ng/mL", "ug/L", "400.5"),
    ("3", "pg", "g", "0.000000000003"),
    ("2.35", "m[iU]/L", "u[iU]/mL", "2.35"),
    ("1.5", "k[IU]/L", "[iU]/L", "1500"),
    ("40", "U/L", "kU/L", "0.04"),
    ("60", "U/L", "ukat/L", "1"),
    ("290", "mosm/kg", "osm/kg", "0.29"),
    ("140", "meq/L", "mmol/L", "140"),
    ("70", "mm", "cm", "7"),
    ("180", "[lb_av]", "kg", "81.6466266"),
    ("70", "[in_i]", "cm", "177.8"),
    ("25", "kg/m2", "g/cm2", "2.5"),
    ("150", "mg/(24.h)", "mg/d", "150"),
    ("90", "mL/min/{1.73_m2}", "L/h", "5.4"),
    ("45", "%", "1", "0.45"),
    ("12", "g%", "g/L", "120"),
    ("1", "a", "d", "365.25"),
    ("18", "mo", "a", "1.5"),
    ("30", "min", "h", "0.5"),
    ("7.1", "kPa", "mm[Hg]", "53.2545266348"),
    ("1000000", "s", "a", "0.031688087814"),
    ("36.6", "Cel", "Cel", "36.6"),
    ("-0.7", "mmol/L", "umol/L", "-700"),
]


def table(rows: list[tuple[str | None, str | None]], more: list[str | None] | None = None) -> ibis.Table:
    numbers = [None if value is None else Decimal(value) for value, _ in rows]
    made = {
        "n": pa.array(range(len(rows)), pa.int64()),
        "v": pa.array(numbers, pa.decimal128(38, 18)),
        "u": pa.array([unit for _, unit in rows], pa.string()),
    }
    return ibis.memtable(pa.table(made | ({} if more is None else {"t": pa.array(more, pa.string())})))


def converted(rows: ibis.Table, *asked: UnitConversion) -> list[dict[str, Any]]:
    con = ibis.duckdb.connect()
    made = with_units(rows, asked, units_of(con, rows, asked))
    found: list[dict[str, Any]] = con.to_pyarrow(made.order_by("n")).to_pylist()
    return found


@pytest.mark.parametrize(("value", "unit", "wanted", "expected"), LABORATORY)
def test_common_units_print_the_number_expected(value: str, unit: str, wanted: str, expected: str) -> None:
    row = converted(table([(value, unit)]), UnitConversion("v", ("u",), wanted, "x"))[0]
    assert row["x"] == Decimal(expected)
    assert row["x_reason"] is None
    assert row["x_factor"] == pytest.approx(float(Decimal(expected) / Decimal(value)), rel=1e-12)


def test_what_is_not_converted_has_a_reason_and_is_counted() -> None:
    rows = table(
        [
            ("1", "kg"),
            ("1", "foo"),
            ("1", None),
            ("1", " "),
            (None, "kg"),
            ("1", "[degF]"),
            ("99999999999999999999", "km"),
        ]
    )
    asked = UnitConversion.parse("v:u:mm")
    got = converted(rows, asked)
    reasons = [OTHER_DIMENSION, UNKNOWN_UNIT, NO_UNIT, NO_UNIT, None, NO_RATIO, TOO_LARGE]
    assert [row["v_in_mm_reason"] for row in got] == reasons
    assert [row["v_in_mm"] for row in got] == [None] * 7
    assert [row["v_in_mm_factor"] for row in got] == [None] * 7
    con = ibis.duckdb.connect()
    made = with_units(rows, [asked], units_of(con, rows, [asked]))
    assert unconverted(con, made, [asked]) == {
        ("v_in_mm", NO_RATIO): 1,
        ("v_in_mm", NO_UNIT): 2,
        ("v_in_mm", TOO_LARGE): 1,
        ("v_in_mm", UNKNOWN_UNIT): 1,
        ("v_in_mm", OTHER_DIMENSION): 1,
    }


def test_the_code_goes_before_the_text_and_the_text_helps_out() -> None:
    rows = table([("5", "cm"), ("5", None), ("5", "258672001"), ("5", "kg")], ["mm", "mm", "mm", "mm"])
    got = converted(rows, UnitConversion.parse("v:u,t:mm"))
    assert [row["v_in_mm"] for row in got] == [50, 5, 5, None]
    assert got[3]["v_in_mm_reason"] == OTHER_DIMENSION


def test_one_column_is_converted_into_several_units() -> None:
    got = converted(table([("13.2", "g/dL"), ("5.4", "mmol/L")]), *map(UnitConversion.parse, ("v:u:g/L", "v:u:umol/L")))
    assert [(row["v_in_g_L"], row["v_in_umol_L"]) for row in got] == [(Decimal(132), None), (None, Decimal(5400))]


def test_integers_and_floats_are_converted_too() -> None:
    rows = ibis.memtable({"n": [0], "i": [35], "f": [13.2], "u": ["mm"]})
    got = converted(rows, UnitConversion("i", ("u",), "cm", "a"), UnitConversion("f", ("u",), "cm", "b"))[0]
    assert (got["a"], got["b"]) == (Decimal("3.5"), Decimal("1.32"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("v:u:mg/dl/", "no UCUM unit"),
        ("v:u", "VALUE_COLUMN:UNIT_COLUMN:UNIT"),
        ("v::mm", "VALUE_COLUMN:UNIT_COLUMN:UNIT"),
        ("vv:u:mm", "did you mean v?"),
        ("v:n:mm", "holds no text"),
        ("u:u:mm", "holds no number"),
        ("v:u:%", "two columns"),
    ],
)
def test_a_conversion_that_cannot_be_is_refused_before_data(asked: str, message: str) -> None:
    rows = table([("1", "mm")]).mutate(v_in_percent=1)
    with pytest.raises(DefinitionError) as caught:
        with_units(rows, [UnitConversion.parse(asked)], ["mm"])
    assert message in str(caught.value)


UNITS = ["g/L", "mg/dL", "g/dL", "kg/L", "ng/mL", "pg/mL", "[lb_av]/[foz_us]", "ug/dL", "mg/mL"]
NUMBER = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=9)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(NUMBER, st.sampled_from(UNITS)), min_size=1, max_size=30), st.sampled_from(UNITS[:6]))
def test_products_are_exact_where_the_factor_is_a_decimal(rows: list[tuple[Decimal, str]], wanted: str) -> None:
    got = converted(table([(str(value), unit) for value, unit in rows]), UnitConversion("v", ("u",), wanted, "x"))
    for (value, unit), row in zip(rows, got, strict=True):
        ratio = conversion(unit, wanted).ratio
        assert ratio is not None
        product = Fraction(value) * ratio
        if row["x_reason"] == TOO_LARGE:
            assert abs(product) >= 10**5
        elif conversion(unit, wanted).exact is not None:
            assert abs(Fraction(row["x"]) - product) <= Fraction(1, 2 * 10**18)
        else:
            assert float(row["x"]) == pytest.approx(float(product), rel=1e-11, abs=1e-18)
