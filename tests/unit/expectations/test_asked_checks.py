"""The catalogue as a study and its sites change it. Oracle: the words of docs/quality-checks.md."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from analysis.study.own_checks import CheckRules, SiteCheckRules
from expectations.catalogue import analysis_checks, asked_of, catalogue
from mappings.errors import DefinitionError
from tests.unit.derive.hospital import study

OWN: dict[str, Any] = {
    "id": "small_lesions_only",
    "table": "analysed",
    "category": "plausibility: atemporal",
    "reason": "because",
    "consequence": "so",
    "rule": {"kind": "between", "column": "size", "low": 0, "high": 3},
}


def rules(**said: Any) -> Any:
    return study(checks=CheckRules.model_validate(said))


def test_the_catalogue_holds_45_checks_and_more_in_every_category() -> None:
    categories = Counter(check.category for check in catalogue())
    assert len(catalogue()) >= 45
    assert set(categories) == {
        "conformance: value", "conformance: relational", "conformance: computational", "completeness",
        "plausibility: atemporal", "plausibility: temporal",
    }  # fmt: skip
    assert {check.context for check in catalogue()} == {"verification", "validation"}


@pytest.mark.parametrize("check", catalogue(), ids=lambda check: check.id)
def test_each_check_says_why_and_what_follows(check: Any) -> None:
    assert len(check.reason) > 20
    assert len(check.consequence) > 10
    assert check.reason[0].islower() or not check.reason[0].isalpha()
    assert not check.reason.endswith(".")
    # What stops by its action at any single record, or by a share, is critical.
    assert (check.action == "warn" and check.stop_above is None) or check.severity == "critical"


def test_a_study_changes_action_threshold_and_share() -> None:
    asked = asked_of(
        rules(
            actions={"age_18_to_110": "drop"},
            thresholds={"response_recorded": 20},
            stop_above={"code_system_recognised": 30},
        )
    )
    assert asked.at("age_18_to_110").action == "drop"
    assert asked.at("response_recorded").threshold == 20
    assert asked.at("code_system_recognised").stop_above == 30
    assert asked.at("sex_in_value_set") == {check.id: check for check in catalogue()}["sex_in_value_set"]


def test_a_site_changes_its_own_only() -> None:
    asked = asked_of(
        study(), {"north": SiteCheckRules(thresholds={"response_recorded": 50}), "south": SiteCheckRules()}
    )
    assert [asked.at("response_recorded", site).threshold for site in ("north", "south", "")] == [50, 10, 10]


def test_a_sites_change_stands_on_the_studys() -> None:
    site = SiteCheckRules(actions={"response_recorded": "stop"})
    asked = asked_of(rules(thresholds={"response_recorded": 20}), {"north": site})
    assert (asked.at("response_recorded", "north").threshold, asked.at("response_recorded", "north").action) == (
        20,
        "stop",
    )


def test_own_checks_of_study_and_site_are_asked() -> None:
    asked = asked_of(rules(own=[OWN]), {"north": SiteCheckRules.model_validate({"own": [{**OWN, "id": "of_north"}]})})
    assert asked.at("small_lesions_only").rule.kind == "between"
    assert [check.id for check in asked.own_of("north")] == ["of_north"]
    assert asked.own_of("south") == ()
    assert "small_lesions_only" in {check.id for check in analysis_checks(study(), asked)}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"actions": {"nowhere": "stop"}}, "checks.actions.nowhere: no such check"),
        ({"thresholds": {"nowhere": 1}}, "checks.thresholds.nowhere: no such check"),
        ({"stop_above": {"nowhere": 1}}, "checks.stop_above.nowhere: no such check"),
        (
            {"newest_within_days": {"patient": 7}},
            "checks.newest_within_days.patient: no table whose records have a day",
        ),
        ({"own": [{**OWN, "id": "age_18_to_110"}]}, "there is a check of this id already"),
        ({"own": [{**OWN, "table": "nowhere"}]}, "no such table; there are adsl"),
        (
            {"own": [{**OWN, "table": "observation", "rule": {"kind": "unique", "column": "id"}}]},
            "unique is asked of analysis tables only",
        ),
        (
            {"own": [{**OWN, "table": "observation", "rule": {"kind": "in_set", "column": "code", "values": "@arms"}}]},
            "@arms and @responses are known to analysis tables only",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(said: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        asked_of(rules(**said))
    assert words in str(refused.value)


def test_a_fault_of_a_site_names_the_site() -> None:
    with pytest.raises(DefinitionError, match=r"site north: checks\.thresholds\.nowhere"):
        asked_of(study(), {"north": SiteCheckRules(thresholds={"nowhere": 1})})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"actions": {"endpoint_recomputes": "warn"}}, "is judged for the study"),
        ({"thresholds": {"subjects_dropped_by_checks": 9}}, "is judged for the study"),
        ({"own": [{**OWN, "scope": "study"}]}, "a site's check is of its own rows"),
        ({"own": [{**OWN, "table": "flow"}]}, "a site's check is of its own rows"),
    ],
)
def test_a_site_speaks_of_its_own_rows_only(said: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        asked_of(study(), {"north": SiteCheckRules.model_validate(said)})


def test_two_sites_may_share_a_check_but_not_one_name_for_two() -> None:
    same = SiteCheckRules.model_validate({"own": [OWN]})
    other = SiteCheckRules.model_validate({"own": [{**OWN, "rule": {**OWN["rule"], "high": 9}}]})
    assert asked_of(study(), {"north": same, "south": same}).own_of("south")
    with pytest.raises(DefinitionError, match="asks something else"):
        asked_of(study(), {"north": same, "south": other})


def test_a_population_has_no_frames_of_subjects() -> None:
    from analysis.study.model import PopulationStudy

    head = study().study
    asked = PopulationStudy.model_validate(
        {"study": head, "population": {"types": ["Patient"]}, "checks": {"own": [{**OWN, "table": "patient"}]}}
    )
    assert asked_of(asked).at("small_lesions_only")
    framed = asked.model_copy(update={"checks": CheckRules.model_validate({"own": [OWN]})})
    with pytest.raises(DefinitionError, match="no such table"):
        asked_of(framed)


def test_the_studys_share_of_dropped_subjects_is_the_threshold_of_its_check() -> None:
    assert asked_of(rules(stop_above_percent=10)).at("subjects_dropped_by_checks").threshold == 10
    both = rules(stop_above_percent=10, thresholds={"subjects_dropped_by_checks": 4})
    assert asked_of(both).at("subjects_dropped_by_checks").threshold == 4
