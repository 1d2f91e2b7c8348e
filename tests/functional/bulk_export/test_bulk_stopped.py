"""An export that is stopped, or killed and gone on with. Oracle: the same export left alone; the server's list of jobs.

``BEDSIDE_KILLS`` sets how many places of the run are killed at (12 unless set).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.landing.bulk_extract import WORK
from flows.landing.bulk_state import NAME
from mappings.errors import SourceError
from tests.conftest import REPOSITORY
from tests.unit.client.bulk_hospital import BulkHospital, File, events, export, ndjson
from tests.unit.client.hospital import COHORT_COUNTS, landed
from tests.unit.client.scripted_server import Answer, Asked, ScriptedServer

KILLS = int(os.environ.get("BEDSIDE_KILLS", "12"))


def large(hospital: BulkHospital) -> None:
    """A file of more than one piece, so that it can break off in the middle."""
    one = {"resourceType": "Observation", "subject": {"reference": "Patient/p2"}, "note": [{"text": "x" * 200_000}]}
    items = [{**one, "id": f"large{n}"} for n in range(6)]
    hospital.files.append(File("output", "Observation", ndjson(items), len(items)))


def command(server: ScriptedServer, folder: Path, kill_at: int = 0) -> list[str]:
    script = [sys.executable, "-m", "tests.functional.bulk_export.exporting"]
    return [*script, server.base, str(folder / "landing"), str(folder / "steps"), str(kill_at)]


def run(server: ScriptedServer, folder: Path, kill_at: int = 0) -> int:
    return subprocess.run(command(server, folder, kill_at), cwd=REPOSITORY, check=False, timeout=120).returncode


def left(folder: Path) -> dict[str, bytes]:
    """Every file of the landing but the log, which holds times."""
    files = [path for path in (folder / "landing").rglob("*") if path.is_file() and path.name != "log.ndjson"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_killed_anywhere_the_same_command_ends_with_the_same_landing(tmp_path: Path) -> None:
    resumed_at_a_byte = kicked_off_again = 0
    whole = tmp_path / "whole"
    whole.mkdir()
    with ScriptedServer() as server:
        large(BulkHospital(server))
        assert run(server, whole) == 0
    steps = int((whole / "steps").read_text())
    expected = left(whole)
    places = sorted({1 + round(n * (steps - 1) / max(1, KILLS - 1)) for n in range(KILLS)})
    for place in places:
        folder = tmp_path / f"killed-{place}"
        folder.mkdir()
        with ScriptedServer() as server:
            hospital = BulkHospital(server)
            large(hospital)
            assert run(server, folder, place) == -signal.SIGKILL
            assert not (folder / "landing" / "manifest.json").exists()
            before = len(server.asked)
            assert run(server, folder) == 0
            after = server.asked[before:]
            assert hospital.jobs.keys() <= {"j1"} if hospital.begun > 1 else not hospital.jobs
            resumed_at_a_byte += any("range" in asked.headers for asked in after)
            kicked_off_again += hospital.begun > 1
        assert left(folder) == expected, place
        assert len({each["exportId"] for each in events(folder / "landing")}) == 1
    assert resumed_at_a_byte > 0
    # Only a job whose address had not been written down yet is lost.
    assert kicked_off_again <= 1


def test_a_killed_run_fetches_nothing_twice(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        BulkHospital(server)
        assert run(server, tmp_path) == 0
        steps = int((tmp_path / "steps").read_text())
        server.asked.clear()
        other = tmp_path / "other"
        other.mkdir()
        assert run(server, other, steps) == -signal.SIGKILL
        asked = [each.path for each in server.asked if "/files/" in each.path]
        assert len(asked) == len(set(asked)) == 6
        server.asked.clear()
        assert run(server, other) == 0
        # Everything lies there, and the job has been ended: the server is not asked any more.
        assert server.asked == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "ctrl-c"])
@pytest.mark.parametrize("where", ["waiting", "downloading"])
def test_a_stop_ends_the_job_on_the_server(number: signal.Signals, where: str, tmp_path: Path) -> None:
    children: list[subprocess.Popen[bytes]] = []
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.polls = 1 if where == "waiting" else 0
        hospital.progress = {"Retry-After": "600"}

        def stop(asked: Asked, answer: Answer) -> Answer:
            place = "/bulkstatus/" if where == "waiting" else "/files/"
            if place in asked.path and asked.method == "GET" and not hospital.cancelled:
                children[0].send_signal(number)
            return answer

        hospital.override = lambda asked, answer: answer if asked.path.endswith("$export") else stop(asked, answer)
        ready = tmp_path / "landing"
        with subprocess.Popen(command(server, tmp_path), cwd=REPOSITORY) as child:
            children.append(child)
            assert child.wait(timeout=120) == 130
        assert (hospital.jobs, hospital.cancelled) == ({}, ["j1"])
    assert not (ready / WORK).exists()
    assert not (ready / "manifest.json").exists()


def test_a_refused_credential_ends_the_job(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.override = lambda asked, answer: Answer(403) if asked.path.endswith("/j1/3") else answer
        with pytest.raises(SourceError, match="answered 403"):
            export(server, tmp_path)
        assert (hospital.jobs, hospital.cancelled) == ({}, ["j1"])
    assert not (tmp_path / WORK).exists()


def test_a_job_that_cannot_be_ended_is_gone_on_with(tmp_path: Path) -> None:
    """The server was away when the run stopped: what has come is not thrown away."""
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.deletes = False
        hospital.override = lambda asked, answer: Answer(403) if asked.path.endswith("/j1/5") else answer
        with pytest.raises(SourceError):
            export(server, tmp_path, limits={"parallel": 1})
        hospital.override = lambda _, answer: answer
        server.asked.clear()
        assert export(server, tmp_path).manifest.complete
        assert [asked.path[-1] for asked in server.asked if "/files/" in asked.path] == ["5"]
        assert hospital.begun == 1


def test_delete_that_is_refused_or_unknown_changes_nothing(tmp_path: Path) -> None:
    for status in (404, 405, 500, 401):
        with ScriptedServer() as server:
            hospital = BulkHospital(server)
            hospital.override = lambda asked, answer, s=status: Answer(s) if asked.method == "DELETE" else answer  # type: ignore[misc]
            assert export(server, tmp_path / str(status)).manifest.complete
        assert {t: len(lines) for t, lines in landed(tmp_path / str(status)).items()} == COHORT_COUNTS


def broken(state: dict[str, Any]) -> list[bytes]:
    """What may be left in the place of a state file."""
    return [
        b"",
        b"{",
        json.dumps({**state, "format": 9}).encode(),
        json.dumps({**state, "request_sha256": "another"}).encode(),
        json.dumps({**state, "files": [{"kind": "output"}]}).encode(),
        json.dumps({**state, "files": [{**state["files"][0], "name": "gone.ndjson"}]}).encode(),
    ]


def test_a_state_that_does_not_fit_is_not_gone_on_with(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.deletes = False
        hospital.override = lambda asked, answer: Answer(403) if asked.path.endswith("/5") else answer
        with pytest.raises(SourceError):
            export(server, tmp_path)
        state = json.loads((tmp_path / WORK / NAME).read_bytes())
        hospital.override = lambda _, answer: answer
        hospital.deletes = True
        for number, content in enumerate(broken(state), start=2):
            (tmp_path / WORK).mkdir(exist_ok=True)
            (tmp_path / WORK / NAME).write_bytes(content)
            assert export(server, tmp_path).manifest.complete
            assert hospital.begun == number
