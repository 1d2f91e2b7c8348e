"""The "Deriving" rules of times: events and censorings, evidence of life, death and the cut-off.

Oracle: docs/derivation.md; every expected value follows from the rule by hand. The subjects are in
tests/fixtures/rule_cases.py.
"""

from __future__ import annotations

import math

import pandas as pd
import pytest

from analysis.derive import Derived
from tests.fixtures.rule_cases import time
from tests.unit.derive.hospital import counted, day

pytestmark = pytest.mark.xdist_group("deriving-rules")  # one derivation serves them all


# PFS censoring


def test_pfs_is_censored_at_the_last_adequate_assessment(derived: Derived) -> None:
    row = time(derived, "contact", "PFS")
    assert (row["AVAL"], row["CNSR"], row["EVNTDESC"], row["CNSDTDSC"]) == (60, 1, "Last assessment", "Last assessment")
    assert (row["SRCDOM"], row["SRCVAR"], row["SRCSEQ"]) == ("ADRS", "ADT", 1)


def test_pfs_without_assessment_is_censored_on_day_zero(derived: Derived) -> None:
    row = time(derived, "assessed-on-index", "PFS")
    assert (row["AVAL"], row["CNSR"], row["EVNTDESC"]) == (0, 2, "No assessment")
    assert (row["SRCDOM"], row["SRCVAR"]) == ("ADSL", "TRTSDT")


def test_death_after_missed_visits_is_an_event(derived: Derived) -> None:
    row = time(derived, "dead-long-after", "PFS")
    assert (row["AVAL"], row["CNSR"], row["EVNTDESC"]) == (400, 0, "Death")


# Same day


def test_progression_goes_before_death_of_the_same_day(derived: Derived) -> None:
    assert time(derived, "progression-on-death", "PFS")["EVNTDESC"] == "Progression"
    assert time(derived, "progression-on-death", "OS")["EVNTDESC"] == "Death"


def test_day_zero_is_kept(derived: Derived) -> None:
    row = time(derived, "dead-on-index", "OS")
    assert (row["AVAL"], row["CNSR"]) == (0, 0)


def test_death_before_the_index_stays_to_be_seen_by_the_check(derived: Derived) -> None:
    assert time(derived, "dead-before", "OS")["AVAL"] == -5


# OS censoring


@pytest.mark.parametrize(
    ("patient", "days", "source"),
    [
        ("contact", 200, "last contact"),
        ("contact-told-late", 210, "last contact"),
        ("vital-alive", 220, "vital status"),
        ("vital-lost", 60, "observation"),
        ("visit", 155, "encounter"),
        ("stay-over-cutoff", 480, "encounter"),
        ("issued-only", 60, "observation"),
        ("measured", 170, "observation"),
        ("dead-after-cutoff", 60, "observation"),
    ],
)
def test_last_alive_without_a_register(
    patient: str, days: int, source: str, adsl: pd.DataFrame, derived: Derived
) -> None:
    row = time(derived, patient, "OS")
    assert (row["AVAL"], row["CNSR"], adsl.loc[patient, "LSTALVSRC"]) == (days, 1, source)


def test_evidence_after_death_is_counted_and_not_used(adsl: pd.DataFrame, derived: Derived) -> None:
    row = adsl.loc["measured-after-death"]
    assert (row["LSTALVDT"].date().isoformat(), row["DTHFL"]) == (day(60), "Y")
    assert counted(derived, "evidence of life after death") >= 1


# Death


@pytest.mark.parametrize(
    ("patient", "date", "flag"),
    [
        ("dead-in-month", "2020-09-15", "D"),
        ("dead-in-year", "2020-07-31", "M"),  # of the part from the index date on
        ("dead-by-observation", day(120), None),
        ("dead-twice", day(100), None),
    ],
)
def test_the_date_of_death(patient: str, date: str, flag: str | None, adsl: pd.DataFrame, derived: Derived) -> None:
    row = adsl.loc[patient]
    assert (row["DTHDT"].date().isoformat(), row["DTHDTF"], row["DTHFL"]) == (date, flag, "Y")
    told = time(derived, patient, "OS")
    assert (told["ADT"], told["ADTF"], told["CNSR"]) == (row["DTHDT"], flag, 0)


def test_dates_of_death_that_differ_are_counted(derived: Derived) -> None:
    assert counted(derived, "the patient's date and an observation's differ") == 1


@pytest.mark.parametrize("patient", ["dead-undated", "vital-dead"])
def test_dead_without_a_date_is_an_event_without_a_time(patient: str, adsl: pd.DataFrame, derived: Derived) -> None:
    row = time(derived, patient, "OS")
    assert (row["CNSR"], row["EVNTDESC"]) == (0, "Death")
    assert math.isnan(row["AVAL"])
    assert pd.isna(row["ADT"])
    assert adsl.loc[patient, "DTHFL"] == "Y"
    assert counted(derived, "dead without a readable date") == 3


def test_a_dated_progression_goes_before_an_undated_death(derived: Derived) -> None:
    row = time(derived, "dead-undated-progressed", "PFS")
    assert (row["AVAL"], row["EVNTDESC"]) == (90, "Progression")


def test_nothing_after_the_cutoff_is_used(adsl: pd.DataFrame, derived: Derived) -> None:
    assert adsl.loc["dead-after-cutoff", "DTHFL"] == "N"
    assert adsl.loc["marked-dead-after-cutoff", "DTHFL"] == "N"
    assert derived.adtte["ADT"].max() <= pd.Timestamp("2021-06-30")
    assert counted(derived, "response: after the data cut-off") == 1
