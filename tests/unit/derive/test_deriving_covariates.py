"""The "Deriving" rules of covariates: closest before the index, largest, units and age.

Oracle: docs/derivation.md; every expected value follows from the rule by hand. The subjects are in
tests/fixtures/rule_cases.py.
"""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.derive import Derived
from tests.unit.derive.hospital import counted

pytestmark = pytest.mark.xdist_group("deriving-rules")  # one derivation serves them all


# Closest before index


@pytest.mark.parametrize(
    ("patient", "level", "distance"),
    [
        ("on-index-day", "2", 0),
        ("later-issued", "2", -2),
        ("higher-id", "2", -2),
        ("outside-window", "1", -3),
        ("error-entered", "1", -3),
        ("integer", "2", -1),
        ("string", "2", -1),
        ("by-interpretation", "2", -1),
        ("two-codings", "2", -1),
        ("grade-three", "3", -1),
    ],
)
def test_closest_before_the_index(patient: str, level: str, distance: int, adsl: pd.DataFrame) -> None:
    assert (adsl.loc[patient, "grade"], adsl.loc[patient, "grade_day"]) == (level, distance)


@pytest.mark.parametrize(
    ("patient", "size", "category"),
    [
        ("largest", 6.1, ">=5"),
        ("in-component", 7.0, ">=5"),
        ("at-the-cut", 5.0, ">=5"),
        ("odd-unit", 4.0, "<5"),
        ("contact", 4.0, "<5"),
    ],
)
def test_largest_in_the_study_s_unit(patient: str, size: float, category: str, adsl: pd.DataFrame) -> None:
    assert (adsl.loc[patient, "size"], adsl.loc[patient, "size_cat"]) == (size, category)


def test_values_that_cannot_be_used_are_counted(derived: Derived) -> None:
    assert counted(derived, "size: without a usable value") == 1
    assert counted(derived, "observation: in no list of the study") == 4


# Age, before any date is generalised


@pytest.mark.parametrize(
    ("patient", "age", "category"),
    [
        ("birthday-today", 60, ">=60"),
        ("birthday-tomorrow", 59, "<60"),
        ("born-in-year", 59, "<60"),
        ("born-in-month", 60, ">=60"),
        ("born-leap-day", 60, ">=60"),
    ],
)
def test_age_in_whole_years_at_the_index(patient: str, age: int, category: str, adsl: pd.DataFrame) -> None:
    assert (adsl.loc[patient, "age"], adsl.loc[patient, "age_cat"]) == (age, category)


def test_partial_birth_dates_are_counted(derived: Derived) -> None:
    assert counted(derived, "age: partial birth date, its middle is used") == 2
