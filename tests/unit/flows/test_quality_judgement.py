"""Other thresholds on counts that are there. Oracle: the percentages by hand; the judgement of a run."""

from __future__ import annotations

import pandas as pd

from analysis.study.own_checks import CheckRules, SiteCheckRules
from expectations.catalogue import asked_of, catalogue
from expectations.model import Finding
from expectations.outcomes import frame, outcome
from flows.quality_judgement import changes, rejudged
from tests.unit.derive.hospital import study

CHECKS = {check.id: check for check in catalogue()}


def kept() -> pd.DataFrame:
    found = [
        outcome(CHECKS["response_recorded"], Finding("response_recorded", "responses", 100, 15, site="north")),
        outcome(CHECKS["response_recorded"], Finding("response_recorded", "responses", 100, 15, site="south")),
        outcome(CHECKS["code_system_recognised"], Finding("code_system_recognised", "condition", 0, 0, site="north")),
        outcome(CHECKS["resource_id_unique"], Finding("resource_id_unique", "patient", 50, 1, site="north")),
    ]
    return frame(found).assign(run="r")


def test_todays_thresholds_change_what_they_change_and_no_count() -> None:
    asked = asked_of(
        study(checks=CheckRules(thresholds={"response_recorded": 20}, actions={"resource_id_unique": "warn"})),
        {"south": SiteCheckRules(thresholds={"response_recorded": 5})},
    )
    before, today = kept(), rejudged(kept(), asked)
    said = {(one.check, one.site): (one.was, one.status, one.stopped, one.stops) for one in changes(before, today)}
    assert said == {
        ("response_recorded", "north"): ("FAIL", "PASS_WITH_VIOLATIONS", False, False),
        ("resource_id_unique", "north"): ("FAIL", "FAIL", True, False),
    }
    same = ["run", "check_id", "table", "site", "numerator", "denominator", "subjects"]
    pd.testing.assert_frame_equal(before[same], today[same])
    assert list(today["threshold"][today["site"] == "south"]) == [5.0]


def test_the_same_thresholds_change_nothing() -> None:
    before = kept()
    pd.testing.assert_frame_equal(before, rejudged(before, asked_of(study())))


def test_a_check_that_is_no_more_stays_as_it_was() -> None:
    gone = kept().assign(check_id="check_of_old")
    pd.testing.assert_frame_equal(gone, rejudged(gone, asked_of(study())))
