"""Each raw check counts the errors planted into each view it is asked of, exactly, and no check finds any in clean
tables. Oracle: rows written and counted by hand (tests/fixtures/planted_raw.py)."""

from __future__ import annotations

from functools import cache

import pytest

from expectations.catalogue import raw_checks
from expectations.model import Finding
from expectations.raw import table_findings
from expectations.raw_views import VIEWS, checks_of
from tests.fixtures.planted import TODAY, Planted
from tests.fixtures.planted_raw import cases
from tests.fixtures.raw_tables import CLEAN_RESOURCES, hospital, on_duckdb

CASES = {f"{one.check}-{one.view}": one for one in cases()}
BESIDE = {
    "medication_administration": ("medication",),
    "observation": ("observation_value", "observation_component"),
    "observation_source": ("imaging_study",),
    "imaging_study": ("imaging_series",),
    "procedure_used": ("device", "substance", "medication"),
}


def findings(planted: Planted | None = None, wrong: bool = True) -> dict[tuple[str, str], list[Finding]]:
    """By (check, view); of a planted case only the tables that its view is judged with."""
    tables = on_duckdb(hospital(planted.rows(wrong) if planted else None))
    if planted:
        tables = {name: tables[name] for name in ("patient", planted.view, *BESIDE.get(planted.view, ()))}
    found: dict[tuple[str, str], list[Finding]] = {}
    for one in table_findings(tables, TODAY):
        found.setdefault((one.check_id, one.table), []).append(one)
    return found


@cache
def clean() -> dict[tuple[str, str], list[Finding]]:
    return findings()


@pytest.mark.parametrize("name", sorted(CASES))
def test_planted_errors_are_counted_exactly(name: str) -> None:
    planted = CASES[name]
    found = findings(planted)
    ours = found[planted.check, planted.view]
    counted = (sum(one.numerator for one in ours), sum(one.denominator for one in ours))
    assert counted == (planted.numerator, planted.denominator)
    others = {key for key, ones in found.items() if any(one.numerator for one in ones)}
    assert others - {(planted.check, planted.view)} <= planted.side


@pytest.mark.parametrize("name", sorted(name for name, one in CASES.items() if one.right or one.also))
def test_what_comes_near_is_no_error(name: str) -> None:
    planted = CASES[name]
    found = findings(planted, wrong=False)[planted.check, planted.view]
    assert sum(one.numerator for one in found) == 0


def test_clean_tables_violate_nothing() -> None:
    assert {key for key, ones in clean().items() if any(one.numerator for one in ones)} == set()
    unasked = {key for key, (one,) in clean().items() if one.denominator != CLEAN_RESOURCES}
    # No clean period has an end, nobody in the clean tables is dead.
    periods = {("period_end_not_before_start", view) for view in ("procedure", "observation", "encounter")}
    periods.add(("period_end_not_before_start", "medication_administration"))
    assert unasked == periods | {("death_not_before_birth", "patient"), ("deceased_has_date", "patient")}


def test_a_site_without_a_row_is_asked_and_has_nothing_to_say() -> None:
    tables = hospital({"patient": [{"site": "south"}]})
    medications = tables["medication"].slice(0, 0)
    chosen = {"patient": tables["patient"], "medication_administration": tables["medication_administration"]}
    found = table_findings(on_duckdb({**chosen, "medication": medications}), TODAY)
    asked = {(one.check_id, one.table) for one in found if one.site == "south"}
    assert asked == {(one.check_id, one.table) for one in found if one.site == "north"}
    assert {one.denominator for one in found if one.site == "south" and one.table != "patient"} == {0}
    # North has no medication, so that its references are not missing: nobody asked for any.
    (north,) = [one for one in found if one.check_id == "medication_reference_resolves" and one.site == "north"]
    assert (north.numerator, north.denominator) == (0, 0)


def test_a_table_that_cannot_be_read_is_an_error_of_each_of_its_checks_and_of_no_other() -> None:
    tables = hospital({"patient": [{"site": "south"}]})
    chosen = {name: tables[name] for name in ("patient", "encounter", "device")}
    broken = {**chosen, "encounter": chosen["encounter"].drop_columns(["period_start"])}
    found = table_findings(on_duckdb(broken), TODAY)
    failed = [one for one in found if one.table == "encounter"]
    (error,) = {one.error for one in failed}
    assert error.startswith("the check could not be computed (")
    assert {(one.site, one.check_id) for one in failed} == {
        (site, check) for site in ("north", "south") for check, view in clean() if view == "encounter"
    }
    assert {one.error for one in found if one.table != "encounter"} == {""}


@pytest.mark.parametrize("view", VIEWS)
def test_the_checks_of_a_view_are_known_without_its_rows(view: str) -> None:
    assert sorted(checks_of(view)) == sorted(check for check, table in clean() if table == view)


def test_every_check_is_planted_in_every_view_it_is_asked_of() -> None:
    assert {(one.check, one.view) for one in CASES.values()} == set(clean())


def test_every_check_of_tables_in_the_catalogue_is_counted_and_no_other() -> None:
    counted = {check for check, _ in clean()}
    known = {check.id for check in raw_checks() if check.table != "landing"}
    assert counted == known
    assert all(
        check.table == "*" or {check.table} == {view for one, view in clean() if one == check.id}
        for check in raw_checks()
        if check.id in counted
    )
