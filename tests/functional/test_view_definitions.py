"""``bedside view check``, ``explain`` and ``conformance``. Oracle: docs/views.md; the public suite for conformance."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, SHARED
from tests.fixtures.view_inputs import (
    OBSERVATIONS,
    OTHERS,
    SCHEMA,
    VIEW,
    one_object,
    write,
)
from tests.functional.conftest import command

SUITE = SHARED / "sql-on-fhir" / "tests"

# --- check -----------------------------------------------------------------------------------------------------------


def changed(edit: Callable[[dict[str, Any]], object]) -> str:
    made = copy.deepcopy(VIEW)
    edit(made)
    return json.dumps(made)


FAULTS: dict[str, tuple[str, str, str]] = {
    "an unknown element": (
        changed(lambda v: v["select"][0]["column"][0].update(path="subjekt.reference")),
        "select[0].column[0].path", "did you mean subject?",
    ),
    "a wrong type": (
        changed(lambda v: v["select"][0]["column"][2].update(type="boolean")),
        "select[0].column[2].type", "gives decimal",
    ),
    "a column twice": (
        changed(lambda v: v["select"][1]["column"][0].update(name="ID")),
        "select[1].column[0].name", "is a column already",
    ),
    "a key that is not known": (changed(lambda v: v["select"][1].update(foreach="x")), "select[1].foreach", "forEach"),
    "a structure as a column": (
        changed(lambda v: v["select"][0]["column"][0].update(path="code")),
        "select[0].column[0].path", "holds single values",
    ),
    "what only the compiler finds": (
        changed(lambda v: v.update(where=[{"path": "category = code"}])), "where[0]", "compare"
    ),
    "no JSON": (json.dumps(VIEW, indent=1).replace('"where"', "where", 1), ":5", "is no JSON"),
    "a key twice": ('{"resource": "Patient", "select": [], "select": []}', "", "select is there twice"),
    "a list": ("[]", "", "is no JSON object"),
}  # fmt: skip


def test_check_says_every_fault_of_every_view_with_file_and_place(tmp_path: Path, view: Path) -> None:
    files = [write(tmp_path / f"{n}.json", FAULTS[name][0]) for n, name in enumerate(FAULTS)]
    said = command("view", "check", view, *files, "observation")
    assert said.code == 2
    assert f"{len(files)} of {len(files) + 2} views cannot be used" in said.err
    assert [line.split(":")[0] for line in said.out.splitlines()] == [str(view), "observation"]
    for file, (_, where, message) in zip(files, FAULTS.values(), strict=True):
        (line,) = [one for one in said.err.splitlines() if one.strip().startswith(f"{file}:")]
        assert where in line
        assert message in line
    scripted = command("view", "check", view, *files, "--json")
    told = one_object(scripted)
    assert (scripted.code, told["outcome"], told["exit_code"]) == (2, "error", 2)
    assert [len(one["problems"]) for one in told["views"]] == [0] + [1] * len(files)
    assert told["views"][1]["problems"][0]["field"] == "select[0].column[0].path"


def test_check_of_right_views_is_0(view: Path) -> None:
    said = command("view", "check", view, "patient", "--json")
    assert said.code == 0
    assert [(one["resource"], one["columns"]) for one in one_object(said)["views"]] == [
        ("Observation", 9),
        ("Patient", 7),
    ]
    assert "no fault found; 9 columns of Observation" in command("view", "check", view).out


def test_the_view_in_the_documentation_is_right(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "views.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    said = command("view", "check", write(tmp_path / "view.json", written))
    assert said.code == 0, said.err


# --- explain ---------------------------------------------------------------------------------------------------------


def test_explain_says_columns_elements_and_sql(view: Path) -> None:
    said = command("view", "explain", view)
    assert said.code == 0, said.err
    rows = [re.split(r" {2,}", line.strip()) for line in said.out.splitlines()]
    assert ["value", "decimal", "decimal", "value.ofType(Quantity).value"] in rows
    assert ["note", "list of text", "markdown", "note.text"] in rows
    assert ["code", "text", "code", "code", "in forEach code.coding"] in rows
    tree = said.out.split("elements read:\n")[1].split("\n\n")[0].splitlines()
    assert tree[:4] == ["  code", "    coding[]", "      code: text", "      display: text"]
    assert "  valueInteger: integer" in tree
    assert 'FROM "resources"' in said.out.split("SQL (duckdb):")[1]
    told = one_object(command("view", "explain", view, "--json"))
    assert [column["name"] for column in told["columns"]] == list(SCHEMA)
    assert told["reads"]["code"] == {"coding[]": {"code": "text", "display": "text"}}
    assert told["reads"]["referenceRange[]"] == {"low": {"value": "decimal"}}
    assert told["sql"].startswith("SELECT")


def test_explain_says_that_a_repeat_is_read_level_by_level(tmp_path: Path) -> None:
    view = {
        "name": "items",
        "resource": "QuestionnaireResponse",
        "select": [{"repeat": ["item", "answer.item"], "column": [{"name": "link", "path": "linkId"}]}],
    }
    said = command("view", "explain", write(tmp_path / "v.json", json.dumps(view)))
    assert said.code == 0, said.err
    assert "in repeat item, answer.item" in said.out
    assert "the SQL shown is for one level" in said.out
    assert "  item: list of JSON" in said.out


# --- conformance -----------------------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize("engine", ["duckdb", "reference"])
def test_the_public_suite_passes_and_the_report_has_the_public_form(tmp_path: Path, engine: str) -> None:
    report = tmp_path / "test_report.json"
    said = command("view", "conformance", SUITE, "--engine", engine, "--report", report)
    assert said.code == 0, said.err
    files = sorted(SUITE.glob("*.json"))
    suites = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files}
    assert json.loads(report.read_text()) == {
        name: {"tests": [{"name": case["title"], "result": {"passed": True}} for case in suite["tests"]]}
        for name, suite in suites.items()
    }
    cases = sum(len(suite["tests"]) for suite in suites.values())
    assert re.search(rf"^in all +{cases} of +{cases} passed on {engine}$", said.out, re.MULTILINE)


SUITE_OF_FAILURES = {
    "title": "failing",
    "resources": [json.loads(one, parse_float=str) for one in (OBSERVATIONS[0], OTHERS[0])],
    "tests": [
        {"title": "right", "view": VIEW, "expectCount": 2},
        {
            "title": "refused",
            "view": {"resource": "Observation", "select": [{"column": []}], "where": 7},
            "expectError": True,
        },
        {"title": "too many", "view": VIEW, "expect": []},
        {"title": "another value", "view": VIEW, "expect": [{"id": "a"}, {"id": "a"}]},
        {"title": "count", "view": VIEW, "expectCount": 3},
        {"title": "columns", "view": VIEW, "expectCount": 2, "expectColumns": ["id"]},
        {"title": "no error", "view": VIEW, "expectError": True},
        {"title": "an error", "view": {"resource": "Observatoin", "select": []}, "expectCount": 1},
    ],
}


@pytest.mark.parametrize("engine", ["duckdb", "reference"])
def test_failing_cases_are_listed_and_4(tmp_path: Path, engine: str) -> None:
    write(tmp_path / "suite" / "failing.json", json.dumps(SUITE_OF_FAILURES))
    report = tmp_path / "report.json"
    said = command("view", "conformance", tmp_path / "suite", "--engine", engine, "--report", report)
    assert said.code == 4
    assert f"6 of 8 cases fail on {engine}" in said.err
    assert re.search(r"^failing\.json +2 of +8 passed$", said.out, re.MULTILINE)
    entries = json.loads(report.read_text())["failing.json"]["tests"]
    assert [entry["result"]["passed"] for entry in entries] == [True] * 2 + [False] * 6
    reasons = [entry["result"].get("reason", "") for entry in entries][2:]
    assert reasons[:5] == [
        "2 rows instead of 0",
        "other values than expected",
        "2 rows instead of 3",
        f"columns {', '.join(SCHEMA)} instead of id",
        "an error is expected, and there are 2 rows",
    ]
    assert "did you mean Observation?" in reasons[5]
    told = one_object(command("view", "conformance", tmp_path / "suite", "--engine", engine, "--json"))
    assert (told["exit_code"], told["cases"], told["passed"]) == (4, 8, 2)
    assert [one["test"] for one in told["failing"]] == [case["title"] for case in SUITE_OF_FAILURES["tests"][2:]]


@pytest.mark.parametrize(
    ("content", "more", "sentence"),
    [
        ("{}", (), "resources: is missing"),
        ("[", (), "is no JSON"),
        (json.dumps(SUITE_OF_FAILURES), ("--engine", "refrence"), "did you mean reference?"),
        (json.dumps(SUITE_OF_FAILURES), ("--report", "none/report.json"), "the report cannot be written"),
        (None, (), "holds no .json file"),
    ],
)
def test_conformance_of_something_else_is_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, more: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite").mkdir()
    if content is not None:
        write(tmp_path / "suite" / "x.json", content)
    said = command("view", "conformance", "suite", *more)
    assert (said.code, sentence in said.err) == (2, True)
