"""The "Deriving" rules of assessments, readers, imaging and best response.

Oracle: docs/derivation.md; every expected value follows from the rule by hand. The subjects are in
tests/fixtures/rule_cases.py.
"""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.derive import Derived
from tests.fixtures.rule_cases import bor, key, time
from tests.unit.derive.hospital import counted, only

pytestmark = pytest.mark.xdist_group("deriving-rules")  # one derivation serves them all


# Assessments


def test_progression_before_the_index_is_no_event(derived: Derived) -> None:
    row = time(derived, "progressed-before", "PFS")
    assert (row["AVAL"], row["CNSR"]) == (60, 1)
    assert (derived.adtte.loc[derived.adtte["PARAMCD"] == "PFS", "AVAL"] < 0).sum() == 1  # the one dead before


def test_assessments_count_from_day_one_to_the_cutoff(adsl: pd.DataFrame, derived: Derived) -> None:
    assert adsl.loc["assessed-on-index", "EXCLRSN"] == "data"
    assert time(derived, "assessed-after-cutoff", "PFS")["CNSR"] == 1
    assert derived.adrs["ADY"].dropna().between(1, 486).all()


# Best response


@pytest.mark.parametrize(
    ("patient", "level"),
    [
        ("better-after-progression", "PD"),
        ("better-after-death", "SD"),
        ("new-therapy", "SD"),
        ("drug-of-the-act", "PR"),
        ("stable-too-early", "NE"),
        ("stable-just-enough", "SD"),
        ("early-stable-then-progression", "PD"),
        ("progression-on-death", "PD"),
        ("plain-words", "PR"),
        ("not-evaluable", "SD"),
    ],
)
def test_best_response_ends_at_progression_death_or_new_therapy(patient: str, level: str, derived: Derived) -> None:
    assert bor(derived, patient) == level


@pytest.mark.parametrize("patient", ["elsewhere", "preliminary", "in-error", "unmapped", "stranger"])
def test_what_does_not_count_is_no_progression(patient: str, derived: Derived) -> None:
    row = time(derived, patient, "PFS")
    assert (row["AVAL"], row["CNSR"], bor(derived, patient)) == (60, 1, "SD")


def test_what_does_not_count_is_counted(derived: Derived) -> None:
    assert counted(derived, "of no or another body site") == 1
    assert counted(derived, "response: status preliminary") == 1
    assert counted(derived, "response: status entered-in-error") == 1
    assert counted(derived, "value unmapped") == 1
    assert counted(derived, "reader not named by the study") == 1
    assert counted(derived, "display says another level than its code") == 1


# Readers


@pytest.mark.parametrize(
    ("patient", "level", "reader"),
    [("agree", "SD", "r1"), ("settled", "PR", "r3"), ("second-only", "PR", "r2"), ("corrected", "SD", "r1")],
)
def test_the_accepted_reading(patient: str, level: str, reader: str, derived: Derived) -> None:
    row = only(derived.adrs, USUBJID=key(patient), PARAMCD="OVRLRESP", ACCEPTED="Y")
    assert (row["AVALC"], row["READER"]) == (level, reader)


def test_readers_who_differ_without_adjudicator_give_nothing(adsl: pd.DataFrame, derived: Derived) -> None:
    assert adsl.loc["unsettled", "EXCLRSN"] == "data"
    assert bor(derived, "unsettled") == "NE"
    assert counted(derived, "readers differ and nobody settles it") == 1
    assert counted(derived, "readers differ") == 2


@pytest.mark.parametrize(
    ("patient", "flag", "modality"),
    [
        ("scanned", "Y", "CT"),
        ("scanned-in-series", "Y", "MR"),
        ("scanned-at-the-limit", "Y", "CT"),
        ("scanned-too-far", "N", None),
    ],
)
def test_imaging_within_reach(patient: str, flag: str, modality: str | None, derived: Derived) -> None:
    row = only(derived.adrs, USUBJID=key(patient), PARAMCD="OVRLRESP")
    assert (row["IMAGING"], row["IMGMOD"]) == (flag, modality)
