"""``--judge``. Oracle: the models alone; whichever judge is named, the run holds the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.run_folder import RunFolder
from tests.functional.conftest import STUDY, Resource, command, edited_copy, only_run


@pytest.fixture(scope="module")
def flawed(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with faults of several kinds, and with valid rarities that the schemas leave to the models."""

    def observations(resources: list[Resource]) -> list[Resource]:
        first, second, third, fourth, fifth, sixth = resources[:6]
        first["effectiveDateTime"] = "2020-02-30"
        second["invented"] = "x"
        third["contained"] = [{"resourceType": "Invented"}]
        fourth["status"] = None
        fifth["effectiveDateTime"] = "2016-12-31T23:59:60Z"
        sixth["meta"] = {"extension": [{"url": "x", "valueUuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}]}
        return resources

    def patients(resources: list[Resource]) -> list[Resource]:
        resources[0]["birthDate"] = ""
        return resources

    folder = tmp_path_factory.mktemp("flawed")
    return edited_copy(sample, folder / "data", {"Observation": observations, "Patient": patients})


def extracted(data: Path, runs: Path, judge: str | None) -> RunFolder:
    named = [] if judge is None else ["--judge", judge]
    said = command("extract", STUDY, "--source", data, "--runs", runs, *named)
    assert said.code == 0, said.err
    return only_run(runs)


def test_both_judges_leave_the_same_bytes(flawed: Path, tmp_path: Path) -> None:
    runs = {judge: extracted(flawed, tmp_path / judge, judge) for judge in ("fast", "models")}
    parts = {
        judge: {
            path.relative_to(run.root): path.read_bytes()
            for part in ("accepted", "quarantine", "ledger.json")
            for path in ([run.root / part] if (run.root / part).is_file() else sorted((run.root / part).rglob("*")))
            if path.is_file()
        }
        for judge, run in runs.items()
    }
    assert parts["fast"] == parts["models"]
    (outcomes,) = (content for path, content in parts["fast"].items() if path.name == "OperationOutcome.ndjson")
    assert len(outcomes.splitlines()) == 5
    assert {judge: run.read()["judge"] for judge, run in runs.items()} == {"fast": "fast", "models": "models"}
    assert runs["fast"].read()["quarantine_reasons"] == runs["models"].read()["quarantine_reasons"]
    assert runs["fast"].read()["inputs_sha256"] == runs["models"].read()["inputs_sha256"]


def test_the_quick_judge_is_the_usual_one(flawed: Path, tmp_path: Path) -> None:
    assert extracted(flawed, tmp_path, None).read()["judge"] == "fast"


@pytest.mark.parametrize("called", ["run", "extract"])
def test_an_unknown_judge_is_a_sentence_and_exit_2(called: str, flawed: Path, tmp_path: Path) -> None:
    said = command(called, STUDY, "--source", flawed, "--runs", tmp_path, "--judge", "model", "--json")
    assert said.code == 2
    assert json.loads(said.out)["message"] == "there is no judge 'model'; did you mean models? (fast or models)"
    assert not list(tmp_path.iterdir())
