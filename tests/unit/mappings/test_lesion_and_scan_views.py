"""The views that tell which lesion an Observation measures, and what an ImagingStudy says of its contrast phase.

Oracle: rows written out by hand from FHIR R4 (Observation.focus, extension bodySite, Identifier; ImagingStudy), of
resources as mCODE's Tumor Size and radiology systems write them; the interpreter says the same of the same resources.
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

BODY_SITE = "http://hl7.org/fhir/StructureDefinition/bodySite"
ROWS: dict[str, list[dict[str, Any]]] = {
    "observation_identifier": [
        {"id": "focus", "patient_id": "p1", "identifier_system": "urn:lesions", "identifier_value": "7"},
        {"id": "focus", "patient_id": "p1", "identifier_value": "without a system"},
    ],
    "observation_body_structure": [
        {"id": "focus", "patient_id": "p1", "body_structure_id": "b1"},
        {"id": "focus", "patient_id": "p1"},
        {"id": "site", "patient_id": "p1", "body_structure_id": "b2"},
    ],
    "imaging_procedure": [
        {
            "id": "scan",
            "patient_id": "p1",
            "code_system": "urn:p",
            "code": "CTA",
            "code_display": "arterial",
            "code_text": "CT",
        },
        {"id": "scan", "patient_id": "p1", "code_system": "urn:p", "code": "CTL", "code_text": "CT"},
        {"id": "scan", "patient_id": "p1", "code_text": "text only"},
    ],
    "imaging_series": [
        {"id": "scan", "patient_id": "p1", "uid": "1.2", "modality": "CT", "description": "arterial 1.0 mm"},
        {"id": "scan", "patient_id": "p1", "uid": "1.3", "modality": "CT"},
    ],
}


def _observation(id_: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "size"},
        "subject": {"reference": "Patient/p1"}, **more,
    }  # fmt: skip


OBSERVATIONS = [
    _observation(
        "focus",
        identifier=[{"system": "urn:lesions", "value": "7"}, {"value": "without a system"}],
        focus=[{"reference": "BodyStructure/b1/_history/2"}, {"reference": "Condition/c1"}],
    ),
    _observation(
        "site",
        bodySite={
            "text": "liver",
            "extension": [
                {"url": BODY_SITE, "valueReference": {"reference": "BodyStructure/b2"}},
                {"url": "urn:other", "valueReference": {"reference": "BodyStructure/b3"}},
            ],
        },
    ),
    _observation("neither", bodySite={"text": "liver"}),
]
SCANS = [
    {
        "resourceType": "ImagingStudy", "id": "scan", "status": "available", "subject": {"reference": "Patient/p1"},
        "procedureCode": [
            {
                "coding": [
                    {"system": "urn:p", "code": "CTA", "display": "arterial"}, {"system": "urn:p", "code": "CTL"},
                ],
                "text": "CT",
            },
            {"text": "text only"},
        ],
        "series": [
            {"uid": "1.2", "modality": {"code": "CT"}, "description": "arterial 1.0 mm"},
            {"uid": "1.3", "modality": {"code": "CT"}},
        ],
    },
    {"resourceType": "ImagingStudy", "id": "bare", "status": "available", "subject": {"reference": "Patient/p1"}},
]  # fmt: skip
RESOURCES = {name: SCANS if name.startswith("imaging") else OBSERVATIONS for name in ROWS}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_rows_are_those_written_out(name: str, tmp_path: Path) -> None:
    assert told(view_rows(ibis.duckdb.connect(), name, RESOURCES[name], tmp_path)) == told(ROWS[name])
    assert told(list(interpreter.rows(load(name), RESOURCES[name]))) == told(ROWS[name])


@pytest.mark.spark
@pytest.mark.xdist_group("spark")
@pytest.mark.parametrize("name", sorted(ROWS))
def test_spark_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    assert told(view_rows(spark.connection(), name, RESOURCES[name], tmp_path)) == told(ROWS[name])
