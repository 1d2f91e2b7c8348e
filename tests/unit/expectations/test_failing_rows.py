"""The keys of failures are those of the planted errors, no more. Oracle: rows planted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from expectations.raw_failures import COLUMNS, failing_rows
from tests.fixtures.planted import TODAY, Planted
from tests.fixtures.planted_raw import cases
from tests.fixtures.raw_tables import CLEAN_RESOURCES, hospital, on_duckdb, row
from tests.unit.expectations.test_planted_raw import BESIDE

CASES = {f"{one.check}-{one.view}": one for one in cases()}


def listed(planted: Planted, **how: int) -> pd.DataFrame:
    tables = on_duckdb(hospital(planted.rows()))
    tables = {name: tables[name] for name in ("patient", planted.view, *BESIDE.get(planted.view, ()))}
    return failing_rows(tables, TODAY, wanted=[(planted.check, planted.view)], **how)


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_planted_error_is_listed_and_nothing_else(name: str) -> None:
    planted = CASES[name]
    found = listed(planted)
    assert list(found.columns) == list(COLUMNS)
    assert len(found) == planted.numerator
    assert set(found["check_id"]) == {planted.check}
    assert set(found["table"]) == {planted.view}
    before = len(planted.also.get(planted.view, ()))
    wrong = [row(planted.view, CLEAN_RESOURCES + before + n, **one) for n, one in enumerate(planted.wrong)]
    assert {(r.site, r.id) for r in found.itertuples()} <= {(one["site"], one["id"]) for one in wrong}
    if planted.violations is None:
        assert len(found) == len(wrong)


def test_the_list_is_cut_at_each_site_and_begins_with_the_first_ids() -> None:
    rows = [{"status": None, "id": f"r{n}", "site": site} for site in ("north", "south") for n in range(5)]
    planted = Planted("status_in_required_value_set", "encounter", rows)
    found = listed(planted, most=3)
    assert [(r.site, r.id) for r in found.itertuples()] == [
        (site, f"r{n}") for site in ("north", "south") for n in range(3)
    ]


def test_patients_come_before_further_rows_of_the_same() -> None:
    """Else one patient with many wrong records would be the only subject that a check seems to touch."""
    of = ["patient-1", "patient-1", "patient-1", "patient-2", "patient-3"]
    rows = [{"status": None, "id": f"r{n}", "patient_id": who} for n, who in enumerate(of)]
    found = listed(Planted("status_in_required_value_set", "procedure", rows), most=4)
    assert list(found["id"]) == ["r0", "r1", "r3", "r4"]


def test_a_row_names_version_and_patient_where_the_view_has_them() -> None:
    wrong = [{"id": "x", "version": "7", "patient_id": "patient-4", "status": "done"}]
    (found,) = listed(Planted("status_in_required_value_set", "procedure", wrong)).to_dict("records")
    assert found == {
        "check_id": "status_in_required_value_set", "table": "procedure", "site": "north", "id": "x", "version": "7",
        "patient_id": "patient-4",
    }  # fmt: skip
    (patient,) = listed(Planted("sex_recorded", "patient", [{"id": "y", "gender": None}])).to_dict("records")
    assert patient["patient_id"] == "y"
    (medication,) = listed(Planted("code_system_recognised", "medication", [{"code_system": None}])).to_dict("records")
    assert pd.isna(medication["patient_id"])


def test_what_nobody_asked_for_is_not_listed() -> None:
    tables = on_duckdb(hospital({"encounter": [{"status": None}]}))
    assert failing_rows(tables, TODAY, wanted=[]).empty
    assert failing_rows(tables, TODAY, wanted=[("no_such_check", "encounter")]).empty
