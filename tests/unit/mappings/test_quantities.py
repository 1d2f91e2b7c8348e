"""Units. Oracle: UCUM's definitions, by hand (a is 365.25 d, mo is a/12, mm[Hg] is 133.322387415 Pa)."""

from __future__ import annotations

import ibis
import pytest

from mappings.quantities import NO_UNIT, OTHER_DIMENSION, UNKNOWN_UNIT, conversion, converted, factor


@pytest.mark.parametrize(
    ("unit", "into", "expected"),
    [
        ("mm", "cm", 0.1),
        ("cm", "mm", 10),
        ("centimeters", "mm", 10),
        ("%", "%", 1),
        ("1", "%", 100),
        ("a", "d", 365.25),
        ("years", "a", 1),
        ("mo", "a", 1 / 12),
        ("mg/dL", "g/L", 0.01),
        ("umol/L", "mmol/L", 0.001),
        ("10*3/uL", "10*9/L", 1),
        ("kg/m2", "g/cm2", 0.1),
        ("mm[Hg]", "Pa", 133.322387415),
        ("/min", "/h", 60),
        ("mL/min/{1.73_m2}", "L/h", 0.06),
        ("{lesions}", "1", 1),
    ],
)
def test_factors(unit: str, into: str, expected: float) -> None:
    assert factor(unit, into) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "reason"),
    [(None, NO_UNIT), (" ", NO_UNIT), ("MM", UNKNOWN_UNIT), ("Cel", UNKNOWN_UNIT), ("kg", OTHER_DIMENSION)],
)
def test_no_factor_has_a_reason(unit: str | None, reason: str) -> None:
    made = conversion(unit, "mm")
    assert (made.factor, made.reason) == (None, reason)


def test_conversion_on_a_table_keeps_the_factor_and_the_reason() -> None:
    con = ibis.duckdb.connect()
    table = ibis.memtable(
        {"n": [1, 2, 3, 4], "v": [35.0, 3.5, 1.0, None], "u": ["mm", "cm", None, "kg"]},
        schema={"n": "int64", "v": "float64", "u": "string"},
    )
    made = converted(table, "v", "u", "cm", "size", ["mm", "cm", None, "kg"]).order_by("n")
    rows = con.to_pyarrow(made).to_pylist()
    assert [r["size"] for r in rows] == [pytest.approx(3.5), 3.5, None, None]
    assert [r["size_factor"] for r in rows] == [0.1, 1.0, None, None]
    assert [r["size_reason"] for r in rows] == [None, None, NO_UNIT, None]
