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


def test_every_definition_is_closed_and_what_it_refers_to_is_there() -> None:
    kept = schema_file.read()
    for definition in kept.definitions.values():
        assert definition["type"] != "object" or definition["additionalProperties"] is False
        assert schema_file.references_of(definition) <= set(kept.definitions)
        jsonschema_rs.meta.validate(definition)


def test_every_resource_type_has_one() -> None:
    kept = schema_file.read()
    resources = {name for name in kept.definitions if kept.is_resource(name)}
    assert resources == {name for name in kept.definitions if name[0].isupper() and is_resource(name)}
    assert resources == set(resource_names())
