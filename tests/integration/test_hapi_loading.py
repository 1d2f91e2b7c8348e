"""The loader's order, without a server. Oracle: HAPI's rule that what is referred to must be there."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

from tests.integration.hapi_server import HapiError, in_order, wait_until


def _resource(resource_type: str, resource_id: str, *references: str) -> bytes:
    links = [{"reference": reference} for reference in references]
    return json.dumps({"resourceType": resource_type, "id": resource_id, "x": links}).encode()


RESOURCES = [
    _resource("Condition", "c", "Patient/p", "Observation/o1"),
    _resource("Observation", "o1", "Patient/p"),
    _resource("Observation", "o2", "Observation/o1", "Patient/p", "Practitioner?identifier=x|y", "#inside"),
    _resource("Patient", "p", "Organization/not-loaded-here"),
]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_what_is_referred_to_comes_first(order: tuple[int, ...]) -> None:
    placed = [
        f"{resource_type}/{resource_id}" for resource_type, resource_id, _ in in_order(RESOURCES[n] for n in order)
    ]
    assert sorted(placed) == ["Condition/c", "Observation/o1", "Observation/o2", "Patient/p"]
    assert placed.index("Patient/p") < placed.index("Observation/o1") < placed.index("Observation/o2")
    assert placed.index("Observation/o1") < placed.index("Condition/c")


def test_a_circle_of_references_is_placed_once_each() -> None:
    circle = [_resource("Observation", "a", "Observation/b"), _resource("Observation", "b", "Observation/a")]
    assert {identity for _, identity, _ in in_order(circle)} == {"a", "b"}


def test_waiting_ends() -> None:
    answers = iter([None, None, "ready"])
    assert wait_until(lambda: next(answers), 60, "the answer", between=0) == "ready"
    with pytest.raises(HapiError, match="the answer: not within 0 s"):
        wait_until(lambda: None, 0, "the answer")
