"""``--since`` on the command line. Oracle: docs/incremental.md, and a run of the same data without a snapshot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.run_folder import RunFolder
from flows.sandbox.server import Sandbox, sandbox
from tests.functional.conftest import STUDY, command, run_study

pytestmark = pytest.mark.xdist_group("sample-run")

HELD_BACK = 40
"""Observations that the hospital writes down only after the first extract."""


@pytest.fixture
def late(sample: Path, tmp_path: Path) -> Iterator[tuple[Sandbox, list[dict[str, Any]]]]:
    """A server of the sample with times of writing, and the Observations it does not have yet."""
    served = tmp_path / "served"
    served.mkdir()
    held_back: list[dict[str, Any]] = []
    for file in sample.glob("*.ndjson"):
        resources = [json.loads(line) for line in file.read_text().splitlines()]
        if file.stem == "Observation":
            held_back, resources = resources[-HELD_BACK:], resources[:-HELD_BACK]
        for resource in resources:
            resource["meta"] = {**resource.get("meta", {}), "lastUpdated": "2024-01-01T00:00:00.000Z"}
        (served / file.name).write_text("".join(json.dumps(resource) + "\n" for resource in resources))
    with sandbox(served) as server:
        yield server, held_back


def newest_run(runs: Path) -> RunFolder:
    return RunFolder(max(runs.glob("li2023/*/run.json"), key=lambda path: path.stat().st_mtime_ns).parent)


def manifest_of(run: RunFolder) -> dict[str, Any]:
    (path,) = run.root.glob("landing/*/manifest.json")
    said: dict[str, Any] = json.loads(path.read_bytes())
    return said


def test_a_run_on_a_snapshot_has_the_results_of_any_other(
    late: tuple[Sandbox, list[dict[str, Any]]], finished_run: RunFolder, tmp_path: Path
) -> None:
    server, held_back = late
    runs = tmp_path / "runs"
    first = command("extract", STUDY, "--source", server.base, "--runs", runs, "--since", "auto", "--json")
    assert first.code == 0, first.err
    for resource in held_back:
        server.put(resource)
    second = run_study(runs, "--source", server.base, "--since", "auto", "--fresh")
    assert second.code == 0, second.err
    run = newest_run(runs)
    manifest = manifest_of(run)
    (applied,) = manifest["incremental"]["applied"]
    assert set(applied["since"]) == set(manifest["types"])
    assert applied["types"]["Observation"]["added"] == HELD_BACK
    assert all(counts["changed"] == counts["deleted"] == 0 for counts in applied["types"].values())
    site = manifest["site"]
    said = run.read()
    assert said["since"] == "auto"
    assert said["snapshots"] == {site: manifest["incremental"]["snapshot_sha256"]}
    state = json.loads((tmp_path / "store" / "li2023" / site / "state.json").read_bytes())
    assert state["sha256"] == said["snapshots"][site]
    assert (run.results / "results.csv").read_bytes() == (finished_run.results / "results.csv").read_bytes()


def test_a_step_of_a_run_on_a_snapshot_can_be_done_again(sample: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    said = command("extract", STUDY, "--source", sample, "--runs", runs, "--since", "2020-01-31")
    assert said.code == 0, said.err
    run = newest_run(runs)
    assert run.read()["since"] == "2020-01-31T00:00:00Z"
    again = command("map", run.root, "--runs", runs)
    assert again.code == 0, again.err


@pytest.mark.parametrize("given", ["yesterday", "2020-01-31T10:00:00", "2020-13-31", ""])
def test_what_is_no_instant_is_refused(given: str, tmp_path: Path) -> None:
    said = command("extract", STUDY, "--runs", tmp_path / "runs", "--since", given)
    assert said.code == 2
    assert "say auto, a day (2026-01-31), or an instant with its zone" in said.err
    assert not (tmp_path / "store").exists()


def test_a_study_that_changed_needs_a_new_snapshot(sample: Path, tmp_path: Path) -> None:
    study, runs = tmp_path / "li2023", tmp_path / "runs"
    shutil.copytree(STUDY, study)
    first = command("extract", study, "--source", sample, "--runs", runs, "--since", "auto")
    assert first.code == 0, first.err
    text = (study / "study.toml").read_text()
    changed = text.replace("data_cutoff = 20", "data_cutoff = 21")
    assert changed != text
    (study / "study.toml").write_text(changed)
    second = command("extract", study, "--source", sample, "--runs", runs, "--since", "auto")
    assert second.code == 2
    assert "move it away to begin a new one" in second.err
