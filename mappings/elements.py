"""R4's element types and cardinalities, taken from the models of fhir.resources (R4B) so that no table is kept by hand.

Each type costs one import of its module at its first use (0.35 s for the first, then about 10 ms).
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

PRIMITIVES = frozenset(
    (
        "base64Binary",
        "boolean",
        "canonical",
        "code",
        "date",
        "dateTime",
        "decimal",
        "id",
        "instant",
        "integer",
        "integer64",
        "markdown",
        "oid",
        "positiveInt",
        "string",
        "time",
        "unsignedInt",
        "uri",
        "url",
        "uuid",
        "xhtml",
    )
)
INTEGERS = frozenset(("integer", "integer64", "positiveInt", "unsignedInt"))
DATES = frozenset(("date", "dateTime", "instant"))

# Types fhir.resources builds from a plain Python type, or from pydantic's own, instead of a named annotation.
_PLAIN = {
    "bool": "boolean",
    "str": "string",
    "bytes": "base64Binary",
    "encodedBytes": "base64Binary",
    "int": "integer",
    "Decimal": "decimal",
    "uuidVersion": "uuid",
}


@dataclass(frozen=True)
class Element:
    """One element of a type as JSON has it: ``valueQuantity`` is an element, its ``choice`` is ``value``."""

    name: str
    type: str
    many: bool
    choice: str | None = None


def is_primitive(type_: str) -> bool:
    """Whether values of the type are single JSON values."""
    return type_ in PRIMITIVES


def storage(type_: str) -> str:
    """What a primitive is kept as in a table: text, boolean, integer or decimal. Dates keep their text."""
    if type_ in INTEGERS:
        return "integer"
    return type_ if type_ in ("boolean", "decimal") else "text"


@cache
def elements_of(type_: str) -> dict[str, Element]:
    """The elements of a resource or data type by JSON name, ``_birthDate`` and its like among them.

    Raises:
        KeyError: R4 has no such type.
    """
    found: dict[str, Element] = {}
    for field in _model(type_).model_fields.values():
        name = str(field.alias)
        if name == "fhir_comments":
            continue
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        kind, many = _read(field.annotation)
        choice = extra.get("one_of_many")
        found[name] = Element(name, kind, many, None if choice is None else str(choice))
    return found


@cache
def choices_of(type_: str) -> dict[str, dict[str, Element]]:
    """The choice elements of a type: ``value`` → {``Quantity``: the element valueQuantity, …}."""
    found: dict[str, dict[str, Element]] = {}
    for element in elements_of(type_).values():
        if element.choice is not None:
            found.setdefault(element.choice, {})[element.type] = element
    return found


@cache
def is_type(type_: str) -> bool:
    """Whether R4 has a resource or data type of this name."""
    try:
        return is_primitive(type_) or _model(type_) is not None
    except KeyError:
        return False


@cache
def is_resource(type_: str) -> bool:
    """Whether R4 has a resource type of this name."""
    from fhir.resources.R4B.resource import Resource

    try:
        return issubclass(_model(type_), Resource) and type_ not in ("Resource", "DomainResource")
    except KeyError:
        return False


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name nearest to one, whatever its case; None where none is near."""
    listed = sorted(known)
    spelled = {one.lower(): one for one in listed} | {one: one for one in listed}
    for asked in (name, name.lower()):
        near = [asked] if asked in spelled else difflib.get_close_matches(asked, spelled, n=1, cutoff=0.6)
        if near:
            return spelled[near[0]]
    return None


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean X?`` for the nearest known name, or an empty text."""
    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""


@cache
def resource_names() -> tuple[str, ...]:
    """All resource types, for suggestions."""
    from fhir.resources.R4B import fhirtypes

    names = (name.removesuffix("Type") for name in dir(fhirtypes) if name.endswith("Type"))
    return tuple(name for name in names if is_resource(name))


def _model(type_: str) -> Any:
    from fhir.resources.R4B import get_fhir_model_class

    try:
        return get_fhir_model_class(type_)
    except (KeyError, ValueError, ImportError, LookupError) as error:
        raise KeyError(type_) from error


def _read(annotation: Any) -> tuple[str, bool]:
    """The FHIR type named in a field's annotation, and whether it is a list."""
    many = False
    while True:
        origin = typing.get_origin(annotation)
        if origin in (typing.Union, types.UnionType):
            annotation = next(part for part in typing.get_args(annotation) if part is not type(None))
        elif origin is list:
            many = True
            annotation = typing.get_args(annotation)[0]
        elif origin is typing.Annotated:
            kind = type(typing.get_args(annotation)[1]).__name__
            kind = kind[0].lower() + kind[1:]
            return _PLAIN.get(kind, kind), many
        else:
            break
    name = annotation.__name__
    if name in _PLAIN:
        return _PLAIN[name], many
    name = name.removesuffix("Type")
    return ("Element" if name == "FHIRPrimitiveExtension" else name), many
