"""Rows of engines made comparable. Oracle: what equal rows are, written out by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from benchmarks.mapping.canonical import (
    DOUBLES,
    TEXT_NUMBERS,
    TYPED_KEYS,
    WRAPPED_NUMBERS,
    canonical,
    columns_of,
    compared,
)

VIEW = {
    "select": [
        {"column": [{"name": "id", "path": "getResourceKey()", "type": "string"}]},
        {
            "forEach": "x",
            "column": [
                {"name": "value", "path": "value", "type": "decimal"},
                {"name": "number", "path": "number", "type": "unsignedInt"},
                {"name": "uri", "path": "uri", "type": "uri"},
            ],
        },
    ]
}
OURS = {"id": "1", "value": Decimal("1.100"), "number": 7, "uri": "http://a/b"}


def lines(*rows: dict[str, Any]) -> tuple[list[str], set[str]]:
    remarks: set[str] = set()
    return list(canonical(rows, columns_of(VIEW), remarks)), remarks


@pytest.mark.parametrize(
    ("theirs", "remark"),
    [
        ({"id": "Patient/1"}, TYPED_KEYS),
        ({"value": "1.10"}, TEXT_NUMBERS),
        ({"value": 1.1}, DOUBLES),
        ({"number": {"$private": "7"}}, WRAPPED_NUMBERS),
    ],
)
def test_another_form_of_the_same_row_is_equal_and_remarked(theirs: dict[str, Any], remark: str) -> None:
    ours, none = lines(OURS)
    found, remarks = lines({**OURS, **theirs})
    assert (none, remarks) == (set(), {remark})
    assert compared(ours, found) == {"same": 1, "only_ours": 0, "only_theirs": 0}


@pytest.mark.parametrize(
    "theirs", [{"id": "2"}, {"value": None}, {"value": 1.1000001}, {"number": 8}, {"uri": "b"}, {"uri": None}]
)
def test_another_row_is_not_equal(theirs: dict[str, Any]) -> None:
    counts = compared(lines(OURS)[0], lines({**OURS, **theirs})[0])
    assert counts == {"same": 0, "only_ours": 1, "only_theirs": 1}


def test_rows_count_as_often_as_they_are_there() -> None:
    other = {**OURS, "id": "2"}
    counts = compared(lines(OURS, other, OURS)[0], lines(other, OURS)[0])
    assert counts == {"same": 2, "only_ours": 1, "only_theirs": 0}


def test_the_order_of_rows_and_of_names_is_nothing() -> None:
    other = {**OURS, "id": "2"}
    backwards = dict(reversed(other.items()))
    counts = compared(lines(OURS, other)[0], lines(backwards, OURS)[0])
    assert counts == {"same": 2, "only_ours": 0, "only_theirs": 0}
