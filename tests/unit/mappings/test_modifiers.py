"""modifierExtensions a view reads past. Oracle: FHIR R4's types and the resources below, counted by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ibis
import pytest

from mappings.catalogue import standard_views
from mappings.compiler import compile_view
from mappings.modifiers import MOST_URLS, OTHERS, UNREADABLE
from mappings.viewdefinition import parse_view

NOT = "http://example.org/fhir/StructureDefinition/not-done"
DOUBT = "urn:oid:1.2.3"


def marked(*urls: str, **more: Any) -> dict[str, Any]:
    return {"modifierExtension": [{"url": url, "valueBoolean": True} for url in urls], **more}


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **more}


def counted(folder: Path, view: dict[str, Any], *resources: dict[str, Any]) -> dict[tuple[str, str], int]:
    file = folder / "x.ndjson"
    file.write_text("\n".join(json.dumps(one) for one in resources))
    return compile_view(parse_view(view)).modifier_counts(ibis.duckdb.connect(), [str(file)])


def view(resource: str, *select: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resource": resource, "select": list(select), **more}


def columns(*paths: str) -> list[dict[str, str]]:
    return [{"name": f"c{i}", "path": path} for i, path in enumerate(paths)]


def test_the_resource_itself_is_always_looked_at(tmp_path: Path) -> None:
    plain = view("Observation", {"column": columns("status")})
    found = counted(
        tmp_path, plain, observation(), marked(NOT, **observation()), marked(NOT, DOUBT, **observation()), marked(NOT)
    )
    assert found == {("Observation", NOT): 2, ("Observation", DOUBT): 1}


def test_elements_on_the_way_count_once_a_resource_and_others_do_not(tmp_path: Path) -> None:
    inner = observation(
        component=[marked(NOT, code={"text": "a"}), marked(NOT, code={"text": "b"}), {"code": {"text": "c"}}],
        referenceRange=[marked(DOUBT)],
    )
    over = view("Observation", {"forEach": "component", "column": columns("code.text")})
    assert counted(tmp_path, over, inner) == {("Observation.component", NOT): 1}
    asked = view("Observation", {"column": columns("component.where(code.text = 'a').code.text.first()")})
    assert counted(tmp_path, asked, inner) == {("Observation.component", NOT): 1}
    both = view("Observation", {"column": columns("referenceRange.exists()", "component.exists()")})
    assert counted(tmp_path, both, inner) == {
        ("Observation.component", NOT): 1,
        ("Observation.referenceRange", DOUBT): 1,
    }


def test_what_where_removes_is_not_counted_and_its_elements_are_looked_at(tmp_path: Path) -> None:
    made = view("Observation", {"column": columns("id")}, where=[{"path": "status = 'final' and component.exists()"}])
    part = [marked(DOUBT, code={"text": "a"})]
    found = counted(
        tmp_path, made, marked(NOT, **observation(component=part)), marked(NOT, **observation()), observation()
    )
    assert found == {("Observation", NOT): 1, ("Observation.component", DOUBT): 1}


def test_data_types_that_can_carry_one_are_looked_at(tmp_path: Path) -> None:
    request = {"resourceType": "MedicationRequest", "dosageInstruction": [marked(NOT, text="t", timing=marked(DOUBT))]}
    made = view("MedicationRequest", {"column": columns("dosageInstruction.timing.code.text")})
    assert counted(tmp_path, made, request) == {
        ("MedicationRequest.dosageInstruction", NOT): 1,
        ("MedicationRequest.dosageInstruction.timing", DOUBT): 1,
    }


def test_every_depth_of_a_repeat_counts_once_a_resource(tmp_path: Path) -> None:
    deep = marked(NOT, linkId="1", item=[marked(NOT, linkId="2", answer=[marked(DOUBT, valueString="s")])])
    answers = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [deep]}
    made = view(
        "QuestionnaireResponse",
        {"repeat": ["item"], "select": [{"column": columns("linkId", "answer.value.ofType(string)")}]},
    )
    assert counted(tmp_path, made, answers, answers, {**answers, "item": [{"linkId": "1"}]}) == {
        ("QuestionnaireResponse.item", NOT): 2,
        ("QuestionnaireResponse.item.answer", DOUBT): 2,
    }


@pytest.mark.parametrize(
    "url",
    ["Mr Smith", "http://x.org/?name=Smith", "http://x.org/a b", "http://u:p@x.org/a", "javascript:1", "h" * 3000, ""],
)
def test_what_is_no_plain_address_is_not_shown(tmp_path: Path, url: str) -> None:
    made = view("Observation", {"column": columns("id")})
    assert counted(tmp_path, made, marked(url, **observation())) == {("Observation", UNREADABLE): 1}


def test_of_many_urls_the_most_frequent_are_named(tmp_path: Path) -> None:
    made = view("Observation", {"column": columns("id")})
    rare = [marked(f"http://x.org/{i}", NOT, **observation()) for i in range(MOST_URLS + 5)]
    found = counted(tmp_path, made, *rare)
    assert len(found) == MOST_URLS + 1
    assert found["Observation", NOT] == MOST_URLS + 5
    assert found["Observation", OTHERS] == 6


def test_every_standard_view_can_be_asked_and_finds_nothing_in_nothing() -> None:
    con = ibis.duckdb.connect()
    for made in standard_views().values():
        assert compile_view(made).modifier_counts(con, []) == {}
