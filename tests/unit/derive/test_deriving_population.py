"""The "Deriving" rules of sessions, arms and criteria: who is screened, in which arm, and why who leaves.

Oracle: docs/derivation.md; every expected value follows from the rule by hand. The subjects are in
tests/fixtures/rule_cases.py.
"""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.derive import Derived
from tests.fixtures.rule_cases import key, time
from tests.unit.derive.hospital import INDEX, counted, only

pytestmark = pytest.mark.xdist_group("deriving-rules")  # one derivation serves them all


# Several TACE sessions


def test_first_session_is_the_index_and_later_ones_are_exposure(adsl: pd.DataFrame) -> None:
    row = adsl.loc["sessions"]
    assert (row["TRTSDT"].date(), row["N_SESSIONS"], row["TRT01A"]) == (INDEX, 3, "New")
    assert row["SRCREF"] == "Procedure/act-sessions/_history/1"


def test_a_later_switch_is_counted_and_censored_in_its_sensitivity(adsl: pd.DataFrame, derived: Derived) -> None:
    assert adsl.loc["sessions", "ARM_SWITCH"] == "Y"
    assert (adsl["ARM_SWITCH"] == "Y").sum() == 1
    assert counted(derived, "subject with a later session of another arm") == 1
    assert time(derived, "sessions", "PFS")["AVAL"] == 120
    switched = time(derived.variants["censor-switch"], "sessions", "PFS")
    assert (switched["AVAL"], switched["CNSR"], switched["CNSDTDSC"]) == (90, 3, "Censored at arm-switch")


@pytest.mark.parametrize("patient", ["mixed", "mixed-in-two"])
def test_materials_of_both_arms_on_one_day_leave_by_name(patient: str, adsl: pd.DataFrame) -> None:
    assert (adsl.loc[patient, "EXCLRSN"], adsl.loc[patient, "TRT01A"]) == ("mixed-materials", None)


def test_no_known_material_leaves_by_name(adsl: pd.DataFrame, derived: Derived) -> None:
    assert adsl.loc["unknown-material", "EXCLRSN"] == "material-unknown"
    assert adsl.loc["reference-lost", "EXCLRSN"] == "material-unknown"
    assert counted(derived, "used reference without key") == 1


def test_an_earlier_session_within_the_washout_leaves(adsl: pd.DataFrame) -> None:
    assert adsl.loc["washout", "EXCLRSN"] == "washout"
    assert adsl.loc["long-ago", "EXCLRSN"] is None


def test_an_act_that_was_not_done_is_no_session(adsl: pd.DataFrame) -> None:
    assert (adsl.loc["not-done", "EXCLRSN"], adsl.loc["not-done", "N_SESSIONS"]) == (None, 1)


@pytest.mark.parametrize("patient", ["by-name", "by-administration", "by-code"])
def test_the_arm_comes_from_what_was_used(patient: str, adsl: pd.DataFrame) -> None:
    assert adsl.loc[patient, "TRT01A"] == "New"


# Missing covariate


@pytest.mark.parametrize(
    ("patient", "reason"),
    [
        ("grade-missing", "data"),  # "later": left to the completeness criterion
        ("grade-three", "grade"),
        ("refuted", "disease"),
        ("unconfirmed", "disease"),  # the study asks for confirmed
        ("invaded", "invasion"),
        ("less-invaded-lately", None),
        ("contact", None),  # no measurement of invasion at all: passes
        ("operated-later", "surgery"),
        ("two-reasons", "grade"),  # the first in the order of the flow diagram
        ("no-birth-date", "data"),
        ("no-gender", "data"),
    ],
)
def test_the_first_reason_to_leave(patient: str, reason: str | None, adsl: pd.DataFrame) -> None:
    assert adsl.loc[patient, "EXCLRSN"] == reason


# Criteria after the index


def test_a_dropped_criterion_brings_its_subjects_back(adsl: pd.DataFrame, derived: Derived) -> None:
    every = derived.variants["all"].adsl
    assert set(every.loc[every["EXCLRSN"] == "data", "USUBJID"]) == set()
    back = set(derived.variants["all"].analysis_table["USUBJID"]) - set(derived.analysis_table["USUBJID"])
    assert back == set(adsl.loc[adsl["EXCLRSN"] == "data", "USUBJID"])


def test_surgery_after_the_index_censors_in_its_sensitivity(derived: Derived) -> None:
    made = derived.variants["censor-surgery"]
    row = time(made, "operated-later", "PFS")
    assert (row["AVAL"], row["CNSR"], row["CNSDTDSC"], row["ANL01FL"]) == (45, 3, "Surgery censors", "Y")
    # Surgery before the index is known at the index: it still excludes.
    before = only(made.adsl, USUBJID=key("operated-before"))
    assert before["EXCLRSN"] == "surgery"
    assert time(derived, "operated-later", "PFS")["AVAL"] == 60
