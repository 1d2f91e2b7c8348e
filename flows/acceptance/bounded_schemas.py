"""Schemas that no deeply nested resource fits: recursive definitions written out a few times over.

The models take some eight frames of Python a level and end with a RecursionError near 100 levels, earlier where the
caller's own stack is deep. Bounding the depth in the schema costs nothing for each resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.acceptance.schema_file import Schema, references_of

# How often an extension may stand within an extension, and another recursive type (items of a questionnaire, sections,
# an identifier's assigner) within itself.
EXTENSIONS = 2
OTHERS = 4

_State = tuple[str, int, int]


class _TooDeep(Exception):
    """There is no definition left for what comes next."""


def bounded(type_: str, definitions: Mapping[str, Schema]) -> Schema:
    """The whole schema of one type: JSON Schema 2020-12, with primitives put where they are named.

    Raises:
        KeyError: there is no definition of this name.
    """
    recursive = _recursive(type_, definitions)
    needed: dict[str, Schema] = {}
    ahead: list[_State] = [(type_, 0, 0)]

    def named(schema: Any, at: _State) -> Any:
        if isinstance(schema, list):
            return [named(part, at) for part in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" not in schema:
            return {key: named(part, at) for key, part in schema.items()}
        (name,) = references_of(schema)
        if "properties" not in definitions[name]:
            return definitions[name]
        _, extensions, others = at
        if name == "Extension":
            extensions, others = extensions + 1, 0
        elif name in recursive:
            others += 1
        if extensions > EXTENSIONS or others > OTHERS:
            raise _TooDeep
        ahead.append((name, extensions, others))
        return {"$ref": f"#/$defs/{_name(ahead[-1])}"}

    while ahead:
        state = ahead.pop()
        if _name(state) not in needed:
            definition = definitions[state[0]]
            properties = {}
            for name, schema in definition["properties"].items():
                try:
                    properties[name] = named(schema, state)
                except _TooDeep:
                    continue
            needed[_name(state)] = {**definition, "properties": properties}
    first = _name((type_, 0, 0))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": f"#/$defs/{first}",
        "$defs": needed,
    }


def _name(state: _State) -> str:
    return "{}.{}.{}".format(*state)


def _recursive(type_: str, definitions: Mapping[str, Schema]) -> set[str]:
    """Types without which nothing but an extension could hold its like: one at least on every cycle."""
    found: set[str] = set()
    done: set[str] = set()

    def visit(name: str, above: frozenset[str]) -> None:
        done.add(name)
        for other in sorted(references_of(definitions[name]) - {"Extension"}):
            if other in above or other == name:
                found.add(other)
            elif other not in done:
                visit(other, above | {name})

    visit(type_, frozenset())
    if "Extension" in definitions:
        for other in sorted(references_of(definitions["Extension"])):
            if other not in done:
                visit(other, frozenset())
    return found
