"""The Great Expectations adapter. Oracle: violations planted and counted by hand; GX's own traps."""

import pandas as pd
import pytest

from expectations.gx import judge
from expectations.model import Check
from expectations.outcomes import status

CANARY = "Zz-canary-7731"


def check(id_, rule, threshold=0.0, action="drop"):
    return Check(
        id=id_, table="t", category="completeness", severity="critical", action=action, threshold=threshold,
        reason="because", consequence="so", rule=rule,
    )  # fmt: skip


FRAME = pd.DataFrame(
    {
        "USUBJID": ["a", "b", "c", "d", "d"],
        "arm": ["A", "B", CANARY, None, "A"],
        "day": pd.to_datetime(["2020-01-01", "2020-01-05", None, "2020-01-02", "2020-01-09"]),
        "death": pd.to_datetime(["2020-01-02", "2020-01-01", "2020-01-01", None, "2020-01-09"]),
        "aval": [1.0, -1.0, float("nan"), 3.0, 200.0],
        "again": [1.0, 2.0, 5.0, 3.0, 200.0],
    }
)
RULES = [
    ("in_set", {"kind": "in_set", "column": "arm", "values": "@arms"}, 1, 4, (2,)),
    ("matches", {"kind": "matches", "column": "USUBJID", "regex": "^[a-c]$"}, 2, 5, (3, 4)),
    ("not_null", {"kind": "not_null", "column": "day"}, 1, 5, (2,)),
    ("unique", {"kind": "unique", "column": "USUBJID"}, 2, 5, (3, 4)),
    ("not_before", {"kind": "not_before", "column": "death", "other": "day"}, 1, 3, (1,)),
    ("equal", {"kind": "equal", "column": "aval", "other": "again"}, 1, 4, (1,)),
    (
        "not_together",
        {"kind": "not_together", "column": "arm", "values": ["A", "B"], "other": "USUBJID", "other_values": ["a", "d"]},
        2,
        4,
        (0, 4),
    ),
    ("between", {"kind": "between", "column": "aval", "low": 0, "high": 110}, 2, 4, (1, 4)),
]


@pytest.fixture(scope="module")
def findings():
    checks = [check(name, rule) for name, rule, *_ in RULES]
    return {f.check_id: f for f in judge(FRAME, checks, {"@arms": ["A", "B"]})}


@pytest.mark.parametrize(("name", "numerator", "denominator", "rows"), [(r[0], *r[2:]) for r in RULES])
def test_each_rule_counts_exactly_the_planted_violations(findings, name, numerator, denominator, rows):
    found = findings[name]
    assert (found.numerator, found.denominator, found.rows, found.error) == (numerator, denominator, rows, "")


def test_no_value_leaves_the_adapter(findings):
    assert CANARY not in repr(findings)


def test_a_missing_column_is_an_error_and_not_a_failure():
    found = judge(FRAME, [check("gone", {"kind": "not_null", "column": "nowhere"})], {})[0]
    assert found.error
    assert status(0, found) == "ERROR"


def test_a_crashed_check_names_no_value():
    frame = pd.DataFrame({"day": [CANARY, "x"], "other": [1, 2]})
    found = judge(frame, [check("crash", {"kind": "not_before", "column": "day", "other": "other"})], {})[0]
    assert found.error
    assert CANARY not in found.error


def test_an_empty_frame_is_not_applicable_and_not_a_pass():
    found = judge(FRAME.iloc[:0], [check("empty", {"kind": "not_null", "column": "day"})], {})[0]
    assert status(0, found) == "NOT_APPLICABLE"


def test_an_all_null_column_is_not_applicable_for_a_value_check():
    frame = pd.DataFrame({"arm": pd.Series([None, None], dtype="object")})
    found = judge(frame, [check("null", {"kind": "in_set", "column": "arm", "values": ["A"]})], {})[0]
    assert status(0, found) == "NOT_APPLICABLE"


def test_violations_below_the_threshold_pass_with_violations(findings):
    assert status(50, findings["in_set"]) == "PASS_WITH_VIOLATIONS"
    assert status(25, findings["in_set"]) == "PASS_WITH_VIOLATIONS"
    assert status(24.9, findings["in_set"]) == "FAIL"


def test_a_suite_that_lost_a_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import great_expectations

    class Forgetful(great_expectations.ExpectationSuite):
        def __init__(self, name, expectations):
            super().__init__(name=name, expectations=expectations[:-1])

    monkeypatch.setattr(great_expectations, "ExpectationSuite", Forgetful)
    with pytest.raises(RuntimeError, match="the suite holds 1 of 2 checks"):
        judge(FRAME, [check("one", RULES[2][1]), check("two", RULES[3][1])], {})


def test_results_are_joined_by_id_in_whatever_order_they_come_and_a_lost_one_is_an_error(monkeypatch):
    from great_expectations.datasource.fluent.interfaces import Batch

    validate = Batch.validate

    def shuffled(self, suite, **more):
        outcome = validate(self, suite, **more)
        outcome.results = [
            one for one in reversed(outcome.results) if one.expectation_config.meta["check_id"] != "lost"
        ]
        return outcome

    monkeypatch.setattr(Batch, "validate", shuffled)
    asked = [check("unique", RULES[3][1]), check("lost", RULES[2][1]), check("null", RULES[2][1])]
    found = judge(FRAME, asked, {})
    assert [(one.check_id, one.numerator, one.error) for one in found] == [
        ("unique", 2, ""), ("lost", 0, "no result came back"), ("null", 1, ""),
    ]  # fmt: skip
