"""What extraction leaves on the disk: order, log, private files, and nothing of another plan or an interrupted one.
Oracle: the bulk-export log form of fhir.md section 4 and the landing's form in docs/architecture.md."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.arrival import Arrival
from analysis.plan import Plan, Search
from mappings.errors import DefinitionError
from tests.fixtures.hospital_faults import with_fault
from tests.unit.client.hospital import PLAN, Hospital, assert_balanced, extract, landed
from tests.unit.client.scripted_server import Answer, Asked, ScriptedServer


def test_landing_is_the_same_whatever_the_threads_do(server: ScriptedServer, tmp_path: Path) -> None:
    one = extract(server, tmp_path / "one", limits={"parallel": 1})
    many = extract(server, tmp_path / "many", limits={"parallel": 8})
    assert one.files == many.files
    assert one.as_dict() == many.as_dict()


def test_searches_that_end_in_reverse_are_landed_in_the_order_of_the_plan(server: ScriptedServer, folder: Path) -> None:
    whole = [
        Search("population", "Observation", (("patient", p),), "", Arrival("Observation"), "") for p in ("p3", "p2")
    ]
    last_answered = threading.Event()

    def fault(asked: Asked, ok: Answer, _: Hospital) -> Answer:
        if dict(asked.parameters).get("patient") == "p3":
            assert last_answered.wait(timeout=20)  # the first search of the plan ends after the second
        elif asked.path == "/fhir/Observation":
            last_answered.set()
        return ok

    with_fault(server, fault)
    extract(server, folder, Plan("all", "population", tuple(whole)), limits={"parallel": 2})
    assert [o["id"] for o in landed(folder)["Observation"]] == ["o5", "o6", "o3", "o4"]


def test_log_has_the_bulk_export_form(server: ScriptedServer, folder: Path) -> None:
    manifest = extract(server, folder)
    lines = [json.loads(line) for line in (folder / "log.ndjson").read_text().splitlines()]
    assert {frozenset(line) for line in lines} == {frozenset({"exportId", "timestamp", "eventId", "eventDetail"})}
    assert len({line["exportId"] for line in lines}) == 1
    events = [line["eventId"] for line in lines]
    assert (events[0], events[-1]) == ("kickoff", "export_complete")
    assert events.count("download_request") == events.count("download_complete") == 6
    assert lines[-1]["eventDetail"]["resources"] == sum(file.lines for file in manifest.files) == 10
    assert lines[0]["eventDetail"]["softwareName"] == "Scripted"


def test_folder_made_for_another_plan_is_refused_and_kept(server: ScriptedServer, folder: Path) -> None:
    extract(server, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(DefinitionError, match="another plan"):
        extract(server, folder, replace(PLAN, searches=PLAN.searches[:2]))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_an_interrupted_extract_left_is_not_mixed_in(server: ScriptedServer, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "Observation.007.ndjson").write_text('{"resourceType":"Observation","id":"old"}\n')
    (folder / "search-000001.part").write_text("half")
    manifest = extract(server, folder)
    assert_balanced(manifest, folder)
    assert sorted(p.name for p in folder.iterdir() if p.suffix == ".part") == []


def test_folder_and_files_are_private(server: ScriptedServer, folder: Path) -> None:
    extract(server, folder)
    assert (folder / ".gitignore").read_text().strip() == "*"
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in folder.glob("*.*json"):
        assert file.stat().st_mode & 0o777 == 0o600, file.name
