"""Judging a case of the public suite. Oracle: the format's schema, by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mappings.conformance import passes, same_rows

A, B = {"id": "a", "n": 1}, {"id": "b", "n": None}


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        ([A, B], [B, A], True),
        ([A, A], [A], False),
        ([{"n": Decimal("1.50")}], [{"n": 1.5}], True),
        ([{"n": Decimal("-0.0")}], [{"n": 0}], True),
        ([{"n": Decimal("1.0000000000000000000000000000001")}], [{"n": 1}], False),
        ([{"n": True}], [{"n": 1}], False),
        ([{"n": "1"}], [{"n": 1}], False),
        ([{"n": []}], [{"n": None}], False),
    ],
)
def test_rows_are_compared_by_value_without_order(found: list[Any], expected: list[Any], same: bool) -> None:
    assert same_rows(found, expected) is same


def test_a_refusal_passes_only_where_it_is_expected() -> None:
    assert passes({"expectError": True}, None)
    assert not passes({"expectError": True}, [])
    assert not passes({"expect": []}, None)


def test_columns_and_counts() -> None:
    assert passes({"expectColumns": ["id", "n"], "expectCount": 1}, [A], ["id", "n"])
    assert not passes({"expectColumns": ["n", "id"]}, [A], ["id", "n"])
    assert not passes({"expectCount": 2}, [A])
