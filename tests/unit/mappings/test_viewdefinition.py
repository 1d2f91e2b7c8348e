"""What is wrong in a view is refused before any data is read, with its JSON path. Oracle: SQL on FHIR v2, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.errors import DefinitionError
from mappings.viewdefinition import parse_view


def view(*columns: tuple[str, str], resource: str = "Patient", **more: Any) -> dict[str, Any]:
    made = [{"name": name, "path": path} for name, path in columns]
    return {"resource": resource, "select": [{"column": made}], **more}


def column(**more: Any) -> dict[str, Any]:
    return {"resource": "Patient", "select": [{"column": [more]}]}


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    (view(("a", "nme.family")), "select[0].column[0].path", "Patient has no element nme; did you mean name?"),
    (view(("a", "name.famly")), "select[0].column[0].path", "HumanName has no element famly; did you mean family?"),
    (view(("a", "id"), resource="Pateint"), "resource", "did you mean Patient?"),
    (view(("a", "value.ofType(Money)"), resource="Observation"), "select[0].column[0].path", "value is never a Money"),
    (view(("a", "value.ofType(Quantiti)"), resource="Observation"), "select[0].column[0].path", "R4 has no type"),
    (view(("a", "valueQuantity.value"), resource="Observation"), "select[0].column[0].path", "value.ofType(Quantity)"),
    (
        view(("a", "value.unit"), resource="Observation"),
        "select[0].column[0].path",
        "write value.ofType(Quantity).unit",
    ),
    (view(("a", "name")), "select[0].column[0].path", "is a HumanName"),
    (view(("a", "id"), ("A", "gender")), "select[0].column[1].name", "A is a column already"),
    (view(("1a", "id")), "select[0].column[0].name", "letters"),
    (view(("a", "name.frist()")), "select[0].column[0].path", "did you mean first?"),
    (view(("a", "name.first(1)")), "select[0].column[0].path", "first()"),
    (view(("a", "name.where(use)")), "select[0].column[0].path", "where() needs a boolean"),
    (view(("a", "name.where(use = 1).family")), "select[0].column[0].path", "compares different types"),
    (view(("a", "active + 1")), "select[0].column[0].path", "cannot be computed"),
    (view(("a", "id &")), "select[0].column[0].path", "not in the shareable profile"),
    (view(("a", "id.")), "select[0].column[0].path", "expected name, found the end"),
    (view(("a", "%nothing")), "select[0].column[0].path", "no constant %nothing"),
    (view(("a", "link.getReferenceKey()")), "select[0].column[0].path", "asked of a Reference"),
    (view(("a", "name.lowBoundary()")), "select[0].column[0].path", "decimal, a date or a time"),
    (column(name="a", path="active", type="string"), "select[0].column[0].type", "the path gives boolean"),
    (column(name="a", path="id", type="strng"), "select[0].column[0].type", "did you mean string?"),
    (column(name="a", path="id", colection=True), "select[0].column[0].colection", "did you mean collection?"),
    (view(("a", "id"), where=[{"path": "name"}]), "where[0].path", "not a boolean"),
    (view(("a", "id"), constant=[{"name": "x", "valueInteger": "1"}]), "constant[0].valueInteger", "is no integer"),
    (view(("a", "id"), constant=[{"name": "x"}]), "constant[0]", "exactly one value"),
    (view(("a", "id"), selct=[]), "selct", "did you mean select?"),
    ({"resource": "Patient", "select": [{"forEachOrnull": "name"}]}, "select[0].forEachOrnull", "forEachOrNull"),
    ({"resource": "Patient", "select": [{"forEach": "name", "repeat": ["name"]}]}, "select[0]", "say one"),
    (
        {
            "resource": "Patient",
            "select": [
                {
                    "unionAll": [
                        {"column": [{"name": "a", "path": "id"}]},
                        {"column": [{"name": "a", "path": "active"}]},
                    ]
                }
            ],
        },
        "select[0].unionAll[1]",
        "other columns than the first",
    ),
]


@pytest.mark.parametrize(("raw", "field", "message"), FAULTS, ids=[f"{f[1]}: {f[2]}" for f in FAULTS])
def test_a_fault_is_named_with_its_place(raw: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_view(raw, "mine.json")
    found = {problem.field: problem.message for problem in caught.value.problems}
    assert field in found
    assert message in found[field]
    assert "mine.json" in str(caught.value)


def test_every_fault_is_listed_not_only_the_first() -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_view(view(("a", "nme"), ("b", "gendr"), ("c", "id")))
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    "resource_type", [None, "ViewDefinition", "https://sql-on-fhir.org/ig/StructureDefinition/ViewDefinition"]
)
def test_the_resource_type_may_be_left_out_or_said_in_two_ways(resource_type: str | None) -> None:
    raw = view(("a", "id"))
    if resource_type:
        raw["resourceType"] = resource_type
    assert parse_view(raw).resource == "Patient"


def test_columns_come_in_the_order_of_the_specification() -> None:
    raw = {
        "resource": "Patient",
        "select": [
            {
                "unionAll": [{"column": [{"name": "c", "path": "id"}]}],
                "select": [{"column": [{"name": "b", "path": "id"}]}],
                "column": [{"name": "a", "path": "id"}],
            },
            {"column": [{"name": "d", "path": "id"}]},
        ],
    }
    assert [c.name for c in parse_view(raw).columns] == ["a", "b", "c", "d"]


def test_a_type_may_be_a_structure_definition_s_address() -> None:
    raw = column(name="a", path="id", type="http://hl7.org/fhir/StructureDefinition/id")
    assert parse_view(raw).columns[0].type == "id"
