"""JSON Schemas that are surely no laxer than fhir.resources' R4B models, generated from those models.

A definition says of one type: which elements it may have and no others, which must be there, at most one of each
``value[x]``. Everything a model might take that is seldom served is left out (null, numbers as text, an element by its
Python name, ``fhir_comments``, a required value replaced by an extension): what a schema refuses, the models judge.
Elements that hold any resource are left out too, but for ``contained``: of that a schema says only that it is a list,
and `flows.acceptance.fast_judge` looks into it.

Schemas are JSON Schema 2020-12. The patterns must mean the same in every regular expression engine, so they name their
characters and use no ``\\s``, ``\\d`` or ``\\w``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flows.acceptance.schema_file import Schema, reference, references_of
from mappings.elements import choices_of, elements_of, resource_names

# White space of Unicode; the models look for a character that is none, by Rust's \S.
_SPACE = r"\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Years 1000 to 2999. Days that exist: the models parse full dates; 29 February only of leap years.
_YEAR = "[12][0-9]{3}"
_LEAP = "([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)"
_DAY = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
_MONTH = "(0[1-9]|1[0-2])"
_DATE = f"({_YEAR}-({_DAY})|{_LEAP}-02-29)"
# No leap second, which the models know, and at most nanoseconds.
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
_ZONE = "(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_LARGEST = 2**31 - 1
# From so many options on, pairs of them are too many to write out.
_MANY = 20


def _text(pattern: str | None = None) -> Schema:
    return {"type": "string"} if pattern is None else {"type": "string", "pattern": pattern}


def _integer(least: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": _LARGEST}


# Every primitive the schemas know; an element of another one (uuid, integer64) is left to the models.
PRIMITIVE_SCHEMAS: Mapping[str, Schema] = {
    "base64Binary": _text("^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$"),
    "boolean": {"type": "boolean"},
    "canonical": _text(),
    "code": _text(f"^[^{_SPACE}]+( [^{_SPACE}]+)*$"),
    "date": _text(f"^({_YEAR}(-{_MONTH})?|{_DATE})$"),
    "dateTime": _text(f"^({_YEAR}(-{_MONTH})?|{_DATE}(T{_TIME}{_ZONE})?)$"),
    "decimal": {"type": "number"},
    "id": {**_text("^[A-Za-z0-9.-]+$"), "maxLength": 255},
    "instant": _text(f"^{_DATE}T{_TIME}{_ZONE}$"),
    "integer": _integer(-(2**31)),
    "markdown": _text(),
    "oid": _text(r"^urn:oid:[0-2](\.(0|[1-9][0-9]*))+$"),
    "positiveInt": _integer(1),
    "string": _text(f"[^{_SPACE}]"),
    "time": _text(f"^{_TIME}$"),
    "unsignedInt": _integer(0),
    "uri": _text(),
    "url": _text(),
    "xhtml": _text(),
}


def definitions(types: Iterable[str] | None = None) -> dict[str, Schema]:
    """The definitions of some types (default: every resource type) and of all they refer to, by name.

    Imports the models of each; all of them take seconds.
    """
    found: dict[str, Schema] = dict(PRIMITIVE_SCHEMAS)
    ahead = sorted(resource_names() if types is None else types)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found[name] = definition(name)
            ahead += sorted(references_of(found[name]) - found.keys())
    return dict(sorted(found.items()))


def definition(type_: str) -> Schema:
    """The definition of one resource or data type; what it refers to is named ``#/$defs/<type>``."""
    model = _model(type_)
    properties: dict[str, Schema] = {}
    for name, element in elements_of(type_).items():
        # Beside a primitive stands what is said of it; no other element is of type Element.
        beside = element.type == "Element" and name.startswith("_")
        kind = "FHIRPrimitiveExtension" if beside else element.type
        if name == "contained" and kind == "Resource":
            properties[name] = {"type": "array"}
            continue
        if kind in ("Resource", "Element") or (kind[0].islower() and kind not in PRIMITIVE_SCHEMAS):
            continue
        schema = reference(kind)
        if element.many:
            # In a list beside primitives null stands for a value of which nothing is said.
            schema = {"type": "array", "items": {"anyOf": [{"type": "null"}, schema]} if beside else schema}
        properties[name] = schema
    required = {str(field.alias) for field in model.model_fields.values() if field.is_required()}
    required |= {name for name, _ in model.get_required_fields(None)}
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if model.has_resource_base():
        properties["resourceType"] = {"const": type_}
        required.add("resourceType")
    if type_ == "FHIRPrimitiveExtension":
        found["minProperties"] = 1
    if required:
        found["required"] = sorted(required)
    if choices := list(_choices(type_, model, len(required))):
        found["allOf"] = choices
    return found


def _choices(type_: str, model: Any, required: int) -> Iterator[Schema]:
    """At most, or exactly, one element of each choice."""
    for choice, among in sorted(choices_of(type_).items()):
        names = [element.name for element in among.values()]
        given = [{"required": [name]} for name in names]
        first = model.model_fields[model.get_one_of_many_fields(None)[choice][0]]
        if first.json_schema_extra["one_of_many_required"]:
            yield {"oneOf": given}
        elif len(names) < _MANY:
            # The quickest to check: beside each that is there, none of those after it.
            others = {name: names[at + 1 :] for at, name in enumerate(names[:-1])}
            yield {
                "dependentSchemas": {
                    name: {"properties": dict.fromkeys(after, False)} for name, after in others.items()
                }
            }
        else:
            # Besides what must be there one element more cannot be two: that spares most extensions fifty look-ups.
            one = {"maxProperties": required + 1}
            yield {"anyOf": [one, {"oneOf": [*given, {"not": {"anyOf": given}}]}]}


def _model(type_: str) -> Any:
    from fhir.resources.R4B import get_fhir_model_class

    return get_fhir_model_class(type_)
