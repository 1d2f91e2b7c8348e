"""Schemas of bounded depth. Oracle: the models, called from far down a stack with what is as deep as a schema takes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import jsonschema_rs

from flows.acceptance import schema_file
from flows.acceptance.bounded_schemas import bounded
from flows.acceptance.findings import Finding
from flows.acceptance.models_judge import ModelsJudge
from mappings.elements import resource_names

KEPT = schema_file.read()
# The deepest nesting of objects any of the schemas takes.
DEEPEST = 45


def depths(schema: dict[str, Any]) -> dict[str, int]:
    """How many objects deep what fits each definition can be. Ends only where no definition leads back to itself."""
    found: dict[str, int] = {}

    def depth(name: str, above: frozenset[str]) -> int:
        assert name not in above
        if name not in found:
            inner = schema_file.references_of(schema["$defs"][name])
            found[name] = 1 + max((depth(other, above | {name}) for other in inner), default=0)
        return found[name]

    depth(schema["$ref"].removeprefix("#/$defs/"), frozenset())
    return found


def test_no_schema_leads_back_to_itself_and_all_are_bounded() -> None:
    for type_ in resource_names():
        schema = bounded(type_, KEPT.definitions)
        jsonschema_rs.meta.validate(schema)
        found = depths(schema)
        assert max(found.values()) <= DEEPEST, type_
        assert set(found) == set(schema["$defs"]), type_
        assert all(one["additionalProperties"] is False for one in schema["$defs"].values())


def test_what_no_recursion_concerns_is_as_it_was() -> None:
    kept, written = KEPT.definitions["Observation"], bounded("Observation", KEPT.definitions)
    found = written["$defs"]["Observation.0.0"]
    assert set(found["properties"]) == set(kept["properties"])
    assert found["properties"]["status"] == KEPT.definitions["code"]
    assert found["required"] == kept["required"]


def test_the_models_bear_that_depth_even_far_down_a_stack() -> None:
    """Prefect and a test runner call from a hundred frames; here it is half of all that Python allows."""
    extension: dict[str, Any] = {"url": "x", "valueString": "x"}
    identifier: dict[str, Any] = {"value": "x"}
    item: dict[str, Any] = {"linkId": "x"}
    for _ in range(DEEPEST):
        extension = {"url": "x", "extension": [extension]}
        item = {"linkId": "x", "item": [item]}
    for _ in range(DEEPEST // 2):
        identifier = {"assigner": {"identifier": identifier}}
    basic = {"resourceType": "Basic", "code": {"text": "x"}}
    deep = [
        {**basic, "extension": [extension]},
        {**basic, "identifier": [identifier]},
        {**basic, "contained": [{**basic, "extension": [extension]}]},
        {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [item]},
    ]
    models = ModelsJudge()

    def called_from(frames: int, resource: dict[str, Any]) -> Sequence[Finding]:
        if frames:
            return called_from(frames - 1, resource)
        return models(resource["resourceType"], resource, b"")

    assert sys.getrecursionlimit() >= 1000
    for resource in deep:
        assert called_from(450, resource) == ()
