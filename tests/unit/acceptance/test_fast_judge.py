"""When the quick judge decides and when it asks the models. Oracle: the models, and what they cannot bear."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.acceptance import Finding, schema_file
from flows.acceptance.fast_judge import MOST_NESTED, FastJudge
from flows.acceptance.models_judge import ModelsJudge

BASIC: dict[str, Any] = {"resourceType": "Basic", "id": "a", "code": {"text": "x"}}
ASKED = (Finding("asked", "the models"),)


class _Models:
    def __call__(self, resource_type: str, resource: dict[str, Any], text: bytes, /) -> Sequence[Finding]:
        return ASKED


def asks(resource: dict[str, Any], judge: FastJudge | None = None) -> bool:
    """Whether the models are asked of it."""
    judge = judge or FastJudge(new_models=_Models)
    return judge(resource["resourceType"], resource, json.dumps(resource).encode()) == ASKED


def test_what_is_valid_as_usual_is_accepted_without_the_models() -> None:
    assert not asks(BASIC)
    assert not asks({"resourceType": "Patient", "birthDate": "2020-02-29", "_birthDate": {"id": "a"}})


@pytest.mark.parametrize(
    "resource",
    [
        {**BASIC, "invented": 1},
        {**BASIC, "id": None},
        {"resourceType": "Basic"},
        {"resourceType": "Patient", "birthDate": "2019-02-29"},
        {"resourceType": "Patient", "multipleBirthInteger": 1, "multipleBirthBoolean": True},
        {"resourceType": "Invented", "id": "a"},
        {"resourceType": "CodeableConcept", "text": "x"},
        {"resourceType": "Resource", "id": "a"},
    ],
)
def test_of_all_else_the_models_are_asked(resource: dict[str, Any]) -> None:
    assert asks(resource)


@pytest.mark.parametrize(
    ("contained", "asked"),
    [
        ([BASIC], False),
        ([BASIC, {**BASIC, "contained": [BASIC]}], False),
        ([{**BASIC, "contained": [{"resourceType": "Basic"}]}], True),
        ([{"resourceType": "Basic"}], True),
        ([{"id": "a"}], True),
        ([{"resourceType": "ExampleScenarioInstance", "resourceId": "a"}], True),
        ([{**BASIC, "resourceType": "Invented"}], True),
        (["Basic"], True),
        ([None], True),
        (None, True),
        (BASIC, True),
    ],
)
def test_what_is_contained_is_judged_by_its_own_type(contained: Any, asked: bool) -> None:
    resource = {**BASIC, "contained": contained}
    assert asks(resource) is asked
    if not asked:
        assert ModelsJudge()("Basic", resource, b"") == ()


def test_a_type_that_contains_nothing_is_not_given_that() -> None:
    assert asks({"resourceType": "Bundle", "type": "collection", "contained": [BASIC]})
    assert asks({"resourceType": "Parameters", "contained": []})


def nested(levels: int) -> dict[str, Any]:
    """A resource whose deepest object has ``levels`` - 1 objects and lists around it."""
    inner: dict[str, Any] = {"url": "x", "valueString": "x"}
    depth = 3
    while depth < levels:
        inner = {"url": "x", "extension": [inner]}
        depth += 2
    return {**BASIC, "extension": [inner]}


def test_deep_nesting_is_left_to_the_models() -> None:
    assert not asks(nested(MOST_NESTED - 1))
    assert asks({**nested(MOST_NESTED + 1), "identifier": [{"value": "x"}] * MOST_NESTED})


def test_many_objects_are_not_deep() -> None:
    assert not asks({**BASIC, "identifier": [{"value": "x"}] * 500})


def test_the_models_bear_what_is_let_by_even_far_down_a_stack() -> None:
    """Prefect and a test runner call from a hundred frames; the judge lets by at most MOST_NESTED objects."""
    by_extension, by_identifier = dict(BASIC), dict(BASIC)
    extension: dict[str, Any] = {"url": "x", "valueString": "x"}
    identifier: dict[str, Any] = {"value": "x"}
    for _ in range(MOST_NESTED - 2):
        extension = {"url": "x", "extension": [extension]}
    for _ in range((MOST_NESTED - 2) // 2):
        identifier = {"assigner": {"identifier": identifier}}
    by_extension["extension"], by_identifier["identifier"] = [extension], [identifier]
    models = ModelsJudge()

    def called_from(frames: int, resource: dict[str, Any]) -> Sequence[Finding]:
        return called_from(frames - 1, resource) if frames else models("Basic", resource, b"")

    for resource in (by_extension, by_identifier):
        assert json.dumps(resource).count("{") <= MOST_NESTED + 1
        assert called_from(500, resource) == ()


def test_with_other_models_than_the_schemas_were_made_from_the_models_decide() -> None:
    kept = schema_file.read()
    other = replace(kept, made_from={**kept.made_from, "fhir.resources": "8.99.0"})
    assert asks(BASIC, FastJudge(other, _Models))
    assert not asks(BASIC, FastJudge(kept, _Models))


def test_where_everything_passes_the_models_are_never_imported(tmp_path: Path) -> None:
    (tmp_path / "landing" / "north").mkdir(parents=True)
    (tmp_path / "landing" / "north" / "Basic.000.ndjson").write_text(json.dumps(BASIC) + "\n")
    code = (
        "import sys; from pathlib import Path; from flows.acceptance import accept\n"
        "root = Path(sys.argv[1])\n"
        "assert accept(root / 'landing', root / 'accepted', root / 'quarantine').accepted == 1\n"
        "print([name for name in ('pydantic', 'fhir.resources', 'fhir_core') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
