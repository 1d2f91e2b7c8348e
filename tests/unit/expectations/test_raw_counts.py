"""Raw checks count planted violations exactly. Oracle: rows written and counted by hand."""

from datetime import date

import ibis
import pandas as pd
import pytest

from expectations.ledger import TypeCounts
from expectations.raw import landing_findings, table_findings

TODAY = date(2024, 6, 1)
SNOMED = "http://snomed.info/sct"


def patients(*rows):
    columns = ["site", "id", "version", "birth_date", "deceased_date"]
    made = pd.DataFrame(rows, columns=columns).astype("string").assign(gender="female", deceased=None)
    return ibis.memtable(made.astype({"gender": "string", "deceased": "boolean"}))


def procedures(*rows):
    columns = [
        "site", "id", "version", "patient_id", "status", "code_system", "code", "code_text", "performed_date",
        "performed_start", "performed_end",
    ]  # fmt: skip
    made = pd.DataFrame(rows, columns=columns)
    return ibis.memtable(made.assign(body_site=made["id"]).astype("string"))


PEOPLE = patients(
    ("north", "p1", "1", "1950-03-04", None),
    ("north", "p2", "1", "1960", "2020-01-01"),
    ("south", "p1", "1", "2000-01", None),
)


def procedure(
    id_,
    patient="p1",
    site="north",
    status="completed",
    system=SNOMED,
    code="1",
    text=None,
    day="2020-05-05",
    version="1",
):
    return (site, id_, version, patient, status, system, code, text, day, None, None)


CASES = {
    "resource_id_unique": [procedure("a"), procedure("a", version="2"), procedure("b")],
    "status_in_required_value_set": [procedure("a", status="done"), procedure("b", status=None), procedure("c")],
    "code_system_recognised": [procedure("a", system="urn:local"), procedure("b"), procedure("b", system="urn:local")],
    "required_elements_present": [
        procedure("a", code=None),
        procedure("b", day=None),
        procedure("c", code=None, text="x"),
    ],
    "no_future_dates": [
        procedure("a", day="2024-06-03"),
        procedure("b", day="2024-06-01T10:00:00Z"),
        procedure("c", day="2024"),
        procedure("d", day="2024-06-02T07:30:00+08:00"),
    ],
    "subject_reference_resolves": [
        procedure("a", patient="p9"),
        procedure("b", patient=None),
        procedure("c", patient="p2", site="south"),
        procedure("d"),
    ],
    "nothing_before_birth": [
        procedure("a", day="1950-03-03"),
        procedure("b", day="1950"),
        procedure("c", patient="p2", day="1959-12-31"),
    ],
    "no_activity_30_days_after_death": [
        procedure("a", patient="p2", day="2020-02-01"),
        procedure("b", patient="p2", day="2020-01-31"),
    ],
}
VIOLATIONS = {
    "resource_id_unique": 1,
    "status_in_required_value_set": 2,
    "code_system_recognised": 1,
    "required_elements_present": 2,
    "no_future_dates": 1,
    "subject_reference_resolves": 3,
    "nothing_before_birth": 2,
    "no_activity_30_days_after_death": 1,
}


@pytest.mark.parametrize("check_id", sorted(CASES))
def test_planted_violations_are_counted_exactly(check_id):
    found = table_findings({"patient": PEOPLE, "procedure": procedures(*CASES[check_id])}, TODAY)
    ours = [f for f in found if f.check_id == check_id and f.table == "procedure"]
    assert sum(f.numerator for f in ours) == VIOLATIONS[check_id]
    assert sum(f.denominator for f in ours) == len({(row[0], row[1]) for row in CASES[check_id]})


def test_a_clean_table_violates_nothing():
    found = table_findings({"patient": PEOPLE, "procedure": procedures(procedure("a"), procedure("b"))}, TODAY)
    assert {f.numerator for f in found} == {0}


def test_the_ledger_gives_quarantine_and_lost_pages():
    types = {
        "north": {"Procedure": TypeCounts(received=8, landed=8, server_total=10, distinct=8, accepted=7, quarantined=1)}
    }
    found = {f.check_id: (f.numerator, f.denominator) for f in landing_findings(types)}
    assert found == {"resource_parses_as_fhir_r4": (1, 8), "total_equals_fetched": (2, 10)}


def test_without_an_exact_total_nothing_is_held_against_it():
    found = landing_findings({"north": {"Procedure": TypeCounts(received=8, landed=8)}})
    assert [(f.check_id, f.denominator) for f in found] == [("total_equals_fetched", 0)]
