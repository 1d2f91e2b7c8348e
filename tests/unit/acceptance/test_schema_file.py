"""The schemas that are kept. Oracle: the installed models they are made from."""

from __future__ import annotations

from dataclasses import replace

import jsonschema_rs

from flows.acceptance import schema_file
from flows.acceptance.strict_schemas import definitions
from mappings.elements import is_resource, resource_names


def test_the_kept_schemas_are_those_of_the_installed_models() -> None:
    """Where this fails after an upgrade: ``make schemas``, then the comparisons of tests/generative in full."""
    made = schema_file.SchemaFile(schema_file.installed(), definitions())
    assert schema_file.FILE.read_bytes() == schema_file.as_bytes(made)


def test_they_fit_these_models_and_no_others() -> None:
    kept = schema_file.read()
    assert kept.fits
    assert not replace(kept, made_from={**kept.made_from, "fhir.resources": "8.2.0"}).fits


def test_every_resource_type_has_a_schema_that_is_valid_and_closed() -> None:
    kept = schema_file.read()
    for type_ in resource_names():
        schema = kept.schema_of(type_)
        jsonschema_rs.meta.validate(schema)
        assert schema_file.references_of(schema) == set(schema["$defs"])
        objects = [one for one in schema["$defs"].values() if one["type"] == "object"]
        assert all(one["additionalProperties"] is False for one in objects)
    resources = {name for name in kept.definitions if kept.is_resource(name)}
    assert resources == {name for name in kept.definitions if name[0].isupper() and is_resource(name)}
    assert resources == set(resource_names())
