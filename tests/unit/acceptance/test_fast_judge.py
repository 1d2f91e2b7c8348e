"""When the quick judge decides and when it asks the models. Oracle: the models, and what they cannot bear."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from flows.acceptance import Finding, schema_file
from flows.acceptance.bounded_schemas import EXTENSIONS, OTHERS
from flows.acceptance.chunks import judge_line
from flows.acceptance.fast_judge import FastJudge
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
        ([BASIC, {"resourceType": "Patient", "birthDate": "2020-02-29"}], False),
        ([{**BASIC, "contained": [BASIC]}], True),
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


def extended(times: int) -> dict[str, Any]:
    """An extension in an extension, so many in all."""
    inner: dict[str, Any] = {"url": "x", "valueString": "x"}
    for _ in range(times - 1):
        inner = {"url": "x", "extension": [inner]}
    return {**BASIC, "extension": [inner]}


def test_nested_extensions_are_judged_as_deep_as_they_are_usual() -> None:
    assert [asks(extended(times)) for times in range(1, 6)] == [times > EXTENSIONS for times in range(1, 6)]
    coding = {"code": "x", "extension": extended(1)["extension"]}
    assert not asks({**BASIC, "extension": [{"url": "x", "valueCoding": coding}]})


@pytest.mark.parametrize("levels", range(1, 8))
def test_items_in_items_are_judged_as_deep_as_they_are_usual(levels: int) -> None:
    item: dict[str, Any] = {"linkId": "x"}
    for _ in range(levels - 1):
        item = {"linkId": "x", "item": [item]}
    assert asks({"resourceType": "QuestionnaireResponse", "status": "completed", "item": [item]}) is (levels > OTHERS)


@pytest.mark.parametrize("times", [20, 150, 500])
def test_a_nesting_that_would_end_the_models_is_left_to_them(times: int) -> None:
    head, inner = b'{"resourceType":"Basic","code":{"text":"x"},"extension":[', b'{"url":"x","extension":['
    text = head + inner * times + b'{"url":"x"}' + b"]}" * times + b"]}"
    assert judge_line("Basic", text, FastJudge(new_models=_Models)) == (ASKED, None)
    assert (ModelsJudge()("Basic", orjson.loads(text), text) == ()) is (times == 20)


def test_many_at_once_are_judged_as_each_alone() -> None:
    judge = FastJudge(new_models=_Models)
    good, bad = BASIC, {**BASIC, "invented": 1}
    assert judge.all_surely_valid("Basic", [good] * 16)
    assert not judge.all_surely_valid("Basic", [*[good] * 15, bad])
    assert not judge.all_surely_valid("Basic", [good, {**BASIC, "contained": [bad]}])
    assert not judge.all_surely_valid("Basic", [good, ["resource"]])
    assert not judge.all_surely_valid("Patient", [good])


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
