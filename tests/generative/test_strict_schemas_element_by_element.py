"""Oracle: the model of each type. Element by element, whatever a type's schema accepts its model must accept too."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from random import Random
from typing import Any

import jsonschema_rs
import pytest

from flows.acceptance import schema_file
from flows.acceptance.bounded_schemas import bounded
from flows.acceptance.fast_judge import FastJudge
from flows.acceptance.schema_file import Schema, SchemaFile
from mappings.elements import choices_of, elements_of, is_primitive
from tests.generative.odd_values import VALUES, ordinary
from tests.generative.resources_of_models import members_of

KEPT = schema_file.read()
TYPES = [name for name in KEPT.definitions if not is_primitive(name) and name != "FHIRPrimitiveExtension"]
ANYTHING: list[Any] = [None, True, 7, 0, -1, 7.5, "x", " ", "", {}, [], ["x"], [None], [{}], {"x": 1}]
BESIDE: list[Any] = [
    None,
    {},
    {"id": "a"},
    {"id": ""},
    {"extension": []},
    {"extension": [{}]},
    [None],
    [{"id": "a"}],
    "x",
]


def variants(type_: str) -> Iterator[dict[str, Any]]:
    """A valid instance, and it with each element in turn left out, of every kind of value, or beside another choice."""
    whole = members_of(type_, Random(type_), 0.0)
    if "resourceType" in KEPT.definitions[type_]["properties"]:
        whole["resourceType"] = type_
    yield whole
    for name in list(whole):
        yield {key: value for key, value in whole.items() if key != name}
    elements = elements_of(type_)
    for name, element in elements.items():
        values = list(BESIDE if name.startswith("_") else ANYTHING)
        if is_primitive(element.type):
            values += ordinary(element.type)
            values += [ordinary(element.type)[:1], [*ordinary(element.type)[:1], None]]
        elif element.type not in ("Resource", "Element"):
            inner = members_of(element.type, Random(name), 0.0)
            values += [inner, [inner], [inner, None], {**inner, "invented": 1}]
        yield from ({**whole, name: value} for value in values)
    yield from ({**whole, name: "x"} for name in ("invented", "resource_type", "fhir_comments", "resourceType"))
    for choice in choices_of(type_).values():
        few = [one for one in choice.values() if is_primitive(one.type)][:4]
        for pair in combinations(few, 2):
            yield {**whole, **{one.name: ordinary(one.type)[0] for one in pair}}


def validator(type_: str, kept: SchemaFile) -> Callable[[Any], bool]:
    """As the judge compiles it, but of one instance, and of any type."""
    schema = bounded(type_, kept.definitions)
    compiled = jsonschema_rs.Draft202012Validator(schema, pattern_options=jsonschema_rs.RegexOptions())
    valid: Callable[[Any], bool] = compiled.is_valid
    return valid


def too_lax(type_: str, kept: SchemaFile, said: Counter[str] | None = None) -> list[dict[str, Any]]:
    """What the type's schema accepts and its model refuses."""
    from fhir.resources.R4B import get_fhir_model_class

    model = get_fhir_model_class(type_)
    schema = validator(type_, kept)
    judge = FastJudge(kept)
    wrong = []
    for instance in variants(type_):
        # The judge looks into ``contained``, of which the schema of a resource says only that it is a list.
        by_schema = judge.all_surely_valid(type_, [instance]) if model.has_resource_base() else schema(instance)
        try:
            model.model_validate(copy.deepcopy(instance))
            by_model = True
        except Exception:  # of pydantic's own kind or a defect of the models': either way they do not accept it
            by_model = False
        if by_schema and not by_model:
            wrong.append(instance)
        if said is not None:
            said[f"{'schema' if by_schema else 'no schema'}, {'model' if by_model else 'no model'}"] += 1
    return wrong


def test_no_element_of_any_type_is_too_lax() -> None:
    said: Counter[str] = Counter()
    assert [(type_, wrong) for type_ in TYPES for wrong in too_lax(type_, KEPT, said)] == []
    print(dict(said))
    assert said["schema, no model"] == 0
    assert said["schema, model"] > 10_000
    assert said["no schema, no model"] > 10_000


def _laxer(name: str, changes: Mapping[str, Any]) -> SchemaFile:
    definitions: dict[str, Schema] = {**KEPT.definitions, name: {**KEPT.definitions[name], **changes}}
    return replace(KEPT, definitions=definitions)


@pytest.mark.parametrize(
    ("type_", "name", "changes"),
    [
        ("Observation", "Observation", {"required": ["resourceType", "status"]}),
        ("Observation", "Observation", {"required": ["resourceType", "code"]}),
        ("Observation", "Observation", {"additionalProperties": True}),
        ("ObservationComponent", "ObservationComponent", {"allOf": [True]}),
        ("MedicationAdministration", "MedicationAdministration", {"allOf": [True]}),
        ("AccountCoverage", "positiveInt", {"minimum": -1000}),
        ("Patient", "FHIRPrimitiveExtension", {"minProperties": 0}),
        ("Coding", "code", {"type": ["string", "null", "number"]}),
        ("HumanName", "string", {"pattern": ""}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_laxer_definition_is_caught(type_: str, name: str, changes: Mapping[str, Any]) -> None:
    assert too_lax(type_, _laxer(name, changes)) != []


@pytest.mark.parametrize("primitive", [name for name in VALUES if name in KEPT.definitions])
def test_no_odd_value_of_a_primitive_is_taken_that_the_models_refuse(primitive: str) -> None:
    """In an extension, which may hold a value of any type; xhtml in a Narrative."""
    from fhir.resources.R4B.extension import Extension
    from fhir.resources.R4B.narrative import Narrative

    name = f"value{primitive[0].upper()}{primitive[1:]}"
    type_, model, member, rest = (
        ("Narrative", Narrative, "div", {"status": "empty"})
        if primitive == "xhtml"
        else ("Extension", Extension, name, {"url": "http://a.example/x"})
    )
    schema = validator(type_, KEPT)
    odd = [value for values in VALUES.values() for value in values]
    taken = [value for value in odd if schema({**rest, member: value})]
    for value in taken:
        model.model_validate({**rest, member: value})
    assert all(value in taken for value in ordinary(primitive))
