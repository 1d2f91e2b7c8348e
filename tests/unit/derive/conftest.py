"""The hospital of cases, derived once for all tests of the deriving rules. Read only."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.derive import Derived
from tests.fixtures.rule_cases import hospital_of_cases, key
from tests.unit.derive.hospital import Hospital


@pytest.fixture(scope="session")
def hospital() -> Hospital:
    return hospital_of_cases()


@pytest.fixture(scope="session")
def derived(hospital: Hospital) -> Derived:
    return hospital.derive()


@pytest.fixture(scope="session")
def adsl(hospital: Hospital, derived: Derived) -> pd.DataFrame:
    """ADSL by patient id."""
    patients = {key(row["id"]): row["id"] for row in hospital.rows["patient"]}
    return derived.adsl.assign(patient=derived.adsl["USUBJID"].map(patients)).set_index("patient")
