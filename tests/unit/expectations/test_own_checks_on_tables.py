"""Own checks on tables as mapped: the rules of rows in Ibis. Oracle: rows written and counted by hand."""

from __future__ import annotations

from typing import Any

import ibis
import pandas as pd
import pytest

from expectations.model import Check
from expectations.own_raw import own_failing, own_findings

ROWS = pd.DataFrame(
    [
        ("north", "a", "1", "p1", "final", 5.0, "2020-01-02", "2020-01-01", "x"),
        ("north", "b", "1", "p2", "draft", 50.0, "2020-01", "2020-01-15", "y"),
        ("north", "c", "1", "p2", None, None, "2019-12-31", "2020-01-01", "x"),
        ("north", "c", "1", "p2", "final", 7.0, None, "2020-01-01", "y"),
        ("south", "a", "1", "p1", "draft", -1.0, "2021", "2020-01-01", "x"),
    ],
    columns=["site", "id", "version", "patient_id", "status", "value", "day", "other", "kind"],
)
TABLE = ibis.memtable(ROWS)
# rule: violations and askings at north, then at south; a resource of two rows counts once.
RULES: dict[str, tuple[dict[str, Any], tuple[int, int], tuple[int, int]]] = {
    "in_set": ({"column": "status", "values": ["final"]}, (1, 3), (1, 1)),
    "matches": ({"column": "status", "regex": "^f"}, (1, 3), (1, 1)),
    "not_null": ({"column": "value"}, (1, 3), (0, 1)),
    "between": ({"column": "value", "low": 0, "high": 10}, (1, 3), (1, 1)),
    "equal": ({"column": "day", "other": "other"}, (3, 3), (1, 1)),
    "not_before": ({"column": "day", "other": "other"}, (1, 3), (0, 1)),
    "not_together": (
        {"column": "status", "values": ["draft"], "other": "kind", "other_values": ["y"]}, (1, 3), (0, 1),
    ),
}  # fmt: skip


def check(kind: str, **rule: Any) -> Check:
    return Check.model_validate(
        {
            "id": "own", "table": "observation", "category": "completeness", "reason": "r", "consequence": "c",
            "rule": {"kind": kind, **rule},
        }
    )  # fmt: skip


@pytest.mark.parametrize("kind", RULES)
def test_each_rule_counts_resources_by_site(kind: str) -> None:
    rule, north, south = RULES[kind]
    found = own_findings({"observation": TABLE}, [check(kind, **rule)], ["north", "south", "west"])
    assert [(f.site, (f.numerator, f.denominator), f.error) for f in found] == [
        ("north", north, ""), ("south", south, ""), ("west", (0, 0), ""),
    ]  # fmt: skip


def test_the_rows_that_fail_are_named_once() -> None:
    rows = own_failing(TABLE, check("in_set", column="status", values=["final"]), None)
    assert list(zip(rows["site"], rows["id"], strict=True)) == [("north", "b"), ("south", "a")]
    other = check("in_set", column="kind", values=["z"])  # a at p1, b and c of p2 at north; a at south
    assert [list(zip(r["site"], r["id"], strict=True)) for r in (own_failing(TABLE, other, n) for n in (1, 2))] == [
        [("north", "a"), ("south", "a")], [("north", "a"), ("north", "b"), ("south", "a")],
    ]  # fmt: skip


@pytest.mark.parametrize("rule", [{"column": "nowhere"}, {"column": "status", "low": 0}])
def test_what_cannot_be_asked_is_an_error_without_a_value(rule: dict[str, Any]) -> None:
    kind = "between" if "low" in rule else "not_null"
    found = own_findings({"observation": TABLE}, [check(kind, **rule)], ["north"])[0]
    assert found.error.startswith("the check could not be computed (")
    assert "draft" not in found.error
