"""An extract that was cut off is gone on with. Oracle: issue 5, "Resume"; the requests the server was asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flows.landing.manifest import read_manifest
from mappings.errors import DefinitionError, SourceError
from tests.fixtures.hospital_faults import counts, page_of, with_fault
from tests.unit.client.hospital import COHORT_COUNTS, PLAN, Hospital, assert_balanced, extract
from tests.unit.client.scripted_server import Answer, Asked, ScriptedServer


@pytest.fixture
def cut_off(server: ScriptedServer, folder: Path) -> list[Asked]:
    """The credential is refused at the third page of Observations; what was asked before that."""
    with_fault(server, lambda asked, ok, h: Answer(403) if page_of(asked, "Observation", h, 3) else ok)
    with pytest.raises(SourceError):
        extract(server, folder)
    assert read_manifest(folder) is None
    before, server.asked[:] = list(server.asked), []
    assert isinstance(server.answer, Hospital)
    server.answer.override = lambda _, answer: answer
    return before


def test_goes_on_at_the_page_where_it_stopped(server: ScriptedServer, folder: Path, cut_off: list[Asked]) -> None:
    manifest = extract(server, folder)
    assert manifest.complete
    assert counts(folder) == COHORT_COUNTS
    assert_balanced(manifest, folder)
    asked = [(a.path, a.parameters) for a in server.asked if a.path != "/fhir/metadata"]
    assert not set(asked) & {(a.path, a.parameters) for a in cut_off[:-1]}
    assert manifest.types["Observation"].pages == 3
    assert not (folder / "unfinished").exists()


def test_log_says_so_under_one_export_id(server: ScriptedServer, folder: Path, cut_off: list[Asked]) -> None:
    extract(server, folder)
    events = [json.loads(line) for line in (folder / "log.ndjson").read_text().splitlines()]
    assert len({event["exportId"] for event in events}) == 1
    assert [event["eventId"] for event in events].count("kickoff") == 1
    assert any("gone on with" in event["eventDetail"].get("message", "") for event in events)


def test_search_that_expired_meanwhile_is_begun_again(
    server: ScriptedServer, folder: Path, cut_off: list[Asked]
) -> None:
    expired: list[int] = []

    def once(asked: Asked, ok: Answer) -> Answer:
        if not expired and page_of(asked, "Observation", server.answer, 3):  # type: ignore[arg-type]
            expired.append(1)
            return Answer(410)
        return ok

    server.answer.override = once  # type: ignore[attr-defined]
    manifest = extract(server, folder)
    assert (manifest.complete, [w["code"] for w in manifest.warnings]) == (True, ["begun-again"])
    assert counts(folder) == COHORT_COUNTS


def test_unfinished_folder_of_another_plan_is_refused_and_kept(
    server: ScriptedServer, folder: Path, cut_off: list[Asked]
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(DefinitionError, match="another plan"):
        extract(server, folder, replace(PLAN, searches=PLAN.searches[:2]))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_at_another_address_it_begins_anew(folder: Path, cut_off: list[Asked]) -> None:
    """The links of the earlier server lead nowhere in the new one."""
    with ScriptedServer() as other:
        other.answer = Hospital(other)
        manifest = extract(other, folder)
    assert manifest.complete
    assert counts(folder) == COHORT_COUNTS
    assert_balanced(manifest, folder)


@pytest.mark.parametrize("damage", ["landed.json", "identities.bin", "made-for.json"])
def test_damaged_state_begins_anew(server: ScriptedServer, folder: Path, cut_off: list[Asked], damage: str) -> None:
    (folder / "unfinished" / "landed.json").write_text("{")
    (folder / "unfinished" / damage).write_bytes(b"")
    manifest = extract(server, folder)
    assert counts(folder) == COHORT_COUNTS
    assert_balanced(manifest, folder)


def test_what_is_left_is_private(folder: Path, cut_off: list[Asked]) -> None:
    left = folder / "unfinished"
    assert left.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in left.glob("[!.]*") if path.is_file()} == {0o600}


def test_pages_asked_for_other_patients_are_not_gone_on_with(server: ScriptedServer, folder: Path) -> None:
    """One patient of two was known when the extract was cut off; now both are, and the searches are about both."""
    hospital = Hospital(server, size=1)

    def without_second_index_page(asked: Asked, ok: Answer) -> Answer:
        if page_of(asked, "Procedure", hospital, 2):
            return Answer(503)
        return Answer(403) if page_of(asked, "Observation", hospital, 2) else ok

    hospital.override = without_second_index_page
    server.answer = hospital
    with pytest.raises(SourceError):
        extract(server, folder, limits={"parallel": 1})
    hospital.override = lambda _, answer: answer
    manifest = extract(server, folder, limits={"parallel": 1})
    assert (manifest.complete, manifest.patients) == (True, 2)
    assert counts(folder) == COHORT_COUNTS
    assert_balanced(manifest, folder)
