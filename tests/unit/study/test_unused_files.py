"""Files beside a study that nothing names. Oracle: the file laid there by the test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.cli.app import invoke
from flows.study_folder import read
from tests.unit.study.folders import example, write


def test_a_file_that_nothing_uses_is_said_and_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "two-stents", *example())
    assert read(folder).unused() == []
    (folder / "maps" / "old.json").write_text("{}")
    assert invoke(["study", "check", str(folder)]) == 0
    assert "maps/old.json: nothing in the study uses this file" in capsys.readouterr().err
    assert invoke(["study", "check", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["study"]["unused"] == ["maps/old.json"]
