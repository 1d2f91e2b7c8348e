"""The views of adverse events, their grades, and severities of conditions.

Oracle: rows written out by hand from FHIR R4 (AdverseEvent, Condition) and HL7's extension ae-grade; the interpreter
says the same of the same resources.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import pytest

from mappings import interpreter
from mappings.catalogue import load
from tests.fixtures import spark
from tests.fixtures.view_rows import told, view_rows

CTCAE = "http://terminology.hl7.org/CodeSystem/adverse-event-clinical-research-grades"
GRADE = "http://hl7.org/fhir/uv/ae-research-backport-ig/StructureDefinition/ae-grade"
SEVERITY = "http://terminology.hl7.org/CodeSystem/adverse-event-severity"
S = "http://example.org/codes"


def _concept(*codings: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in codings], **more}


EVENTS: list[dict[str, Any]] = [
    {
        "resourceType": "AdverseEvent", "id": "e1", "meta": {"versionId": "2"}, "actuality": "actual",
        "subject": {"reference": "Patient/p1"}, "event": _concept((S, "fever"), (S, "pyrexia"), text="Fever"),
        "date": "2020-03-04", "detected": "2020-03-05", "recordedDate": "2020-03-06T08:00:00Z",
        "severity": _concept((SEVERITY, "severe"), text="bad"), "outcome": _concept(("urn:o", "resolved")),
        "extension": [
            {"url": GRADE, "valueCodeableConcept": _concept((CTCAE, "grade-3"))},
            {"url": "urn:other", "valueCodeableConcept": _concept((CTCAE, "grade-5"))},
        ],
    },
    {
        "resourceType": "AdverseEvent", "id": "e2", "actuality": "potential", "subject": {"reference": "Group/g"},
        "event": {"text": "Fall"},
    },
]  # fmt: skip
CONDITIONS: list[dict[str, Any]] = [
    {
        "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
        "severity": _concept((S, "moderate"), (S, "grade-2")),
    },
    {"resourceType": "Condition", "id": "c2", "subject": {"reference": "Patient/p1"}, "severity": {"text": "mild"}},
]  # fmt: skip
RESOURCES = {"adverse_event": EVENTS, "adverse_event_grade": EVENTS, "condition_severity": CONDITIONS}
_WHEN = {"event_date": "2020-03-04", "detected_date": "2020-03-05", "recorded_date": "2020-03-06T08:00:00Z"}
_SAID = {"severity_system": SEVERITY, "severity": "severe", "severity_text": "bad"}
_FIRST = {"id": "e1", "version": "2", "patient_id": "p1", "actuality": "actual", "code_system": S, "code_text": "Fever"}
ROWS: dict[str, list[dict[str, Any]]] = {
    "adverse_event": [
        {**_FIRST, "code": code, **_WHEN, **_SAID, "outcome_system": "urn:o", "outcome": "resolved"}
        for code in ("fever", "pyrexia")
    ]
    + [{"id": "e2", "actuality": "potential", "code_text": "Fall"}],
    "adverse_event_grade": [
        {"id": "e1", "patient_id": "p1", "element": "grade", "code_system": CTCAE, "code": "grade-3"},
        {"id": "e1", "patient_id": "p1", "element": "severity", "code_system": SEVERITY, "code": "severe"},
    ],
    "condition_severity": [
        {"id": "c1", "patient_id": "p1", "code_system": S, "code": "grade-2"},
        {"id": "c1", "patient_id": "p1", "code_system": S, "code": "moderate"},
    ],
}


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_the_rows_are_those_written_out(name: str, tmp_path: Path) -> None:
    assert told(view_rows(ibis.duckdb.connect(), name, RESOURCES[name], tmp_path)) == told(ROWS[name])
    assert told(list(interpreter.rows(load(name), RESOURCES[name]))) == told(ROWS[name])


@pytest.mark.spark
@pytest.mark.xdist_group("spark")
@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_spark_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    assert told(view_rows(spark.connection(), name, RESOURCES[name], tmp_path)) == told(ROWS[name])
