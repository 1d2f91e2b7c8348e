"""Judging cases of the public SQL on FHIR test files, and the report: the formats' rules, apart from engine and file.

Formats: ``tests.schema.json`` and ``test-report.schema.json`` of the suite. Rows are compared without order; numbers by
value.
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


def case_report(
    case: Mapping[str, Any], found: Sequence[Mapping[str, Any]] | None, columns: Sequence[str] = (), refusal: str = ""
) -> dict[str, Any]:
    """One entry of a test report: ``name`` and ``result``, with ``passed`` and, of a failure, the ``reason``.

    ``found`` is None where the engine refused, and ``refusal`` what it said.
    """
    passed = passes(case, found, columns)
    result: dict[str, Any] = {"passed": passed}
    if not passed:
        result["reason"] = _reason(case, found, columns, refusal)
    return {"name": str(case.get("title", "")), "result": result}


def report_of(files: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The public report: each file's name to ``tests``, the entries of its cases."""
    return {name: {"tests": list(entries)} for name, entries in sorted(files.items())}


def _reason(
    case: Mapping[str, Any], found: Sequence[Mapping[str, Any]] | None, columns: Sequence[str], refusal: str
) -> str:
    if found is None:
        return f"refused: {refusal}" if refusal else "refused"
    if case.get("expectError"):
        return f"an error is expected, and there are {len(found)} rows"
    if "expectCount" in case and len(found) != case["expectCount"]:
        return f"{len(found)} rows instead of {case['expectCount']}"
    if "expectColumns" in case and list(columns) != list(case["expectColumns"]):
        return f"columns {', '.join(columns)} instead of {', '.join(case['expectColumns'])}"
    if len(found) != len(case["expect"]):
        return f"{len(found)} rows instead of {len(case['expect'])}"
    return "other values than expected"


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
