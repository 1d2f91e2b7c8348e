"""``bedside dashboard`` on run folders of the simulator. Oracle: docs/dashboard.md, the exit codes of
docs/command-line.md, and the history the folders were written from."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from flows import study_folder
from flows.dashboard_files import read_history
from tests.conftest import REPOSITORY
from tests.fixtures.quality_history import LABELS, NOW, history
from tests.fixtures.quality_runs import write_runs, write_study
from tests.functional.conftest import command

MADE = history(runs=6)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_runs(tmp_path / "runs", MADE)
    return write_study(tmp_path, MADE)


def run_folders(study: Path) -> list[Path]:
    return sorted((study.parent / "runs" / "made-up").iterdir())


def test_the_page_lies_beside_the_runs_and_is_its_owners_alone(study: Path) -> None:
    said = command("dashboard", study, "--runs", study.parent / "runs")
    page = study.parent / "runs" / "made-up" / "dashboard.html"
    assert (said.code, said.out) == (0, f"dashboard: {page}\n")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text(encoding="utf-8")
    assert "2 of 3 sites: yes" in text
    assert [text.index(label) for label in ("North University", "Mary", "Klinikum")] == sorted(
        text.index(label) for label in ("North University", "Mary", "Klinikum")
    )


def test_a_file_and_json_can_be_asked_for(study: Path, tmp_path: Path) -> None:
    said = command("dashboard", study, "--runs", study.parent / "runs", "-o", tmp_path / "page.html", "--json")
    found = json.loads(said.out)
    size = (tmp_path / "page.html").stat().st_size
    assert found == {"outcome": "complete", "dashboard": str(tmp_path / "page.html"), "bytes": size}
    nowhere = command("dashboard", study, "--runs", study.parent / "runs", "-o", tmp_path / "no" / "page.html")
    assert nowhere.code == 2
    assert "cannot be written" in nowhere.err


def test_what_is_read_is_what_was_written(study: Path) -> None:
    found = read_history(study_folder.read(study), study.parent / "runs", NOW.date())
    assert list(found.sites.values()) == list(LABELS)
    assert (found.study, found.min_count, found.left_out) == ("made-up", 5, 0)
    for name in ("checks", "touched", "subjects", "profile", "runs"):
        wanted, read = getattr(MADE, name), getattr(found, name)
        keys = ("run", "check_id", "site", "table", "outcome", "kind", "key")
        order = [column for column in keys if column in wanted]
        pd.testing.assert_frame_equal(
            read[wanted.columns].sort_values(order, ignore_index=True),
            wanted.sort_values(order, ignore_index=True),
            check_dtype=False,
        )


def test_the_definitions_are_the_catalogue_as_the_study_has_it(study: Path) -> None:
    from expectations.catalogue import catalogue

    found = read_history(study_folder.read(study), study.parent / "runs", NOW.date())
    assert [one["id"] for one in found.definitions] == [check.id for check in catalogue()]


def test_acknowledgements_come_from_the_gate_file(study: Path) -> None:
    (study / "quality.toml").write_text(
        '[[acknowledged]]\ncheck = "response_recorded"\nsite = "site1"\nname = "B. Example"\nnote = "known"\n'
        "until = 2027-01-31\n"
    )
    found = read_history(study_folder.read(study), study.parent / "runs", NOW.date())
    assert found.acknowledged.to_dict("records") == [
        {"check_id": "response_recorded", "table": "", "site": "site1", "name": "B. Example", "note": "known",
         "until": "2027-01-31"}
    ]  # fmt: skip


def said_otherwise(run: Path, **changes: object) -> str:
    """Change what the run.json of a run says; the run's id."""
    said = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**said, **changes}))
    return str(said["run"])


def test_runs_of_another_source_are_no_history(study: Path) -> None:
    run = said_otherwise(run_folders(study)[2], sources_sha256=dict.fromkeys(MADE.sites, "another server"))
    found = read_history(study_folder.read(study), study.parent / "runs", NOW.date())
    assert found.left_out == 1
    assert run not in set(found.checks["run"]) | set(found.runs["run"]) | set(found.profile["run"])


@pytest.mark.parametrize("what", ["sources_sha256", "filters_sha256"])
def test_a_run_says_nothing_of_a_site_that_had_another_source_then(study: Path, what: str) -> None:
    """A sites file edited in place: its name is the same, one site in it is not."""
    first, *others = MADE.sites
    run = said_otherwise(run_folders(study)[2], **{what: {**dict.fromkeys(others, what[0]), first: "another"}})
    found = read_history(study_folder.read(study), study.parent / "runs", NOW.date())
    assert found.left_out == 0
    for name in ("checks", "touched", "subjects", "profile"):
        read, made = getattr(found, name), getattr(MADE, name)
        assert set(read.loc[read["run"] == run, "site"]) == set(made.loc[made["run"] == run, "site"]) - {first}
        other = read["run"] != run
        assert set(read.loc[other, "site"]) == set(made["site"])


def test_one_source_named_in_two_ways_is_one(study: Path) -> None:
    """The study's own sites file, left out and named."""
    for folder in run_folders(study)[:3]:
        said_otherwise(folder, called={"study": "study", "sites": str(study / "sites.toml"), "source": None})
    found = read_history(study_folder.read(study), study.parent / "runs", NOW.date())
    assert (found.left_out, len(found.runs)) == (0, 6)


