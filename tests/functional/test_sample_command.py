"""``bedside sample`` as a person calls it. Oracle: the command line of the design (shared/design.md) and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.entry import main


def test_sample_writes_one_file_a_type_and_says_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made" / "here"
    assert main(["sample", "li2023", "-o", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    written = {path.stem: len(path.read_bytes().splitlines()) for path in out.glob("*.ndjson")}
    assert said["resources"] == written
    assert written["Patient"] == 29


def test_larger_cohorts_by_patients_and_seed(tmp_path: Path) -> None:
    assert main(["sample", "li2023", "-o", str(tmp_path), "--patients", "3", "--seed", "5"]) == 0
    assert len((tmp_path / "Patient.ndjson").read_bytes().splitlines()) == 3


def test_an_unknown_sample_is_one_sentence_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "nobody", "-o", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "no sample called 'nobody'" in said
    assert "Traceback" not in said
