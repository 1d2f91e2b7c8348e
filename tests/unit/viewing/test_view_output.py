"""Decimals as text. Oracle: Python's decimal module."""

from __future__ import annotations

from decimal import Decimal, localcontext

import orjson
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from flows.viewing.output import _csv_column, _json_values, decimal_texts

NUMBERS = st.none() | st.decimals(
    min_value=-(10**20) + 1, max_value=10**20 - 1, places=18, allow_nan=False, allow_infinity=False
)
TYPE = pa.decimal128(38, 18)


def plain(number: Decimal | None) -> str | None:
    if number is None:
        return None
    with localcontext() as context:
        context.prec = 50
        return format(number.normalize(), "f") if number else "0"


@given(st.lists(NUMBERS | st.sampled_from([Decimal(text) for text in ("0", "1.10", "100", "-1E-18", "2E-7", "1E+3")])))
def test_decimals_are_plain_and_exact(numbers: list[Decimal | None]) -> None:
    column = pa.array(numbers, TYPE)
    assert decimal_texts(column).to_pylist() == [plain(number) for number in numbers]
    assert orjson.dumps(_json_values(column)).decode() == f"[{','.join(plain(number) or 'null' for number in numbers)}]"


def test_lists_are_json_in_csv() -> None:
    numbers = pa.array([[Decimal("1.10"), None], [], None], pa.list_(TYPE))
    texts = pa.array([['"', "é"], [], None], pa.list_(pa.string()))
    assert _csv_column(numbers).to_pylist() == ["[1.1,null]", "[]", None]
    assert _csv_column(texts).to_pylist() == ['["\\"","é"]', "[]", None]
