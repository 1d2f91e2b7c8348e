"""Record or supplement: which goes first. Oracle: docs/supplement.md ("Where both hold a value"), by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from analysis.derive import Derived
from analysis.derive.pseudonym import usubjid
from analysis.supplement import PREFIX
from tests.unit.derive.hospital import KEY, Hospital, only, study

VARIABLES = {
    "size": {"list": "size", "unit": "cm"},
    "grade": {"list": "grade", "values": "grade"},
    "invasion": {"list": "invasion", "unit": "%"},
    "response": {"list": "response", "values": "response", "site": "liver"},
}


def derived(prefer: str) -> Derived:
    """p1: both sources hold each variable; p2: the supplement alone, but for a record that cannot be used."""
    h = Hospital()
    h.subject("p1")  # the record: grade 1, size 4 cm, stable disease on day 60
    h.observe("p1", "size", -20, id=PREFIX + "1", value_quantity=3, value_unit_code="cm")
    h.observe("p1", "size", -21, id=PREFIX + "2", value_quantity=30, value_unit_code="mm")
    h.observe("p1", "grade", -20, "g2", id=PREFIX + "3")
    h.observe("p1", "invasion", -1, value_quantity=10, value_unit_code="%")
    h.observe("p1", "invasion", -30, id=PREFIX + "4", value_quantity=90, value_unit_code="%")
    h.assess("p1", 60, "PR", id=PREFIX + "5")
    h.patient("p2")
    h.act("p2", 0, "old")
    h.coded("condition", "disease", "p2", onset_date=-400, verification_status="confirmed")
    h.observe("p2", "size", -3, value_string="big")
    h.observe("p2", "size", -9, id=PREFIX + "6", value_quantity=7, value_unit_code="cm")
    h.observe("p2", "grade", -9, "g0", id=PREFIX + "7")
    h.assess("p2", 70, "PD", id=PREFIX + "8")
    rules = {"file": "x.csv", "closed": date(2024, 1, 1), "prefer": prefer, "variable": VARIABLES}
    return h.derive(study(supplement=rules))


@pytest.fixture(scope="module", params=["record", "supplement"])
def made(request: pytest.FixtureRequest) -> tuple[str, Derived]:
    return request.param, derived(request.param)


def of(frame: pd.DataFrame, patient: str, **where: str) -> pd.Series:
    return only(frame, USUBJID=usubjid(KEY, "h", patient), **where)


def test_the_preferred_source_gives_the_covariate_even_from_further_away(made: tuple[str, Derived]) -> None:
    prefer, found = made
    row = of(found.adsl, "p1")
    expected = {"record": (4.0, -3, "1"), "supplement": (3.0, -20, "2")}[prefer]
    assert (row["size"], row["size_day"], row["grade"]) == expected
    assert (row["size_record"], row["size_supplement"]) == (4.0, 3.0)
    assert (row["grade_record"], row["grade_supplement"]) == ("1", "2")


def test_the_other_source_counts_where_the_preferred_has_nothing_usable(made: tuple[str, Derived]) -> None:
    _, found = made
    row = of(found.adsl, "p2")
    assert (row["size"], row["grade"]) == (7.0, "0")
    assert pd.isna(row["size_record"])
    assert row["ANL01FL"] == "Y"


def test_a_criterion_on_a_measurement_goes_by_the_preferred_source(made: tuple[str, Derived]) -> None:
    prefer, found = made
    assert of(found.adsl, "p1")["EXCLRSN"] == {"record": None, "supplement": "invasion"}[prefer]


def test_one_reader_s_two_assessments_of_a_day_go_by_the_preferred_source(made: tuple[str, Derived]) -> None:
    prefer, found = made
    assert of(found.adrs, "p1", PARAMCD="BOR")["AVALC"] == {"record": "SD", "supplement": "PR"}[prefer]
    assert of(found.adrs, "p2", PARAMCD="BOR")["AVALC"] == "PD"


def test_without_a_supplement_such_ids_are_records_like_others() -> None:
    h = Hospital()
    h.subject("p1")
    h.observe("p1", "grade", -1, "g2", id=PREFIX + "1")
    adsl = h.derive().adsl
    assert only(adsl)["grade"] == "2"
    assert not [name for name in adsl.columns if name.endswith(("_record", "_supplement"))]
