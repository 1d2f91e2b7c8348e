"""Judging one case of the public SQL on FHIR test files: the format's rules, apart from any engine or file.

Format: ``tests.schema.json`` of the suite. Rows are compared without order; numbers by value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any


def same_rows(found: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two lists of rows hold the same rows, as often, in any order."""
    return sorted(map(_canonical, found)) == sorted(map(_canonical, expected))


def passes(case: Mapping[str, Any], found: Sequence[Mapping[str, Any]] | None, columns: Sequence[str] = ()) -> bool:
    """Whether a case is met by the rows found and their column names; ``found`` is None where the engine refused."""
    if case.get("expectError"):
        return found is None
    if found is None:
        return False
    if "expectCount" in case and len(found) != case["expectCount"]:
        return False
    if "expectColumns" in case and list(columns) != list(case["expectColumns"]):
        return False
    return "expect" not in case or same_rows(found, case["expect"])


def _canonical(row: Mapping[str, Any]) -> str:
    return json.dumps({name: _plain(value) for name, value in row.items()}, sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return {"number": _number(Decimal(str(value)))}
    return value


def _number(value: Decimal) -> str:
    if value == 0:  # -0.0 is the number 0
        return "0"
    with localcontext() as context:
        context.prec = 80
        return format(value.normalize(), "f")
