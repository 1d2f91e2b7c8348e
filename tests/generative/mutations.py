"""Ways to break or bend a resource: each takes the resource (or its text) and a seeded source of choices."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import orjson

from tests.generative.odd_values import ANY, VALUES

Json = dict[str, Any]
_ODD = [value for values in VALUES.values() for value in values]
_NAMES = [
    "fhir_comments", "resource_type", "class_fhir", "status__ext", "extension", "contained", "invented", "_id", "id",
    "valueString", "valueInteger", "valueUuid", "_valueString", "value[x]", "", "é", "resourceType",
]  # fmt: skip
_NUMBERS = [
    b"1e999", b"-0", b"1.10", b"1E2", b"01", b"1.", b".5", b"+1", b"NaN", b"Infinity", b"0x1", b"99999999999999999999",
    b"1e-400", b"123456789012345678901234567890.5",
]  # fmt: skip


def nodes(resource: Json) -> list[Any]:
    """Every object and list in a resource, itself first."""
    found: list[Any] = [resource]
    for node in found:
        found += [v for v in (node.values() if isinstance(node, dict) else node) if isinstance(v, dict | list)]
    return found


def _objects(resource: Json) -> list[Json]:
    return [node for node in nodes(resource) if isinstance(node, dict)]


def _places(resource: Json) -> Iterator[tuple[Any, Any]]:
    for node in nodes(resource):
        yield from ((node, key) for key in (list(node) if isinstance(node, dict) else range(len(node))))


def _place(resource: Json, random: Random) -> tuple[Any, Any]:
    return random.choice(list(_places(resource)))


def delete(resource: Json, random: Random) -> None:
    node, key = _place(resource, random)
    del node[key]


def odd_value(resource: Json, random: Random) -> None:
    """A primitive replaced by a value of some primitive."""
    places = [(n, k) for n, k in _places(resource) if not isinstance(n[k], dict | list)]
    if places:
        node, key = random.choice(places)
        node[key] = random.choice(_ODD)


def like_value(resource: Json, random: Random) -> None:
    """A primitive replaced by one of its own list of odd values, told by its look."""
    places = [(n, k) for n, k in _places(resource) if not isinstance(n[k], dict | list)]
    if places:
        node, key = random.choice(places)
        alike = [name for name, values in VALUES.items() if node[key] in values] or ["string", "code"]
        node[key] = random.choice(VALUES[random.choice(alike)])


def other_kind(resource: Json, random: Random) -> None:
    node, key = _place(resource, random)
    node[key] = copy.deepcopy(random.choice(ANY))


def listed(resource: Json, random: Random) -> None:
    """A value made a list, or a list its first value."""
    node, key = _place(resource, random)
    value = node[key]
    node[key] = value[0] if isinstance(value, list) and value else [value]


def repeated(resource: Json, random: Random) -> None:
    lists = [node for node in nodes(resource) if isinstance(node, list) and node]
    if lists:
        among = random.choice(lists)
        among.append(random.choice([None, copy.deepcopy(among[0]), random.choice(_ODD)]))


def added(resource: Json, random: Random) -> None:
    value = random.choice([*_ODD, *ANY, resource.get("resourceType")])
    random.choice(_objects(resource))[random.choice(_NAMES)] = copy.deepcopy(value)


def renamed(resource: Json, random: Random) -> None:
    node = random.choice(_objects(resource))
    if node:
        key = random.choice(list(node))
        name = random.choice([key.upper(), f"_{key}", key + " ", f"{key}__ext", f"{key}_fhir", key[:-1], key.title()])
        node[name] = node.pop(key)


def moved(resource: Json, random: Random) -> None:
    """One object's member given to another: right names in wrong places, second choices."""
    giver, taker = random.choice(_objects(resource)), random.choice(_objects(resource))
    if giver:
        key = random.choice(list(giver))
        taker[key] = copy.deepcopy(giver[key])


