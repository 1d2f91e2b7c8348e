"""Schemas that no deeply nested resource fits: recursive definitions written out a few times over.

The models take some eight frames of Python a level and end with a RecursionError near 100 levels, earlier where the
caller's own stack is deep. Bounding the depth in the schema costs nothing for each resource. Compiling costs some
milliseconds a type in every process, most of it for what extensions may hold; so rare kinds of that are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.acceptance.schema_file import Schema, references_of

# How often an extension may stand within an extension, and another recursive type (items of a questionnaire, sections,
# an identifier's assigner) within itself.
EXTENSIONS = 2
OTHERS = 4

# Data types that an extension may hold, and one within an extension, besides the primitives.
_HELD_INSIDE = frozenset({"Coding", "CodeableConcept", "Identifier", "Period", "Quantity", "Reference"})
_HELD = _HELD_INSIDE | {
    "Address", "Age", "Annotation", "Attachment", "ContactPoint", "Duration", "HumanName", "Money", "Range", "Ratio",
}  # fmt: skip

_State = tuple[str, int, int]


class _LeftOut(Exception):
    """What comes next is left to the models."""


def bounded(type_: str, definitions: Mapping[str, Schema]) -> Schema:
    """The whole schema of one type: JSON Schema 2020-12, with primitives put where they are named.

    Raises:
        KeyError: there is no definition of this name.
    """
    recursive, leading = _recursive(type_, definitions)
    needed: dict[str, Schema] = {}
    ahead: list[_State] = [(type_, 0, 0)]

    def after(at: _State, name: str) -> _State:
        holder, extensions, others = at
        if name == "Extension":
            extensions, others = extensions + 1, 0
        elif holder == "Extension" and name != "FHIRPrimitiveExtension" and name not in _held(extensions):
            raise _LeftOut
        elif name in recursive:
            others += 1
        if extensions > EXTENSIONS or others > OTHERS:
            raise _LeftOut
        # Where nothing recursive can follow it does not matter what came before: one definition serves for all.
        return name, extensions, others if name in leading else 0

    def written(schema: Any, at: _State) -> Any:
        if isinstance(schema, list):
            return [written(part, at) for part in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" not in schema:
            return {key: written(part, at) for key, part in schema.items()}
        (name,) = references_of(schema)
        if "properties" not in definitions[name]:
            return definitions[name]
        ahead.append(after(at, name))
        return {"$ref": f"#/$defs/{_name(ahead[-1])}"}

    while ahead:
        state = ahead.pop()
        if _name(state) not in needed:
            definition = definitions[state[0]]
            properties = {}
            for name, schema in definition["properties"].items():
                try:
                    properties[name] = written(schema, state)
                except _LeftOut:
                    continue
            needed[_name(state)] = {**definition, "properties": properties}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": f"#/$defs/{_name((type_, 0, 0))}",
        "$defs": needed,
    }


def _held(extensions: int) -> frozenset[str]:
    return _HELD_INSIDE if extensions > 1 else _HELD


def _name(state: _State) -> str:
    return "{}.{}.{}".format(*state)


def _recursive(type_: str, definitions: Mapping[str, Schema]) -> tuple[set[str], set[str]]:
    """(at least one type of every cycle that needs no extension, the types from which one of these can be reached)."""
    found: set[str] = set()
    done: dict[str, set[str]] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        done[name] = references_of(definitions[name]) - {"Extension"}
        for other in sorted(done[name]):
            if other in above or other == name:
                found.add(other)
            elif other not in done:
                visit(other, above | {name})

    for start in (type_, *sorted(references_of(definitions["Extension"]))):
        if start not in done:
            visit(start, frozenset())
    leading = set(found)
    while more := {name for name, others in done.items() if others & leading} - leading:
        leading |= more
    return found, leading
