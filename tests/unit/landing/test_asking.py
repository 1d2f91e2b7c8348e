"""How a server is asked. Oracle: issue 5, "Search", and fhir.md section 3."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from analysis.arrival import Arrival
from analysis.plan import Search
from flows.client.servers import page_size
from flows.landing.asking import asked_of, cohort_of, requests_to
from flows.site_searches import Searching
from mappings.errors import SourceError

BY_PATIENT = Search("cohort", "Observation", (("date", "ge2020"),), "patient", Arrival("Observation", by="patient"), "")
WHOLE = Search("population", "Patient", (), "", Arrival("Patient"), "")
INDEX = Search("index", "Procedure", (("code", "s|1"),), "", Arrival("Procedure"), "")


def test_nothing_said_is_what_the_plan_says() -> None:
    assert list(requests_to(BY_PATIENT, ["b", "a"], Searching())) == [(("date", "ge2020"), ("patient", "a,b"))]
    assert list(requests_to(WHOLE, [], Searching())) == [()]
    assert asked_of(INDEX, Searching()) is INDEX


def test_one_patient_at_a_time() -> None:
    made = list(requests_to(BY_PATIENT, ["c", "b", "a"], Searching(ids_per_request=1)))
    assert [parameters[-1] for parameters in made] == [("patient", each) for each in "abc"]
    two = list(requests_to(BY_PATIENT, ["c", "b", "a"], Searching(ids_per_request=2)))
    assert [parameters[-1] for parameters in two] == [("patient", "a,b"), ("patient", "c")]


def test_a_category_that_the_server_insists_on_is_sent_before_the_ids() -> None:
    how = Searching(parameters={"Observation": "category=laboratory,vital-signs&status=final"})
    (made,) = requests_to(BY_PATIENT, ["a"], how)
    assert made == (
        ("date", "ge2020"),
        ("category", "laboratory,vital-signs"),
        ("status", "final"),
        ("patient", "a"),
    )
    assert list(requests_to(WHOLE, [], how)) == [()]


def test_what_comes_along_is_asked_for_with_its_type() -> None:
    how = Searching(
        include=("MedicationAdministration:medication",), revinclude=("Observation:patient", "Specimen:subject:Device")
    )
    assert how.along("MedicationAdministration") == (("_include", "MedicationAdministration:medication"),)
    assert how.along("Patient") == (("_revinclude", "Observation:patient"),)
    assert how.along("Device") == (("_revinclude", "Specimen:subject:Device"),)
    assert how.along("Encounter") == ()


def test_windows_cut_only_searches_without_ids_and_leave_no_gap() -> None:
    how = Searching(windows=(date(2020, 1, 1), date(2022, 1, 1)))
    assert [dict(parameters) for parameters in requests_to(WHOLE, [], how)] != []
    assert list(requests_to(WHOLE, [], how)) == [
        (("_lastUpdated", "lt2020-01-01"),),
        (("_lastUpdated", "ge2020-01-01"), ("_lastUpdated", "lt2022-01-01")),
        (("_lastUpdated", "ge2022-01-01"),),
    ]
    assert len(list(requests_to(BY_PATIENT, ["a"], how))) == 1


def test_index_events_only_of_the_patients_listed(tmp_path: Path) -> None:
    file = tmp_path / "patients.txt"
    file.write_text("# the board's list\nPatient/a\n\n b # came late\n")
    asked = asked_of(INDEX, Searching(cohort=str(file)))
    assert (asked.by, asked.arrival.by) == ("patient", "patient")
    assert list(requests_to(asked, cohort_of(file), Searching())) == [(("code", "s|1"), ("patient", "a,b"))]


@pytest.mark.parametrize("content", [None, "", "# nobody\n", b"\xff"])
def test_list_without_patients_is_said_without_its_content(tmp_path: Path, content: str | bytes | None) -> None:
    file = tmp_path / "patients.txt"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SourceError, match=r"patients\.txt"):
        cohort_of(file)


@pytest.mark.parametrize(
    "wrong",
    [
        {"parameters": {"Observations": "category=a"}},
        {"parameters": {"Observation": "category"}},
        {"include": ["medication"]},
        {"windows": ["2022-01-01", "2020-01-01"]},
        {"ids_per_request": 0},
        {"typo": 1},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Searching.model_validate(wrong)


@pytest.mark.parametrize(
    ("software", "size"),
    [
        ("HAPI FHIR Server", 500),
        ("Azure Health Data Services", 1000),
        ("Cerner FHIR", 200),
        ("Firely Server", 50),
        ("AWS HealthLake", 100),
        ("something else", 500),
        ("", 500),
    ],
)
def test_pages_are_as_large_as_the_software_takes(software: str, size: int) -> None:
    assert page_size(software) == size
