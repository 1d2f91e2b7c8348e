"""``bedside sandbox`` with a script of faults, as a process of its own. Oracle: docs/sandbox.md, the exit codes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import requests

from tests.fixtures.processes import BEDSIDE, bedside, end, environment

OBSERVATIONS = "".join(f'{{"resourceType":"Observation","id":"o{n}"}}\n' for n in range(3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "served"
    made.mkdir()
    (made / "Observation.ndjson").write_text(OBSERVATIONS)
    return made


def test_a_script_of_faults_is_served(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "faults.json"
    script.write_text('{"faults":[{"on":"first-page","what":"status","status":429,"retry_after":"9"}]}')
    command = [*BEDSIDE, "sandbox", str(folder), "--port", "0", "--faults", str(script)]
    with subprocess.Popen(command, env=environment(tmp_path / "home"), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = [process.stderr.readline() for _ in range(3)]
            assert said[:2] == ["1 faults on order\n", "serving Observation 3\n"]
            base = said[2].split()[1]
            answers = [requests.get(f"{base}/Observation", timeout=10) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [429, 200]
            assert answers[0].headers["retry-after"] == "9"
        finally:
            end(process)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"faults":[{"on":"page","what":"invented"}]}', "faults.json: faults.0: what: there is no fault invented"),
        ("no json", "faults.json: Invalid JSON"),
        (None, "faults.json cannot be read"),
    ],
)
def test_a_script_that_is_wrong_is_exit_2(folder: Path, tmp_path: Path, text: str | None, said: str) -> None:
    script = tmp_path / "faults.json"
    if text is not None:
        script.write_text(text)
    ended = bedside(tmp_path / "home", "sandbox", folder, "--port", "0", "--faults", script, timeout=60)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
