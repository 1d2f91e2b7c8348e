"""The public report of the SQL on FHIR tests. Oracle: the suite's report schema, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.conformance import case_report, report_of


@pytest.mark.parametrize(
    ("case", "found", "result"),
    [
        ({"title": "t", "expect": [{"a": 1}]}, [{"a": 1}], {"passed": True}),
        ({"title": "t", "expectError": True}, None, {"passed": True}),
        ({"title": "t", "expect": []}, None, {"passed": False, "reason": "refused: why"}),
        ({"title": "t", "expect": [{"a": 2}]}, [{"a": 1}], {"passed": False, "reason": "other values than expected"}),
        ({"title": "t", "expect": []}, [{"a": 1}], {"passed": False, "reason": "1 rows instead of 0"}),
        ({"title": "t", "expectCount": 2}, [{"a": 1}], {"passed": False, "reason": "1 rows instead of 2"}),
        (
            {"title": "t", "expectCount": 1, "expectColumns": ["b"]},
            [{"a": 1}],
            {"passed": False, "reason": "columns a instead of b"},
        ),
    ],
)
def test_a_case_passes_or_says_why_not(case: dict[str, Any], found: Any, result: dict[str, Any]) -> None:
    assert case_report(case, found, ["a"], refusal="why") == {"name": "t", "result": result}


def test_the_report_names_files_then_tests() -> None:
    entry = {"name": "t", "result": {"passed": True}}
    assert report_of({"b.json": [entry], "a.json": []}) == {"a.json": {"tests": []}, "b.json": {"tests": [entry]}}
