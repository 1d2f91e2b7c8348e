"""A bulk export from kick-off to landing. Oracle: the same hospital extracted by search, and its list of resources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.arrival import Arrival
from analysis.plan import Plan, Search
from flows.landing.bulk_sides import read_deletions
from flows.landing.counts import plan_counts
from flows.landing.extract import extract_site
from mappings.errors import DefinitionError, SourceError
from tests.unit.client.bulk_hospital import (
    INSTANT,
    BulkHospital,
    Clock,
    File,
    bulk_site,
    deletion,
    events,
    export,
    ndjson,
    outcome,
)
from tests.unit.client.hospital import (
    CANARY,
    COHORT_COUNTS,
    PATIENT_CANARY,
    PLAN,
    Hospital,
    assert_balanced,
    extract,
    landed,
    resources,
)
from tests.unit.client.scripted_server import Answer, ScriptedServer


def lines(folder: Path) -> dict[str, list[str]]:
    """What landed, by type, whatever the order."""
    return {
        type_: sorted(json.dumps(item, sort_keys=True) for item in items) for type_, items in landed(folder).items()
    }


def searched(tmp_path: Path) -> dict[str, list[str]]:
    with ScriptedServer() as server:
        server.answer = Hospital(server)
        extract(server, tmp_path / "search")
    return lines(tmp_path / "search")


@pytest.mark.parametrize(
    "site", [{}, {"group": "g1"}, {"bulk": {"level": "patient"}}], ids=["system", "group", "patient"]
)
def test_an_export_lands_what_a_search_lands(site: dict[str, object], tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        if site:  # a device belongs to no patient
            hospital.files = [file for file in hospital.files if file.type != "Device"]
        made = export(server, tmp_path / "bulk", **site)
        kicked = next(asked for asked in server.asked if asked.path.endswith("$export"))
        polls = [asked for asked in server.asked if "/bulkstatus/" in asked.path]
    assert {asked.headers["accept"] for asked in polls} == {"application/json"}
    assert made.manifest.complete, made.manifest.missing
    assert lines(tmp_path / "bulk") == searched(tmp_path)
    assert (made.manifest.method, made.manifest.patients, made.transaction_time) == ("bulk", 2, INSTANT)
    assert_balanced(made.manifest, tmp_path / "bulk")
    assert kicked.path == {"group": "/fhir/Group/g1/$export", "bulk": "/fhir/Patient/$export"}.get(
        next(iter(site), ""), "/fhir/$export"
    )
    types = "Observation,Patient,Procedure" if site else "Device,Observation,Patient,Procedure"
    assert dict(kicked.parameters) == {
        "_type": types,
        "_typeFilter": "Procedure?code=http%3A%2F%2Fsnomed.info%2Fsct%7C441525007",
    }
    assert (kicked.headers["prefer"], kicked.headers["accept"]) == ("respond-async", "application/fhir+json")
    assert kicked.headers["cache-control"] == "no-cache"


def test_what_the_plan_did_not_ask_for_is_counted_by_reason(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.files.append(File("output", "Medication", ndjson([{"resourceType": "Medication", "id": "m"}])))
        hospital.files.append(File("output", "Observation", ndjson([{"resourceType": "Patient", "id": "px"}])))
        hospital.files.append(hospital.files[1])  # a file again: servers repeat resources
        manifest = export(server, tmp_path).manifest
    assert {t: c.not_asked for t, c in manifest.types.items()} == {
        "Device": {"outside-cohort": 1},
        "Medication": {"outside-filter": 1},
        "Observation": {"outside-cohort": 2},
        "Patient": {"outside-cohort": 2},
        "Procedure": {"outside-filter": 1},
    }
    assert manifest.types["Observation"].duplicates == 3
    assert {t: c.landed for t, c in manifest.types.items() if c.landed} == COHORT_COUNTS
    assert sum(c.received for c in manifest.types.values()) == len(resources()) + 2 + 3
    assert_balanced(manifest, tmp_path)
    assert manifest.complete


def test_the_folder_holds_the_landing_and_nothing_of_the_work(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        export(server, tmp_path)
        assert (hospital.jobs, hospital.cancelled) == ({}, ["j1"])
    assert {path.name for path in tmp_path.iterdir()} == {
        ".gitignore", "log.ndjson", "manifest.json", *(f"{type_}.000.ndjson" for type_ in COHORT_COUNTS),
    }  # fmt: skip
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("*.*json")} == {"0o600"}


def test_the_log_has_the_events_of_the_format_and_no_patient(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        BulkHospital(server)
        export(server, tmp_path, auth={"kind": "bearer", "token": f"file:{_token(tmp_path)}"})
        base = server.base
    said = events(tmp_path)
    assert [each["eventId"] for each in said if each["eventId"] not in ("download_request", "download_complete")] == [
        "kickoff", "status_progress", "status_complete", "status_page_complete", "manifest_complete",
        "export_complete",
    ]  # fmt: skip
    assert len({each["exportId"] for each in said}) == 1
    details = {each["eventId"]: each["eventDetail"] for each in said}
    assert details["kickoff"]["exportUrl"] == f"{base}/$export"
    assert details["kickoff"]["softwareName"] == "Scripted"
    assert details["status_progress"]["xProgress"] == "50%"
    assert details["manifest_complete"] == {
        "transactionTime": INSTANT, "totalOutputFileCount": 6, "totalDeletedFileCount": 0, "totalErrorFileCount": 0,
    }  # fmt: skip
    downloads = [each["eventDetail"] for each in said if each["eventId"] == "download_complete"]
    assert sum(each["resourceCount"] for each in downloads) == len(resources())
    asked = {each["eventDetail"]["fileUrl"] for each in said if each["eventId"] == "download_request"}
    assert {each["fileUrl"] for each in downloads} == asked == {f"{base}/$export#output={n}" for n in range(1, 7)}
    text = (tmp_path / "log.ndjson").read_text() + (tmp_path / "manifest.json").read_text()
    assert not [word for word in (CANARY, PATIENT_CANARY, "Jane", "p2", "/files/") if word in text]


def _token(folder: Path) -> Path:
    place = folder.parent / "token"
    place.write_text(CANARY)
    return place


def test_deletions_are_handed_over_and_counted(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        deleted = [deletion("Patient/p9"), deletion("Observation/o8", "Observation/o9"), deletion("Patient/p9")]
        hospital.files.append(File("deleted", "Bundle", ndjson(deleted), 3))
        made = export(server, tmp_path, since=INSTANT, patients=["p2"])
        kicked = next(asked for asked in server.asked if asked.path.endswith("$export"))
    assert made.deleted == (("Patient", "p9"), ("Observation", "o8"), ("Observation", "o9"))
    assert tuple(read_deletions(tmp_path)) == made.deleted
    assert dict(kicked.parameters)["_since"] == INSTANT
    assert [w for w in made.manifest.warnings if w["code"] == "deleted"] == [
        {"code": "deleted", "type": "Observation", "n": 2},
        {"code": "deleted", "type": "Patient", "n": 1},
    ]
    assert made.manifest.complete


def test_known_patients_belong_to_the_cohort_of_a_delta(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.files = [file for file in hospital.files if file.type != "Procedure"]
        manifest = export(server, tmp_path, since=INSTANT, patients=["p3"]).manifest
    assert {t: c.landed for t, c in manifest.types.items()} == {"Device": 0, "Observation": 2, "Patient": 1}


@pytest.mark.parametrize("line", [b"not json", json.dumps({"resourceType": "Patient"}).encode()])
def test_a_deletion_that_cannot_be_read_is_incomplete(line: bytes, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.files.append(File("deleted", "Bundle", ndjson([deletion("Patient/p9")]) + line + b"\n"))
        made = export(server, tmp_path)
    assert [(m.what, m.reason) for m in made.manifest.missing] == [
        ("1 lines of deleted file 1 (Bundle)", "not-a-deletion")
    ]
    assert made.deleted == (("Patient", "p9"),)


@pytest.mark.parametrize("key", ["error", "outcome"])
def test_partial_success_is_incomplete_and_names_the_codes(key: str, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        said = [outcome("error", "processing"), outcome("error", "processing"), outcome("information", "informational")]
        hospital.files.append(File(key, "OperationOutcome", ndjson(said)))
        manifest = export(server, tmp_path).manifest
    assert [(m.type, m.what, m.reason) for m in manifest.missing] == [
        ("OperationOutcome", "2 in error file 1 (OperationOutcome)", "export-error error processing")
    ]
    assert not manifest.complete
    assert [(o["severity"], o["code"]) for o in manifest.outcomes] == [
        ("error", "processing"), ("error", "processing"), ("information", "informational"),
    ]  # fmt: skip
    assert manifest.types["OperationOutcome"].outcomes == 3
    assert_balanced(manifest, tmp_path)
    assert "Jane" not in (tmp_path / "manifest.json").read_text() + (tmp_path / "log.ndjson").read_text()


def test_messages_that_do_no_harm_leave_the_export_complete(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        BulkHospital(server).files.append(File("error", "OperationOutcome", ndjson([outcome("warning", "processing")])))
        assert export(server, tmp_path).manifest.complete


def test_an_export_of_nothing_is_complete(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        BulkHospital(server).override = lambda asked, answer: (
            Answer(body=json.dumps({"transactionTime": INSTANT, "requiresAccessToken": False}).encode())
            if asked.path.startswith("/fhir/bulkstatus/") and asked.method == "GET"
            else answer
        )
        manifest = export(server, tmp_path).manifest
    assert (manifest.complete, manifest.files, manifest.patients) == (True, (), 0)


def test_what_is_referred_to_is_searched_for_beside_a_group(tmp_path: Path) -> None:
    """And where the client may not search, that is missing and named: the export is not for nothing."""
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.files = [file for file in hospital.files if file.type != "Device"]
        hospital.override = lambda asked, answer: Answer(403) if asked.path == "/fhir/Device" else answer
        manifest = export(server, tmp_path, group="g1").manifest
    assert [(m.type, m.what, m.reason) for m in manifest.missing] == [
        ("Device", "asked for by search beside the export", "refused")
    ]
    assert {t: c.landed for t, c in manifest.types.items() if c.landed} == {
        t: n for t, n in COHORT_COUNTS.items() if t != "Device"
    }


def test_a_whole_type_outside_the_compartment_is_searched_for_beside_patients(tmp_path: Path) -> None:
    whole = [Search("population", type_, (), "", Arrival(type_), "all") for type_ in ("Device", "Patient")]
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.files = [file for file in hospital.files if file.type == "Patient"]
        manifest = export(server, tmp_path, Plan("p", "population", tuple(whole)), bulk={"level": "patient"}).manifest
    assert {t: c.landed for t, c in manifest.types.items()} == {"Device": 2, "Patient": 3}


def test_lines_that_are_no_json_land_as_served_for_quarantine(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.files.append(File("output", "Observation", b'{"resourceType":"Observa\n\xff\xfe\n', 2))
        manifest = export(server, tmp_path).manifest
    assert manifest.complete
    found = (tmp_path / "Observation.000.ndjson").read_bytes().splitlines()
    assert found[-2:] == [b'{"resourceType":"Observa', b"\xff\xfe"]


def test_the_way_of_the_commands_exports_too_and_the_plan_says_how(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        BulkHospital(server)
        site = bulk_site(server, group="g1")
        counts = plan_counts(site, PLAN)
        assert {asked.path for asked in server.asked} == {"/fhir/metadata"}
        assert [(row.phase, row.type, row.why) for row in counts.rows] == [
            ("export", "", f"{server.base}/Group/g1/$export"),
            ("export", "Observation", "all of the type"),
            ("export", "Patient", "all of the type"),
            ("export", "Procedure", "only Procedure?code=http%3A%2F%2Fsnomed.info%2Fsct%7C441525007"),
            ("beside", "Device", "by search: named"),
        ]
        server.asked.clear()
        quick = site.model_copy(update={"limits": site.limits.model_copy(update={"retry_after_max_s": 0})})
        assert extract_site(quick, PLAN, tmp_path).method == "bulk"
        with pytest.raises(DefinitionError, match="another plan or site"):
            extract_site(bulk_site(server, group="g2"), PLAN, tmp_path)


def test_a_server_without_export_is_exit_3(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        BulkHospital(server).override = lambda asked, answer: (
            Answer(400, ndjson([outcome("error", "not-supported")])) if asked.path.endswith("$export") else answer
        )
        with pytest.raises(SourceError, match=r"refuses the bulk export Patient/\$export \(http-400 not-supported\)"):
            export(server, tmp_path, bulk={"level": "patient"}, clock=Clock())
        # With the filters and without.
        assert sum(asked.path.endswith("$export") for asked in server.asked) == 2
    assert {path.name for path in tmp_path.iterdir()} == {".gitignore", "log.ndjson"}
    assert events(tmp_path)[-1]["eventDetail"]["errorBody"] == "http-400 not-supported"
