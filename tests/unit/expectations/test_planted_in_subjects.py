"""Each check on analysis tables counts the planted violations exactly. Oracle: errors planted and counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from expectations.by_site import split
from expectations.catalogue import analysis_checks, asked_of, catalogue
from expectations.frames import analysis_frames
from expectations.gx import judge
from expectations.model import Check, Finding
from flows.quality_subjects import judge_subjects
from tests.fixtures.planted_subjects import PLANTED, SITES, Tables, clean, tables

STUDY, DERIVED = clean()
ASKED = asked_of(STUDY)
CHECKS = [check.id for check in analysis_checks(STUDY, ASKED)]
# Asked of frames that this study does not have: judged on a frame written by hand.
BY_HAND = {
    "response_agrees_with_other_source": pd.DataFrame({"BEST": ["PR", "SD", "PD"], "OTHER": ["PR", "PR", None]}),
    "chart_review_agrees": pd.DataFrame({"RECORD": ["1", "2", None], "SUPPLEMENT": ["1", "3", "4"]}),
    "column_types_match": pd.DataFrame({"EXPECTED": ["date", "string", "date"], "FOUND": ["date", "int64", None]}),
}


def outcomes(found: Tables) -> dict[str, tuple[int, int]]:
    derived = replace(DERIVED, adsl=found.adsl, adrs=found.adrs, adtte=found.adtte, analysis_table=found.table)
    judged, _ = judge_subjects(STUDY, derived, ASKED, SITES, frozenset(found.known), found.people)
    assert not [one for one in judged if one.finding.error]
    counts: dict[str, tuple[int, int]] = {}
    for one in judged:
        k, n = counts.get(one.check.id, (0, 0))
        counts[one.check.id] = (k + one.finding.numerator, n + one.finding.denominator)
    return counts


def chosen(found: Tables, who: str) -> list[str]:
    """The two subjects that died, or two of the living, one at each site."""
    dead = found.adsl["DTHFL"] == "Y"
    rows = found.adsl[dead] if who == "dead" else found.adsl[~dead].drop_duplicates("SITEID")
    keys = list(rows["USUBJID"])
    assert len(keys) == 2
    return keys


@pytest.fixture(scope="module")
def without_fault() -> dict[str, tuple[int, int]]:
    return outcomes(tables())


def test_outcomes_come_in_the_order_of_the_catalogue() -> None:
    """The first check that drops a subject is the one the flow diagram names."""
    found = tables()
    judged, _ = judge_subjects(STUDY, DERIVED, ASKED, SITES, frozenset(found.known), found.people)
    named = list(dict.fromkeys(one.check.id for one in judged if one.check.id in CHECKS))
    assert named == [check for check in CHECKS if check in named]
    assert len(named) > 20


def test_every_check_on_analysis_tables_has_an_error_planted() -> None:
    gate = {check.id for check in catalogue() if check.rule.kind == "gate"}
    everyone = {check.id for check in catalogue() if not check.raw} - gate
    assert set(PLANTED) | set(BY_HAND) == everyone


@pytest.mark.parametrize("check", PLANTED)
def test_tables_without_fault_violate_nothing(without_fault: dict[str, tuple[int, int]], check: str) -> None:
    numerator, denominator = without_fault[check]
    assert numerator == 0
    assert denominator > 0


@pytest.mark.parametrize("check", PLANTED)
def test_planted_violations_are_counted_exactly(check: str) -> None:
    planted, found = PLANTED[check], tables()
    planted.plant(found, chosen(found, planted.who))
    assert outcomes(found)[check] == (planted.numerator, planted.denominator)


@pytest.mark.parametrize("name", BY_HAND)
def test_frames_of_other_studies_are_judged_likewise(name: str) -> None:
    found = judge(BY_HAND[name], [ASKED.checks[name]], {})[0]
    assert (found.numerator, found.denominator, found.rows) == (1, 2, (1,))


def test_columns_of_the_data_sets_are_as_the_dictionary_says_or_told_apart() -> None:
    found = tables()
    wrong = found.adsl.assign(N_SESSIONS="two").drop(columns="LSTALVSRC")
    frames = analysis_frames(STUDY, wrong, found.adrs, found.adtte, found.table, frozenset(), {})["types"]
    differ = frames[frames["FOUND"].notna() & (frames["FOUND"] != frames["EXPECTED"])]
    assert {(row.COLUMN, row.EXPECTED) for row in differ.itertuples()} == {
        ("N_SESSIONS", "integer"),
        ("LSTALVSRC", "string"),
    }


def test_counts_of_sites_add_up_to_those_of_the_whole() -> None:
    found = tables()
    PLANTED["age_18_to_110"].plant(found, list(found.adsl["USUBJID"][:3]))
    derived = replace(DERIVED, adsl=found.adsl)
    judged, rows = judge_subjects(STUDY, derived, ASKED, SITES, frozenset(found.known), found.people)
    by_site = {o.finding.site: o for o in judged if o.check.id == "age_18_to_110"}
    assert {s: (o.finding.numerator, o.finding.denominator) for s, o in by_site.items()} == {"h": (2, 5), "k": (1, 5)}
    assert sorted(by_site["h"].keys) == sorted(found.adsl["USUBJID"][[0, 2]])
    assert len(rows[rows["check_id"] == "age_18_to_110"]) == 3


def test_a_site_without_rows_is_not_applicable_and_never_lost() -> None:
    check = ASKED.checks["age_18_to_110"]
    frame = pd.DataFrame({"SITEID": ["h"], "age": [50.0]})
    parts = split(frame, check, Finding(check.id, "analysed", 1, 0), ["h", "k"])
    assert [(part.site, part.denominator) for part in parts] == [("h", 1), ("k", 0)]


def test_rows_that_do_not_add_up_are_an_error() -> None:
    check = ASKED.checks["age_18_to_110"]
    frame = pd.DataFrame({"SITEID": ["h"], "age": [50.0]})
    assert all(part.error for part in split(frame, check, Finding(check.id, "analysed", 2, 0), ["h", "k"]))


def test_a_check_of_the_study_is_not_split() -> None:
    check: Check = ASKED.checks["endpoint_recomputes"]
    found = Finding(check.id, "endpoints", 2, 0)
    assert split(pd.DataFrame({"SITEID": ["h", "k"]}), check, found, ["h", "k"]) == [found]


# The other ends of rules with two, and values that a weaker rule of the same kind would let pass.
EDGES: dict[str, tuple[str, str, Any, int]] = {
    "age-above": ("age_18_to_110", "age", 110.5, 1),
    "age-at-the-ends": ("age_18_to_110", "age", 110.0, 0),
    "half-a-day-before": ("follow_up_not_negative", "AVAL", -0.5, 1),
    "a-key-that-begins-right": ("usubjid_is_pseudonym", "USUBJID", "0123456789abcdefg", 1),
    "a-short-key": ("usubjid_is_pseudonym", "USUBJID", "0123456789abcde", 1),
    "a-key-in-capitals": ("usubjid_is_pseudonym", "USUBJID", "0123456789ABCDEF", 1),
    "no-arm-at-all": ("subject_in_one_arm", "ARMS", 0.0, 1),
    "no-site-at-all": ("no_duplicate_patient_across_sites", "TWIN_SITES", 0.0, 1),
    "half-a-session": ("index_session_counted", "N_SESSIONS", 0.5, 1),
    "an-unknown-sex-is-told": ("sex_in_value_set", "sex", "unknown", 0),
}


@pytest.mark.parametrize("name", EDGES)
def test_rules_hold_at_their_edges(name: str) -> None:
    check, column, value, violations = EDGES[name]
    found = judge(pd.DataFrame({column: [value]}), [ASKED.checks[check]], {})[0]
    assert (found.numerator, found.denominator, found.error) == (violations, 1, "")