def extended(resource: Json, random: Random) -> None:
    """Extensions, on an object or beside a primitive, with one value, two, none, or nested."""
    value = random.choice(["valueString", "valueCode", "valueDecimal", "valueDate", "valueBoolean", "valueUrl"])
    kind = value[5].lower() + value[6:]
    one: Json = {"url": "http://a.example/x", value: random.choice(VALUES[kind])}
    for _ in range(random.choice([0, 0, 0, 1, 2, 20, 40, 150])):
        one = {"url": "http://a.example/x", "extension": [one]}
    if random.random() < 0.2:
        one["valueInteger"] = random.choice([1, None])
    node = random.choice(_objects(resource))
    keys = [key for key, held in node.items() if not isinstance(held, dict) and not key.startswith("_")]
    if random.random() < 0.5 or not keys:
        node["extension"] = [one]
        return
    key = random.choice(keys)
    beside: Any = random.choice([{"extension": [one]}, {"id": "a"}, {}, {"extension": []}, {"id": ""}, None])
    if isinstance(node[key], list):
        beside = random.choice([[beside], [None], [None, beside], beside])
    node[f"_{key}"] = beside
    if random.random() < 0.3:
        del node[key]


def containing(resource: Json, random: Random) -> None:
    inner: Any = random.choice(
        [
            {"resourceType": "Basic", "id": "c", "code": {"text": "x"}},
            {"resourceType": "Basic", "id": "c"},
            {"resourceType": "Invented"},
            {"resourceType": "CodeableConcept", "text": "x"},
            {"resourceType": "ExampleScenarioInstance", "resourceId": "x"},
            {"resourceType": "Resource", "id": "c"},
            {"resourceType": "Organization", "name": "x", "contained": [{"resourceType": "Patient"}]},
            {"resourceType": "Patient", "birthDate": random.choice(VALUES["date"])},
            {"resourceType": None},
            {"resourceType": 7},
            {"id": "c"},
            {},
            None,
            "x",
        ]
    )
    resource["contained"] = random.choice([[inner], [inner, {"resourceType": "Patient"}], inner, [], None])


def retyped(resource: Json, random: Random) -> None:
    resource["resourceType"] = random.choice(
        ["Patient", "Observation", "Resource", "DomainResource", "Coding", "", None]
    )


ON_RESOURCES: tuple[Callable[[Json, Random], None], ...] = (
    delete, odd_value, like_value, other_kind, listed, repeated, added, renamed, moved, extended, containing, retyped,
)  # fmt: skip


def doubled_key(text: bytes, random: Random) -> bytes:
    """A key twice in one object; the first time with an odd value."""
    keys = list(re.finditer(rb'[{,]("(?:[^"\\]|\\.)*":)', text))
    if not keys:
        return text
    at = random.choice(keys)
    return text[: at.start(1)] + at[1] + orjson.dumps(random.choice(VALUES["string"])) + b"," + text[at.start(1) :]


def odd_number(text: bytes, random: Random) -> bytes:
    """A number, or where there is none any value, replaced by a number as only text can have it."""
    values = list(re.finditer(rb":(-?\d[\d.eE+-]*)[,}]", text)) or list(re.finditer(rb':("(?:[^"\\]|\\.)*")', text))
    if not values:
        return text
    at = random.choice(values)
    return text[: at.start(1)] + random.choice(_NUMBERS) + text[at.end(1) :]


def spoiled(text: bytes, random: Random) -> bytes:
    """Bytes put in or taken out somewhere."""
    at = random.randrange(len(text) + 1)
    put = random.choice([b"\xff", b"\x00", b'"', b"\\ud800", b"\\u0000", b"}", b",", b" ", b"\xef\xbb\xbf", b"\\", b""])
    return text[:at] + put + text[at + random.choice([0, 0, 1]) :]


def spaced(text: bytes, random: Random) -> bytes:
    """The same resource in another layout."""
    return text.replace(b'":', random.choice([b'" : ', b'":\t', b'":  '])).replace(b"{", b"{ ")


ON_TEXT: tuple[Callable[[bytes, Random], bytes], ...] = (doubled_key, odd_number, spoiled, spaced)
