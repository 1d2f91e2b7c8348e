"""Rows of a supplement as FHIR. Oracle: the R4 models of fhir.resources, and the rows themselves."""

from __future__ import annotations

import json
from datetime import date

import pytest
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.provenance import Provenance

from analysis.study.supplement import Supplement
from analysis.study.supplement_file import SupplementRow
from analysis.supplement import PREFIX, supplement_resources
from mappings.codelists import CodeEntry, CodeList, ConceptMapping, ConceptRow

LOINC = "http://loinc.org"
CODES = {
    name: CodeList(name, entries=(CodeEntry(LOINC, code),))
    for name, code in {"size": "1-8", "ecog": "2-6", "count": "3-4", "ascites": "4-2", "contact": "5-9"}.items()
} | {"liver": CodeList("liver", entries=(CodeEntry(None, "LIVER"),))}
MAPS = {"ecog": ConceptMapping("ecog", (ConceptRow(LOINC, "LA9622-7", None, "0"), ConceptRow(None, "ZERO", None, "0")))}
RULES = Supplement.model_validate(
    {
        "file": "charts.csv",
        "closed": date(2024, 2, 1),
        "variable": {
            "size": {"list": "size", "unit": "cm", "site": "liver"},
            "ecog": {"list": "ecog", "values": "ecog"},
            "count": {"list": "count", "type": "integer"},
            "ascites": {"list": "ascites", "type": "boolean"},
            "contact": {"list": "contact", "type": "date"},
        },
    }
)
QUANTITY = {"value": 5.0, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"}
VALUES = [
    ("size", "5", {"valueQuantity": QUANTITY}),
    ("size", "<5", {"valueQuantity": {**QUANTITY, "comparator": "<"}}),
    ("ecog", "LA9622-7", {"valueCodeableConcept": {"coding": [{"system": LOINC, "code": "LA9622-7"}]}}),
    ("ecog", "0", {"valueString": "0"}),
    ("ecog", "ZERO", {"valueString": "ZERO"}),
    ("count", "3", {"valueInteger": 3}),
    ("ascites", "true", {"valueBoolean": True}),
    ("contact", "2020-05-01", {"valueDateTime": "2020-05-01"}),
]
SHA = "ab" * 32


def row(variable: str, value: str, who: str = "a", reader: str = "r1", day: str = "2020-03") -> SupplementRow:
    return SupplementRow(who, day, variable, value, reader, 2)


def made(*rows: SupplementRow) -> tuple[list[dict], list[dict]]:
    return supplement_resources(RULES, rows, CODES, MAPS, {"a": "p1", "b": "p2"}, SHA)


@pytest.mark.parametrize(("variable", "value", "expected"), VALUES, ids=[f"{a} {b}" for a, b, _ in VALUES])
def test_a_row_is_an_observation_of_r4(variable: str, value: str, expected: dict) -> None:
    (one,), _ = made(row(variable, value))
    Observation.model_validate_json(json.dumps(one))
    assert {key: one[key] for key in one if key.startswith("value")} == expected
    assert one["subject"] == {"reference": "Patient/p1"}
    assert one["effectiveDateTime"] == "2020-03"
    assert one["performer"] == [{"reference": "Practitioner/r1"}]
    assert one["code"]["coding"] == [{"system": LOINC, "code": CODES[variable].entries[0].code}]
    assert ("bodySite" in one) == (variable == "size")
    assert one["id"].startswith(PREFIX)
    assert len(one["id"]) <= 64


def test_each_reader_has_a_provenance_that_names_the_file_and_every_row() -> None:
    observations, provenances = made(
        row("size", "5"), row("count", "3", reader="r2"), row("ecog", "0"), row("size", "5", who="nobody")
    )
    assert len(observations) == 3
    targets = {}
    for one in provenances:
        Provenance.model_validate_json(json.dumps(one))
        (entity,) = one["entity"]
        assert entity["what"]["identifier"]["value"] == SHA
        targets[one["agent"][0]["who"]["reference"]] = [t["reference"] for t in one["target"]]
    assert {who: len(named) for who, named in targets.items()} == {"Practitioner/r1": 2, "Practitioner/r2": 1}
    assert sorted(name for named in targets.values() for name in named) == [
        f"Observation/{one['id']}" for one in observations
    ]


def test_the_order_of_rows_changes_nothing_and_no_two_rows_share_an_id() -> None:
    rows = [row(v, value, who, reader) for v, value, _ in VALUES[:1] + VALUES[2:3] for who in "ab" for reader in "rs"]
    forwards = made(*rows)
    assert made(*reversed(rows)) == forwards
    assert len({one["id"] for one in forwards[0]}) == len(rows)
