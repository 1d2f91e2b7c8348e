"""Valid resources of any type, made from fhir.resources' own models: what must be there, and as much more as asked."""

from __future__ import annotations

from random import Random
from typing import Any

from mappings.elements import Element, elements_of, is_primitive
from tests.generative.odd_values import ordinary

Json = dict[str, Any]


def resource_of(type_: str, random: Random, more: float = 0.0) -> Json:
    """A valid resource; each element that need not be there is there with the likelihood ``more``, less so below."""
    return {"resourceType": type_, **members_of(type_, random, more)}


def members_of(type_: str, random: Random, more: float, depth: int = 0) -> Json:
    """The same for a data type or a part of a resource, and without ``resourceType``."""
    return _members(type_, random, more, depth)


def required_of(type_: str) -> tuple[set[str], list[list[str]]]:
    """(names that must be there, choices one of which must be) by the model itself."""
    from fhir.resources.R4B import get_fhir_model_class

    model = get_fhir_model_class(type_)
    must = {str(field.alias) for field in model.model_fields.values() if field.is_required()}
    must |= {name for name, _ in model.get_required_fields(None)}  # type: ignore[attr-defined]
    choices = []
    for fields in model.get_one_of_many_fields(None).values():  # type: ignore[attr-defined]
        if model.model_fields[fields[0]].json_schema_extra["one_of_many_required"]:
            choices.append([str(model.model_fields[field].alias) for field in fields])
    return must, choices


def _members(type_: str, random: Random, more: float, depth: int) -> Json:
    elements = {
        name: element
        for name, element in elements_of(type_).items()
        if element.type not in ("Resource", "Element") and not name.startswith("_")
    }
    must, one_of = required_of(type_)
    # Of a choice that must be made the shortest way: a primitive where there is one.
    must |= {min(names, key=lambda name: (not is_primitive(elements[name].type), name)) for names in one_of}
    wanted = [name for name in elements if name in must or random.random() < more / (1 + 2 * depth)]
    taken: set[str] = {str(elements[name].choice) for name in must if elements[name].choice}
    found: Json = {}
    for name in wanted:
        element = elements[name]
        if name not in must and element.choice is not None:
            if element.choice in taken:
                continue
            taken.add(element.choice)
        if name not in must and depth > 3 and not is_primitive(element.type):
            continue
        value = _value(element, random, more, depth)
        found[name] = [value] if element.many else value
    if not found and type_ == "Extension":
        found["url"] = "http://a.example/x"
    return found


def _value(element: Element, random: Random, more: float, depth: int) -> Any:
    if is_primitive(element.type):
        return random.choice(ordinary(element.type))
    return _members(element.type, random, more, depth + 1)
