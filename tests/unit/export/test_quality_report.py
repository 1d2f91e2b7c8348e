"""The checks' outcomes as FHIR. Oracles: fhir.resources' R4B models; R4's MeasureReport; counts by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analysis.export.quality_report import resources


def row(check: str = "age_18_to_110", numerator: int = 7, denominator: int = 50, **more: Any) -> dict[str, Any]:
    status = "PASS" if not numerator else "FAIL"
    return {
        "check_id": check, "table": "analysed", "site": "north", "category": "plausibility: atemporal",
        "severity": "warning", "action": "warn", "numerator": numerator, "denominator": denominator, "threshold": 1.0,
        "status": status, "stops": False, "overridden": "", "reason": "adults only", "error": "", **more,
    }  # fmt: skip


ROWS = [
    row(),
    row("sex_in_value_set", 0),
    row("few", 2),
    row("crashed", 0, 0, status="ERROR", error="it could not be computed", severity="critical", stops=True),
    row("nothing_there", 0, 0, status="NOT_APPLICABLE"),
    row("shut", 20, stops=True, overridden="A. Example, until 2026-12-31: agreed", site="south", severity="critical"),
    row("whole_study", 6, site=""),
    row("within", 10, 500, status="PASS_WITH_VIOLATIONS", site="south"),
]
MADE = resources("small", "A small study", ROWS, {"north": "North", "south": "South"}, "2026-11-27", True, 5)


def of(kind: str) -> list[dict[str, Any]]:
    return [one for one in MADE if one["resourceType"] == kind]


@pytest.mark.parametrize("at", range(len(MADE)))
def test_every_resource_is_valid_r4(at: int) -> None:
    from fhir.resources.R4B import get_fhir_model_class

    get_fhir_model_class(MADE[at]["resourceType"]).model_validate(MADE[at])


def test_a_report_and_an_outcome_for_each_site_and_for_the_study() -> None:
    assert [one["reporter"]["display"] for one in of("MeasureReport")] == ["North", "South", "A small study"]
    assert len(of("OperationOutcome")) == 3
    assert len({one["id"] for one in MADE}) == len(MADE)


def test_counts_stand_as_denominator_numerator_and_percentage() -> None:
    group = next(g for g in of("MeasureReport")[0]["group"] if g["code"]["text"].startswith("age 18"))
    assert [p["count"] for p in group["population"]] == [50, 7]
    assert group["measureScore"]["value"] == 14


def test_small_counts_and_what_gives_them_away_are_withheld() -> None:
    group = next(g for g in of("MeasureReport")[0]["group"] if g["code"]["text"].startswith("few"))
    assert [p.get("count") for p in group["population"]] == [50, None]
    assert "value" not in group["measureScore"]
    issue = next(i for i in of("OperationOutcome")[0]["issue"] if i["details"]["coding"][0]["code"] == "few")
    assert issue["diagnostics"].startswith("analysed: a number that is not told violate")


def test_an_error_is_an_exception_and_has_no_counts() -> None:
    issue = next(i for i in of("OperationOutcome")[0]["issue"] if i["details"]["coding"][0]["code"] == "crashed")
    assert (issue["severity"], issue["code"], issue["diagnostics"]) == (
        "error", "exception", "it could not be computed; stops the analysis",
    )  # fmt: skip


def test_what_was_not_asked_or_passed_is_no_issue() -> None:
    told = {i["details"]["coding"][0]["code"] for one in of("OperationOutcome") for i in one["issue"]}
    assert told == {"age_18_to_110", "few", "crashed", "shut", "whole_study", "within"}
    assert "nothing_there" not in json.dumps(of("MeasureReport"))


def test_an_override_is_told_with_its_name() -> None:
    issue = of("OperationOutcome")[1]["issue"][0]
    assert "let pass by A. Example, until 2026-12-31: agreed" in issue["diagnostics"]


def test_a_site_where_all_passed_says_so() -> None:
    made = resources("small", "t", [row("a_check", 0)], {"north": "North"}, "2026-11-27", False, 5)
    outcome = next(one for one in made if one["resourceType"] == "OperationOutcome")
    assert outcome["issue"][0]["details"]["text"] == "every check passed"
    assert "meta" not in outcome


def test_ids_are_those_of_an_earlier_export() -> None:
    later = resources("small", "A small study", [row(numerator=30)], {"north": "North"}, "2026-11-28", True, 5)
    assert [one["id"] for one in later if one["resourceType"] == "MeasureReport"] == [of("MeasureReport")[0]["id"]]


def test_a_denominator_whose_difference_to_another_is_small_is_withheld() -> None:
    rows = [
        row("all", 0, 80) | {"table": "endpoints"},
        row("had_it", 10, 77) | {"table": "events"},  # 80 - 77: three are censored
        row("raw", 10, 77) | {"table": "observation"},
    ]
    made = resources("small", "t", rows, {"north": "North"}, "2026-11-27", False, 5)
    groups = {g["code"]["text"]: g for g in next(m for m in made if m["resourceType"] == "MeasureReport")["group"]}
    told = {name: [p.get("count") for p in g["population"]] for name, g in groups.items()}
    assert told == {"all (endpoints)": [80, 0], "had it (events)": [None, None], "raw (observation)": [77, 10]}


def test_what_stops_is_no_mere_information() -> None:
    rows = [row("shares", 30, 100, status="PASS_WITH_VIOLATIONS", stops=True)]
    made = resources("small", "t", rows, {"north": "North"}, "2026-11-27", False, 5)
    issue = next(m for m in made if m["resourceType"] == "OperationOutcome")["issue"][0]
    assert (issue["severity"], "stops the analysis" in issue["diagnostics"]) == ("warning", True)