def test_runs_without_results_or_with_old_ones_are_passed_over(study: Path) -> None:
    first, second, third, *_ = run_folders(study)
    (first / "quality" / "checks.parquet").unlink()
    old = pd.read_parquet(second / "quality" / "checks.parquet").drop(columns=["stops"])
    old.to_parquet(second / "quality" / "checks.parquet")
    (third / "run.json").write_text("{")
    found = read_history(study_folder.read(study), study.parent / "runs", NOW.date())
    assert set(found.checks["run"]) == {folder.name for folder in run_folders(study)[3:]}
    assert len(found.runs) == 5


def test_only_the_newest_runs_are_read(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.dashboard_files.MOST_RUNS", 4)
    found = read_history(study_folder.read(study), study.parent / "runs", NOW.date())
    newest = {folder.name for folder in run_folders(study)[-4:]}
    assert set(found.checks["run"]) == set(found.profile["run"]) == newest


@pytest.mark.parametrize("there", [False, True], ids=["no runs", "runs without results"])
def test_without_results_one_sentence_and_two(tmp_path: Path, there: bool) -> None:
    if there:
        write_runs(tmp_path / "runs", replace(MADE, checks=MADE.checks.iloc[:0]))
    said = command("dashboard", write_study(tmp_path, MADE), "--runs", tmp_path / "runs")
    assert said.code == 2
    assert f"no run of made-up in {tmp_path / 'runs'} has quality results" in said.err
    assert said.err.count("\n") == 1


def test_a_file_that_is_cut_off_is_named(study: Path) -> None:
    path = run_folders(study)[-1] / "quality" / "profile.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    said = command("dashboard", study, "--runs", study.parent / "runs")
    assert said.code == 2
    assert f"{path} cannot be read" in said.err


def test_no_address_of_a_site_or_path_reaches_the_page(study: Path) -> None:
    """The sites file names a folder; the runs lie in another."""
    command("dashboard", study, "--runs", study.parent / "runs")
    text = (study.parent / "runs" / "made-up" / "dashboard.html").read_text(encoding="utf-8")
    assert str(study.parent) not in text
    assert re.findall(r"https?://[^\s<\"]*", text.replace("http://hospital.example/local", "")) == []


CANARY = "canary-7f3a"


def test_what_stays_on_site_is_not_on_the_page(study: Path) -> None:
    """A unique value in every file and column of a run that the page has no use for."""
    for folder in run_folders(study):
        failures = dict.fromkeys(("resource", "version", "patient_id", "usubjid"), CANARY)
        row = {"check_id": "unit_mix_shift", "table": "observation", "site": "site1", **failures}
        pd.DataFrame([row]).to_parquet(folder / "quality" / "failures.parquet")
        profile = pd.read_parquet(folder / "quality" / "profile.parquet")
        kinds = ("code", "unit", "value", "missing", "rows", "taken")
        more = [("site1", "observation", kind, f"{CANARY}|{CANARY}", 900, 300) for kind in kinds]
        rare = [("site1", "observation", "unmapped", f"http://hospital.example|{CANARY}", 90, 4)]
        pd.concat([profile, pd.DataFrame([*more, *rare], columns=profile.columns)]).to_parquet(
            folder / "quality" / "profile.parquet"
        )
        said = json.loads((folder / "run.json").read_text())
        said |= {"missing": {"site1": [CANARY]}, "held": {"site1": [CANARY]}, "inputs_sha256": CANARY}
        (folder / "run.json").write_text(json.dumps(said))
    assert command("dashboard", study, "--runs", study.parent / "runs").code == 0
    assert CANARY not in (study.parent / "runs" / "made-up" / "dashboard.html").read_text(encoding="utf-8")


def test_the_benchmark_can_be_started() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.dashboard", "--sites", "2", "--checks", "9", "--runs", "3", "--rounds", "1"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "restless" in done.stdout


def test_what_did_not_land_is_read_by_type_and_never_as_text(study: Path) -> None:
    """run.json names pages, files and addresses; the page only types of resources, and how many pieces."""
    newest = run_folders(study)[-1] / "run.json"
    said = json.loads(newest.read_text())
    whats = [f"Observation: page 3 of search {CANARY} (timeout)", "Observation: page 4 (timeout)", f"Qz: {CANARY}",
             f"https://{CANARY}.example: refused"]  # fmt: skip
    newest.write_text(json.dumps({**said, "missing": {"site1": whats}, "outcome": "incomplete", "exit_code": 6}))
    found = read_history(study_folder.read(study), study.parent / "runs", NOW.date())
    missing = dict(zip(found.runs["run"], found.runs["missing"], strict=True))
    assert missing.pop(said["run"]) == {"site1": {"Observation": 2, "": 2}}
    assert set(map(str, missing.values())) == {"{}"}
    assert command("dashboard", study, "--runs", study.parent / "runs").code == 0
    text = (study.parent / "runs" / "made-up" / "dashboard.html").read_text(encoding="utf-8")
    assert "did not land whole (missing: 2 pieces of Observation, something else)" in text
    assert CANARY not in text
    assert "Qz" not in text
