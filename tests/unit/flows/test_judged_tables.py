"""Checks on tables as mapped, from counts to outcomes and rows. Oracle: violations planted and counted by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import pytest

from analysis.study.own_checks import CheckRules, SiteCheckRules
from expectations.catalogue import Asked, asked_of, catalogue
from expectations.known_systems import RECOGNISED
from expectations.model import Finding
from expectations.outcomes import Outcome
from flows.quality_counts import Counts
from flows.quality_tables import Judged, judge_tables, judged_counts
from tests.fixtures.raw_tables import CLEAN_RESOURCES, hospital, on_duckdb
from tests.unit.derive.hospital import study

TODAY = date(2024, 6, 1)
SITES = ("north", "south")
NOTHING = pd.DataFrame()
BROKEN = Counts(NOTHING, NOTHING, "the tables could not be described (IOException)")


def own(column: str, regex: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "own_one", "table": "observation", "category": "completeness", "reason": "r", "consequence": "c",
        "rule": {"kind": "matches", "column": column, "regex": regex}, **more,
    }  # fmt: skip


def judged(asked: Asked, more: dict[str, Any] | None = None) -> Judged:
    tables = on_duckdb(hospital(more))
    return judge_tables(tables, {}, asked, SITES, TODAY, RECOGNISED, BROKEN)


def of(found: Judged, check: str) -> dict[str, Outcome]:
    return {one.finding.site: one for one in found.outcomes if one.check.id == check}


IN_INCHES = {"observation": [{"value_unit": "in"}, {"value_unit": "in", "site": "south"}]}


@pytest.mark.parametrize("action", ["warn", "drop", "stop"])
def test_a_studys_own_check_is_asked_of_every_sites_rows(action: str) -> None:
    asked = asked_of(study(checks=CheckRules.model_validate({"own": [own("value_unit", "^cm$", action=action)]})))
    clean, planted = (of(judged(asked, more), "own_one") for more in (None, IN_INCHES))
    assert [(one.status, one.finding.numerator, one.stops) for one in clean.values()] == [
        ("PASS", 0, False), ("NOT_APPLICABLE", 0, False),
    ]  # fmt: skip
    said = {site: (one.status, one.finding.numerator, one.finding.denominator) for site, one in planted.items()}
    assert said == {"north": ("FAIL", 1, CLEAN_RESOURCES + 1), "south": ("FAIL", 1, 1)}
    assert [one.stops for one in planted.values()] == [action == "stop"] * 2


def test_a_sites_own_check_looks_at_its_rows_only() -> None:
    asked = asked_of(study(), {"north": SiteCheckRules.model_validate({"own": [own("value_unit", "^cm$")]})})
    found = judged(asked, IN_INCHES)
    assert list(of(found, "own_one")) == ["north"]
    rows = found.failures[found.failures["check_id"] == "own_one"]
    assert list(zip(rows["site"], rows["id"], strict=True)) == [("north", f"observation-{CLEAN_RESOURCES}")]


def test_a_column_that_is_not_there_is_an_error_that_stops_where_its_failure_would() -> None:
    asked = asked_of(study(checks=CheckRules.model_validate({"own": [own("nowhere", "x", action="drop")]})))
    assert {(one.status, one.stops) for one in of(judged(asked), "own_one").values()} == {("ERROR", True)}


def test_no_raw_check_is_lost_and_every_site_has_an_outcome() -> None:
    found = judged(asked_of(study()))
    on_tables = {check.id for check in catalogue() if check.raw and check.table not in ("landing", "responses")}
    for check in on_tables:
        assert set(of(found, check)) == set(SITES), check


def test_counts_that_cannot_be_made_put_the_checks_with_history_in_error_and_no_other() -> None:
    found = judged(asked_of(study()))
    in_error = {one.check.id for one in found.outcomes if one.status == "ERROR"}
    history = {check.id for check in catalogue() if check.rule.kind == "history" and check.table != "responses"}
    assert in_error == history
    drops = of(found, "records_drop_over_5_percent")
    assert all(one.stops for one in drops.values())  # what could not be compared is not let through


def test_where_great_expectations_judges_a_percentage_otherwise_the_outcome_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = asked_of(study())
    found = [
        Finding("code_system_recognised", "observation", 100, 6, site="north"),  # 5 % are accepted
        Finding("code_system_recognised", "observation", 100, 5, site="south"),
        Finding("code_system_recognised", "condition", 0, 0, site="north"),
    ]
    assert [one.status for one in judged_counts(asked, found)] == ["FAIL", "PASS_WITH_VIOLATIONS", "NOT_APPLICABLE"]
    blind = Finding("share_is_accepted", "shares", 2, 0)
    monkeypatch.setattr("expectations.gx.judge", lambda *_: [blind])
    assert [one.status for one in judged_counts(asked, found)] == ["ERROR", "PASS_WITH_VIOLATIONS", "NOT_APPLICABLE"]
    monkeypatch.setattr("expectations.gx.judge", lambda *_: [replace(blind, error="it crashed")])
    assert {one.status for one in judged_counts(asked, found)} == {"ERROR"}
