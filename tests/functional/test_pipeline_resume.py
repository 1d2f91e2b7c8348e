"""A run that was cut off goes on with the same command. Oracle: the results of the run nobody cut off."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from flows import study_folder
from flows.run_folder import STEPS, RunFolder
from tests.fixtures.outcomes_of_runs import outcomes
from tests.functional.conftest import STUDY, command, copy_run, only_run, run_study

pytestmark = pytest.mark.xdist_group("sample-run")

BEDSIDE = Path(sys.executable).with_name("bedside")
OUTPUTS = {
    "accept": ("accepted", "quarantine"),
    "map": ("tables",),
    "derive": ("analysis",),
    "check": ("quality",),
    "analyse": ("results",),
    "report": ("report",),
}


def cut_after(run: RunFolder, step: str) -> None:
    """The run as a power cut after a step leaves it: nothing of the later steps, and no word of how it ended."""
    later = STEPS[STEPS.index(step) + 1 :]
    for name in later:
        for part in OUTPUTS[name]:
            shutil.rmtree(run.root / part, ignore_errors=True)
    steps = {name: counts for name, counts in run.read()["steps"].items() if name not in later}
    run.update(steps=steps, outcome=None, exit_code=None, finished=None)
    (run.root.parent / "latest").unlink(missing_ok=True)


def runs_of(runs: Path) -> set[str]:
    return {path.parent.name for path in runs.glob("li2023/*/run.json")}


def source_of(run: RunFolder) -> str:
    return str(run.read()["called"]["source"])


def same_results(one: RunFolder, other: RunFolder) -> None:
    for name in ("results.csv", "results.parquet", "published.json"):
        assert (one.results / name).read_bytes() == (other.results / name).read_bytes(), name
    assert one.report.read_bytes() == other.report.read_bytes()
    pd.testing.assert_frame_equal(outcomes(one), outcomes(other))


@pytest.mark.parametrize("step", ["accept", "derive", "analyse"])
def test_a_run_cut_off_after_a_step_goes_on(finished_run: RunFolder, tmp_path: Path, step: str) -> None:
    run = copy_run(finished_run, tmp_path)
    cut_after(run, step)
    landed = {p: p.stat().st_mtime_ns for p in (run.root / "landing").rglob("*.ndjson")}
    said = run_study(tmp_path, "--source", source_of(run))
    assert said.code == 0, said.err
    assert f"going on after: {', '.join(sorted(STEPS[: STEPS.index(step) + 1]))}" in said.err
    assert runs_of(tmp_path) == {run.id}
    assert {p: p.stat().st_mtime_ns for p in (run.root / "landing").rglob("*.ndjson")} == landed
    same_results(run, finished_run)
    assert (run.root.parent / "latest").read_text().strip() == run.id


def test_a_killed_process_goes_on(finished_run: RunFolder, tmp_path: Path) -> None:
    """Killed as soon as it says that every view is mapped, under an open umask; then the same command."""
    source = source_of(finished_run)
    arguments = ["run", STUDY, "--direct", "--runs", tmp_path / "runs", "--source", source]
    process = subprocess.Popen([BEDSIDE, *arguments], stderr=subprocess.PIPE, text=True, umask=0o000)
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if re.search(r"mapping: (\d+) of \1$", line.rstrip()):
            process.send_signal(signal.SIGKILL)
            break
    process.stderr.close()
    assert process.wait(timeout=60) == -signal.SIGKILL, seen
    run = only_run(tmp_path / "runs")
    assert run.read()["outcome"] is None
    assert not run.report.exists()
    for path in (run.root, *run.root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    said = command(*arguments)
    assert said.code == 0, said.err
    assert "going on after: accept, extract" in said.err
    same_results(run, finished_run)


def test_fresh_starts_anew_and_other_inputs_do_too(finished_run: RunFolder, tmp_path: Path) -> None:
    run = copy_run(finished_run, tmp_path)
    cut_after(run, "accept")
    source = source_of(run)

    def made(*more: object, source: str = source) -> set[str]:
        before = runs_of(tmp_path)
        said = command("extract", STUDY, "--runs", tmp_path, "--source", source, *more)
        assert said.code == 0, said.err
        return runs_of(tmp_path) - before

    assert made() == set()
    assert len(made("--fresh")) == 1
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(source, elsewhere)
    assert len(made(source=os.fspath(elsewhere))) == 1


def test_a_finished_run_is_left_as_it_is(finished_run: RunFolder, tmp_path: Path) -> None:
    run = copy_run(finished_run, tmp_path)
    before = {p: p.read_bytes() for p in run.root.rglob("*") if p.is_file()}
    said = command("extract", STUDY, "--runs", tmp_path, "--source", source_of(run))
    assert said.code == 0, said.err
    assert {p: p.read_bytes() for p in run.root.rglob("*") if p.is_file()} == before
    assert len(runs_of(tmp_path)) == 2


def test_an_extract_that_was_incomplete_is_asked_again(finished_run: RunFolder, sample: Path, tmp_path: Path) -> None:
    """The rest of a file that breaks off is missing (6); once the file is whole the same command lands all of it."""
    source = tmp_path / "data"
    shutil.copytree(sample, source)
    whole = (source / "Encounter.ndjson").read_bytes()
    (source / "Encounter.ndjson").unlink()
    packed = gzip.compress(whole)
    (source / "Encounter.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    arguments = ("extract", STUDY, "--runs", tmp_path / "runs", "--source", source)
    broken = command(*arguments)
    assert broken.code == 6, broken.err
    assert "Encounter" in broken.err
    (source / "Encounter.ndjson.gz").write_bytes(packed)
    mended = command(*arguments)
    assert mended.code == 0, mended.err
    run = only_run(tmp_path / "runs")
    assert run.read()["missing"] == {}
    for file in finished_run.accepted("yichang").iterdir():
        assert (run.accepted("yichang") / file.name).read_bytes() == file.read_bytes(), file.name


def test_latest_names_the_newest_complete_run_whichever_ended_last(finished_run: RunFolder, tmp_path: Path) -> None:
    run = copy_run(finished_run, tmp_path)
    latest, newer = run.root.parent / "latest", run.root.parent / "99991231T000000Z-0000"
    newer.mkdir()
    latest.write_text(f"{newer.name}\n")
    assert command("report", run.root).code == 0
    assert latest.read_text().strip() == newer.name
    newer.rmdir()
    assert command("report", run.root).code == 0
    assert latest.read_text().strip() == run.id


def test_ctrl_c_is_130_and_no_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(study_folder, "read", interrupted)
    said = command("study", "check", STUDY)
    assert said.code == 130
    assert "the same command goes on where it was" in said.err


def test_a_runs_folder_that_was_there_stays_its_owners(sample: Path, tmp_path: Path) -> None:
    """Only what a run makes is hidden from git: --runs may name a folder that holds other things."""
    said = command("extract", STUDY, "--runs", tmp_path, "--source", sample)
    assert said.code == 0, said.err
    assert not (tmp_path / ".gitignore").exists()
    assert (tmp_path / "li2023" / ".gitignore").read_text() == "*\n"
