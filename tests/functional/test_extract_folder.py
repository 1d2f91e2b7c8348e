"""A folder as a source. Oracle: the hospital's list of resources, and the same extract made over HTTP."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from analysis.arrival import Arrival
from analysis.plan import Plan, Search
from flows.landing.counts import plan_counts
from flows.landing.extract import extract_site
from flows.landing.manifest import Manifest
from flows.sites import Site
from mappings.errors import SourceError
from tests.unit.client.hospital import COHORT_COUNTS, PLAN, Hospital, assert_balanced, extract, landed, resources
from tests.unit.client.scripted_server import ScriptedServer

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def ndjson(items: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(item, separators=(",", ":")).encode() + b"\n" for item in items)


def fill(folder: Path, packed: str = "", items: list[dict[str, Any]] | None = None) -> Path:
    """One file a type, as `bedside sample` and bulk exports leave them."""
    folder.mkdir(parents=True, exist_ok=True)
    items = resources() if items is None else items
    for type_ in {item["resourceType"] for item in items}:
        content = ndjson([item for item in items if item["resourceType"] == type_])
        (folder / f"{type_}.ndjson{packed}").write_bytes(PACK[packed](content))
    return folder


def take(source: Path, landing: Path, plan: Plan = PLAN) -> Manifest:
    return extract_site(Site(id="north", folder=str(source)), plan, landing)


@pytest.mark.parametrize("packed", PACK)
def test_folder_gives_what_the_server_gives(tmp_path: Path, packed: str) -> None:
    manifest = take(fill(tmp_path / "data", packed), tmp_path / "landing")
    with ScriptedServer() as server:
        server.answer = Hospital(server)
        extract(server, tmp_path / "by-http")
    assert (manifest.complete, manifest.method, manifest.patients) == (True, "folder", 2)
    assert_balanced(manifest, tmp_path / "landing")
    by_id = {
        where: {(r["resourceType"], r["id"]): r for rows in landed(tmp_path / where).values() for r in rows}
        for where in ("landing", "by-http")
    }
    assert by_id["landing"] == by_id["by-http"]
    assert {t: c.landed for t, c in manifest.types.items()} == COHORT_COUNTS


def test_what_was_not_asked_for_is_counted_by_reason(tmp_path: Path) -> None:
    manifest = take(fill(tmp_path / "data"), tmp_path / "landing")
    assert {t: c.not_asked for t, c in manifest.types.items()} == {
        "Device": {"outside-cohort": 1},
        "Observation": {"outside-cohort": 2},
        "Patient": {"outside-cohort": 1},
        "Procedure": {"outside-filter": 1},
    }
    assert sum(c.received for c in manifest.types.values()) == len(resources())


@pytest.mark.parametrize("packed", PACK)
def test_bundles_are_read_like_lines(tmp_path: Path, packed: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    half = len(resources()) // 2
    for n, part in enumerate((resources()[:half], resources()[half:])):
        entries = [{"fullUrl": f"urn:uuid:{n}-{k}", "resource": item} for k, item in enumerate(part)]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        (data / f"Jane_Doe_{n}.json{packed}").write_bytes(PACK[packed](json.dumps(bundle, indent=2).encode()))
    (data / "single.json").write_text(json.dumps(resources()[0]))
    manifest = take(data, tmp_path / "landing")
    assert manifest.complete
    assert {t: c.landed for t, c in manifest.types.items()} == COHORT_COUNTS
    assert manifest.types["Patient"].duplicates == 1
    assert_balanced(manifest, tmp_path / "landing")


def test_bytes_of_a_line_are_kept(tmp_path: Path) -> None:
    data = fill(tmp_path / "data")
    line = '{ "resourceType" : "Observation", "id":"d", "subject":{"reference":"Patient/p2"}, "v": 1.10, "t":"é" }'
    with (data / "Observation.ndjson").open("ab") as out:
        out.write(b"\n\xef\xbb\xbf" + line.encode() + b"\r\n\n")
    take(data, tmp_path / "landing")
    assert line.encode() in (tmp_path / "landing" / "Observation.000.ndjson").read_bytes().splitlines()


def test_line_that_is_no_json_is_landed_for_quarantine(tmp_path: Path) -> None:
    data = fill(tmp_path / "data")
    bad = [b'{"resourceType":"Observation","id":', b"\xff\xfe", b"[1]", b'{"id":"no type"}']
    with (data / "Observation.ndjson").open("ab") as out:
        out.write(b"\n".join(bad) + b"\n")
    (data / "mixed.ndjson").write_bytes(b"not json\n")
    manifest = take(data, tmp_path / "landing")
    assert manifest.complete
    lines = (tmp_path / "landing" / "Observation.000.ndjson").read_bytes().splitlines()
    assert lines[-4:] == bad
    assert manifest.types["Observation"].landed == COHORT_COUNTS["Observation"] + 4
    assert manifest.types["Unknown"].landed == 1


@pytest.mark.parametrize("packed", [".gz", ".zst"])
def test_cut_file_is_incomplete_and_named_only_by_type(tmp_path: Path, packed: str) -> None:
    data = fill(tmp_path / "data", packed)
    many = [{"resourceType": "Observation", "id": f"x{n * 7919 % 10007}", "z": hash(str(n))} for n in range(5000)]
    whole = PACK[packed](ndjson(many))
    (data / f"Jane.ndjson{packed}").write_bytes(whole[:-100])
    (data / f"Observation.1.ndjson{packed}").write_bytes(whole[: len(whole) // 2])
    manifest = take(data, tmp_path / "landing")
    assert not manifest.complete
    assert [(m.type, m.what, m.reason) for m in manifest.missing] == [
        ("Unknown", "the rest of file 2 of 6", "truncated"),
        ("Observation", f"the rest of Observation.1.ndjson{packed}", "truncated"),
    ]
    assert "Jane" not in (tmp_path / "landing" / "manifest.json").read_text()
    assert_balanced(manifest, tmp_path / "landing")


def test_broken_bundle_is_incomplete(tmp_path: Path) -> None:
    data = fill(tmp_path / "data")
    (data / "one.json").write_text('{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Pat')
    manifest = take(data, tmp_path / "landing")
    assert [(m.what, m.reason) for m in manifest.missing] == [("the rest of file 5 of 5", "not-json")]


def test_json_document_that_is_no_fhir_is_said_and_left(tmp_path: Path) -> None:
    data = fill(tmp_path / "data")
    (data / "COUNTS.json").write_text('{"Patient": 3}')
    manifest = take(data, tmp_path / "landing")
    assert manifest.complete
    assert list(manifest.warnings) == [{"code": "not-fhir", "what": "file 1 of 5"}]
    assert {t: c.landed for t, c in manifest.types.items()} == COHORT_COUNTS


def test_outcomes_in_a_folder_are_counted(tmp_path: Path) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    manifest = take(fill(tmp_path / "data", items=[*resources(), outcome]), tmp_path / "landing")
    assert manifest.types["OperationOutcome"].outcomes == 1
    assert [o["code"] for o in manifest.outcomes] == ["exception"]


def test_log_and_manifest_of_an_export_are_no_resources(tmp_path: Path) -> None:
    data = fill(tmp_path / "data")
    (data / "log.ndjson").write_text('{"eventId":"kickoff"}\n')
    (data / "manifest.json").write_text("{}")
    (data / ".hidden.ndjson").write_text("{}\n")
    manifest = take(data, tmp_path / "landing")
    assert set(manifest.types) == set(COHORT_COUNTS)


def test_landing_is_itself_a_folder_source(tmp_path: Path) -> None:
    first = take(fill(tmp_path / "data"), tmp_path / "landing")
    second = take(tmp_path / "landing", tmp_path / "again")
    assert second.files == first.files
    assert all(not count.not_asked for count in second.types.values())


def test_population_takes_whole_types(tmp_path: Path) -> None:
    whole = Plan(
        "all", "population", tuple(Search("population", t, (), "", Arrival(t), "") for t in ("Patient", "Observation"))
    )
    manifest = take(fill(tmp_path / "data"), tmp_path / "landing", whole)
    assert {t: c.landed for t, c in manifest.types.items() if c.landed} == {"Patient": 3, "Observation": 7}
    assert manifest.patients is None
    assert manifest.types["Device"].not_asked == {"outside-filter": 2}


def test_no_folder_or_nothing_in_it_is_exit_3(tmp_path: Path) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(SourceError) as caught:
            take(folder, tmp_path / "landing")
        assert caught.value.exit_code == 3


def test_plan_counts_of_a_folder_and_of_a_server(tmp_path: Path) -> None:
    folder = plan_counts(Site(id="north", folder=str(fill(tmp_path / "data"))), PLAN)
    assert {row.type: row.count for row in folder.rows} == COHORT_COUNTS
    assert folder.patients == 2
    with ScriptedServer() as server:
        server.answer = Hospital(server)
        counted = plan_counts(Site(id="north", base=server.base), PLAN)
    assert {row.type: row.count for row in counted.rows} == {**COHORT_COUNTS, "Device": None}
    assert [row.requests for row in counted.rows] == [1, 1, 1, 0]
    assert counted.patients == 2
