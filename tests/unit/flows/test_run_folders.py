"""Run folders. Oracle: docs/command-line.md (names, modes, which run a command goes on with)."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flows import run_folder
from flows.run_folder import STEPS, RunFolder
from mappings.errors import DefinitionError


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return run_folder.start(tmp_path / "runs", "one", {"inputs_sha256": "aa"})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_run_is_private_and_hidden_from_git(run: RunFolder) -> None:
    runs = run.root.parent.parent
    for folder in (runs, run.root.parent, run.root):
        assert mode(folder) == 0o700
    assert (run.root / ".gitignore").read_text() == "*\n"
    assert mode(run.root / "run.json") == 0o600
    said = run.read()
    assert (said["run"], said["steps"], said["outcome"], said["exit_code"]) == (run.id, {}, None, None)


def test_two_runs_begun_in_one_second_are_two_folders(tmp_path: Path) -> None:
    made = {run_folder.start(tmp_path, "one", {}).id for _ in range(20)}
    assert len(made) == 20


def test_a_step_done_again_takes_back_what_came_after_it(run: RunFolder) -> None:
    for step in STEPS[:5]:
        run.step_done(step, {"n": 1})
    run.step_done("map", {"n": 2})
    assert run.read()["steps"] == {"extract": {"n": 1}, "accept": {"n": 1}, "map": {"n": 2}}
    run.finish("complete", 0)
    run.reopen("accept")
    assert list(run.read()["steps"]) == ["extract"]
    assert run.read()["outcome"] is None


def test_only_a_complete_run_becomes_the_latest(run: RunFolder) -> None:
    latest = run.root.parent / "latest"
    for outcome, code in (("failed", 4), ("incomplete", 6)):
        run.finish(outcome, code)
        assert not latest.exists()
    run.finish("complete", 0)
    assert latest.read_text() == f"{run.id}\n"
    assert mode(latest) == 0o600


def test_only_an_unended_run_of_equal_inputs_is_gone_on_with(run: RunFolder) -> None:
    runs = run.root.parent.parent
    assert run_folder.unfinished(runs, "one", "aa") == run
    assert run_folder.unfinished(runs, "one", "bb") is None
    assert run_folder.unfinished(runs, "other", "aa") is None
    run.finish("failed", 4)
    assert run_folder.unfinished(runs, "one", "aa") is None


def test_a_run_whose_source_was_lost_in_mid_extract_is_gone_on_with(run: RunFolder) -> None:
    runs = run.root.parent.parent
    run.finish("failed", 3)
    assert run_folder.unfinished(runs, "one", "aa") == run
    run.step_done("extract")
    run.finish("failed", 3)
    assert run_folder.unfinished(runs, "one", "aa") is None


def test_a_run_opened_again_for_one_step_is_not_gone_on_with(run: RunFolder) -> None:
    """Yesterday's run, checked again this morning: tonight's run asks the sites."""
    runs = run.root.parent.parent
    for step in STEPS:
        run.step_done(step)
    run.finish("complete", 0)
    for _ in range(2):  # a second time it is open already
        run.reopen("check")
        assert (run.read()["exit_code"], run.read()["ended_once"]) == (None, 0)
        assert run_folder.unfinished(runs, "one", "aa") is None


def test_a_run_cut_off_before_its_end_is_gone_on_with_though_a_step_was_done_again(run: RunFolder) -> None:
    for step in STEPS[:4]:
        run.step_done(step)
    run.reopen("map")
    assert run_folder.unfinished(run.root.parent.parent, "one", "aa") == run


def test_the_newest_unended_run_is_gone_on_with(run: RunFolder) -> None:
    newer = RunFolder(run.root.parent / "99991231T000000Z-0000")
    newer.root.mkdir()
    run_folder.write_json(newer.root / "run.json", run.read())
    assert run_folder.unfinished(run.root.parent.parent, "one", "aa") == newer


def test_a_run_without_a_readable_record_is_passed_over_or_said(run: RunFolder) -> None:
    runs = run.root.parent.parent
    (run.root / "run.json").write_text('{"outcome": ')
    assert run_folder.unfinished(runs, "one", "aa") is None
    with pytest.raises(DefinitionError, match=r"no readable run\.json"):
        run.read()


def test_a_run_is_found_by_folder_or_by_its_studys_id(run: RunFolder) -> None:
    runs = run.root.parent.parent
    assert run_folder.find(runs, str(run.root)) == run
    assert run_folder.find(runs, "one") == run
    with pytest.raises(DefinitionError, match="no run found: two"):
        run_folder.find(runs, "two")


def test_a_file_is_replaced_as_a_whole(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off in the middle of writing, the old file is still there, whole."""
    run.update(note="before")

    def cut(_descriptor: int) -> None:
        raise OSError("no power")

    monkeypatch.setattr(os, "fsync", cut)
    with pytest.raises(OSError, match="no power"):
        run.update(note="after")
    assert json.loads((run.root / "run.json").read_bytes())["note"] == "before"


def test_one_command_at_a_time_is_at_work_in_a_run(run: RunFolder) -> None:
    """Another process holds the run: this one is told so; with its end, however it ends, the run is free."""
    code = (
        "import sys; from pathlib import Path; from flows.run_folder import RunFolder\n"
        f"with RunFolder(Path({str(run.root)!r})).held():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(DefinitionError, match="another command is at work in"), run.held():
            pass
        other.kill()
        other.wait()
    with run.held():
        assert run.read()["outcome"] is None
    with run.held():
        pass
