"""Extraction from servers that misbehave. Oracle: issue 3, "What bad input gets", and fhir.md section 3; the hospital's
own list of resources says what should have come."""

from __future__ import annotations

import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.arrival import Arrival
from analysis.plan import Plan, Search
from flows.landing.manifest import read_manifest
from mappings.errors import DefinitionError, SourceError
from tests.unit.client.hospital import (
    CANARY,
    COHORT_COUNTS,
    PATIENT_CANARY,
    PLAN,
    Hospital,
    assert_balanced,
    extract,
    landed,
)
from tests.unit.client.scripted_server import CAPABILITY, HTML, OUTCOME, Answer, Asked, ScriptedServer, bundle


@pytest.fixture
def server() -> ScriptedServer:
    with ScriptedServer() as made:
        made.answer = Hospital(made)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "landing" / "north"


def counts(folder: Path) -> dict[str, int]:
    return {type_: len(lines) for type_, lines in landed(folder).items()}


def page_of(asked: Asked, type_: str, hospital: Hospital, page: int) -> bool:
    """Whether ``asked`` is for that page of a search of that type."""
    parameters = dict(asked.parameters)
    if "page" not in parameters:
        return page == 1 and asked.path.startswith(f"/fhir/{type_}")
    search, number = (int(part) for part in parameters["page"].split("-"))
    return number == page and f"/{type_}?" in hospital.searches[search][0]


def with_fault(server: ScriptedServer, fault: Callable[[Asked, Answer, Hospital], Answer]) -> None:
    hospital = Hospital(server)
    hospital.override = lambda asked, answer: fault(asked, answer, hospital)
    server.answer = hospital


def test_cohort_first_and_only_the_cohort(server: ScriptedServer, folder: Path) -> None:
    manifest = extract(server, folder)
    assert manifest.complete
    assert manifest.patients == 2
    assert counts(folder) == COHORT_COUNTS
    assert {o["id"] for o in landed(folder)["Observation"]} == {"o0", "o1", "o2", "o3", "o4"}
    assert_balanced(manifest, folder)
    observation = manifest.types["Observation"]
    assert (observation.server_total, observation.total_exact, observation.distinct) == (5, True, 5)
    assert (observation.searches, observation.pages) == (1, 3)
    assert read_manifest(folder) == manifest


def test_unreachable_server_is_exit_3(folder: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}/fhir"
        with pytest.raises(SourceError) as caught:
            extract(nowhere, folder)
    assert caught.value.exit_code == 3
    assert read_manifest(folder) is None


@pytest.mark.parametrize("status", [401, 403])
def test_401_is_exit_3_at_once_and_in_mid_run(server: ScriptedServer, folder: Path, status: int) -> None:
    for refused in ("/fhir/metadata", "/fhir/Observation"):
        with_fault(server, lambda asked, answer, _, path=refused: Answer(status) if asked.path == path else answer)  # type: ignore[misc]
        with pytest.raises(SourceError, match=str(status)) as caught:
            extract(server, folder)
        assert caught.value.exit_code == 3
        assert read_manifest(folder) is None
        assert list(folder.glob("*.part")) == []


def test_nothing_but_html_is_exit_3(server: ScriptedServer, folder: Path) -> None:
    server.answer = lambda _: HTML
    with pytest.raises(SourceError, match="HTML"):
        extract(server, folder)


def test_html_login_page_for_every_search_is_exit_3(server: ScriptedServer, folder: Path) -> None:
    server.answer = lambda asked: CAPABILITY if asked.path == "/fhir/metadata" else HTML
    with pytest.raises(SourceError, match="HTML"):
        extract(server, folder)


def test_address_that_is_no_fhir_base_is_exit_3(server: ScriptedServer, folder: Path) -> None:
    server.answer = lambda _: Answer(404)
    with pytest.raises(SourceError, match="no FHIR answer"):
        extract(server, folder)


HICCUPS = {
    "429 with Retry-After in seconds": Answer(429, headers={"Retry-After": "1"}),
    "429 with Retry-After as date": Answer(429, headers={"Retry-After": "Fri, 01 Mar 2024 12:00:45 GMT"}),
    "503": Answer(503),
    "500": Answer(500),
    "html under 200": HTML,
    "text under 200": Answer(body=b"try again"),
    "truncated body": Answer(body=b'{"resourceType":"Bundle","entry":[{"resource":{"resou'),
    "connection cut in the body": Answer(body=b'{"resourceType":"Bund', cut=True),
    "OperationOutcome instead of Bundle": OUTCOME,
    "dropped connection": Answer(drop=True),
}


@pytest.mark.parametrize("name", HICCUPS)
def test_hiccup_on_every_page_then_ok_loses_nothing(server: ScriptedServer, folder: Path, name: str) -> None:
    met: set[str] = set()

    def fault(asked: Asked, answer: Answer, _: Hospital) -> Answer:
        key = f"{asked.path}?{asked.parameters}"
        first = key not in met
        met.add(key)
        return HICCUPS[name] if first else answer

    with_fault(server, fault)
    manifest = extract(server, folder, limits={"parallel": 1})
    assert manifest.complete
    assert counts(folder) == COHORT_COUNTS
    assert_balanced(manifest, folder)


@pytest.mark.parametrize(
    ("answer", "reason"), [(HTML, "html"), (OUTCOME, "operation-outcome"), (Answer(500), "http-500")]
)
def test_page_that_never_comes_is_named(server: ScriptedServer, folder: Path, answer: Answer, reason: str) -> None:
    with_fault(server, lambda asked, ok, h: answer if page_of(asked, "Observation", h, 2) else ok)
    manifest = extract(server, folder)
    assert not manifest.complete
    (missing,) = manifest.missing
    assert (missing.type, missing.reason) == ("Observation", reason)
    assert missing.what.startswith("page 2 of search ")
    assert counts(folder) == {**COHORT_COUNTS, "Observation": 2}
    assert_balanced(manifest, folder)


def test_page_missing_for_ever_is_named_and_what_came_is_kept(server: ScriptedServer, folder: Path) -> None:
    with_fault(server, lambda asked, ok, h: Answer(404) if page_of(asked, "Observation", h, 3) else ok)
    manifest = extract(server, folder)
    assert [(m.type, m.reason) for m in manifest.missing] == [("Observation", "page-missing")]
    assert len(landed(folder)["Observation"]) == 4
    assert_balanced(manifest, folder)


def test_page_loop_is_named(server: ScriptedServer, folder: Path) -> None:
    def fault(asked: Asked, ok: Answer, hospital: Hospital) -> Answer:
        if page_of(asked, "Observation", hospital, 2):
            again = json.loads(ok.body)
            for link in again["link"]:
                if link["relation"] == "next":
                    link["url"] = f"{server.base}?page={dict(asked.parameters)['page']}"
            return Answer(body=json.dumps(again).encode())
        return ok

    with_fault(server, fault)
    manifest = extract(server, folder)
    assert [(m.type, m.reason) for m in manifest.missing] == [("Observation", "page-loop")]
    assert "page 3" in manifest.missing[0].what
    assert len(landed(folder)["Observation"]) == 4


def test_duplicate_across_pages_is_one_resource_and_counted(server: ScriptedServer, folder: Path) -> None:
    def fault(asked: Asked, ok: Answer, hospital: Hospital) -> Answer:
        if not page_of(asked, "Observation", hospital, 2):
            return ok
        said = json.loads(ok.body)
        said["entry"].append(
            {"resource": next(r for r in hospital.all if r["id"] == "o0"), "search": {"mode": "match"}}
        )
        return Answer(body=json.dumps(said).encode())

    with_fault(server, fault)
    manifest = extract(server, folder)
    observation = manifest.types["Observation"]
    assert manifest.complete
    assert (observation.received, observation.landed, observation.duplicates, observation.distinct) == (6, 5, 1, 5)


def test_another_version_is_no_duplicate(server: ScriptedServer, folder: Path) -> None:
    hospital = Hospital(server)
    hospital.all.append({**next(r for r in hospital.all if r["id"] == "o0"), "meta": {"versionId": "2"}})
    server.answer = hospital
    manifest = extract(server, folder)
    assert (manifest.types["Observation"].landed, manifest.types["Observation"].duplicates) == (6, 0)


def test_expired_search_is_begun_again_and_stands_on_one_snapshot(server: ScriptedServer, folder: Path) -> None:
    expired: list[str] = []

    def fault(asked: Asked, ok: Answer, hospital: Hospital) -> Answer:
        if page_of(asked, "Observation", hospital, 2) and not expired:
            expired.append("once")
            # Meanwhile the server changes: o0 goes and o4 becomes another version.
            hospital.all = [r for r in hospital.all if r["id"] != "o0"]
            next(r for r in hospital.all if r["id"] == "o4")["meta"]["versionId"] = "2"
            return Answer(410)
        return ok

    with_fault(server, fault)
    manifest = extract(server, folder)
    assert manifest.complete
    assert {(o["id"], o["meta"]["versionId"]) for o in landed(folder)["Observation"]} == {
        ("o1", "1"),
        ("o2", "1"),
        ("o3", "1"),
        ("o4", "2"),
    }
    assert [w["code"] for w in manifest.warnings] == ["begun-again"]
    assert_balanced(manifest, folder)


def test_search_expired_for_ever_is_named(server: ScriptedServer, folder: Path) -> None:
    with_fault(server, lambda asked, ok, h: Answer(410) if page_of(asked, "Observation", h, 2) else ok)
    manifest = extract(server, folder)
    assert [(m.type, m.reason) for m in manifest.missing] == [("Observation", "expired")]
    assert len(landed(folder)["Observation"]) == 2
    assert manifest.types["Observation"].duplicates == 4
    assert_balanced(manifest, folder)


def test_fewer_than_an_exact_total_is_incomplete(server: ScriptedServer, folder: Path) -> None:
    def fault(asked: Asked, ok: Answer, hospital: Hospital) -> Answer:
        if not page_of(asked, "Observation", hospital, 1):
            return ok
        said = json.loads(ok.body)
        del said["entry"][0]
        return Answer(body=json.dumps(said).encode())

    with_fault(server, fault)
    manifest = extract(server, folder)
    assert [(m.type, m.reason) for m in manifest.missing] == [("Observation", "fewer-than-total")]
    assert manifest.missing[0].what.startswith("1 of 5 of search ")


def test_next_on_an_origin_not_named_is_not_asked_and_the_origin_is_said(server: ScriptedServer, folder: Path) -> None:
    with ScriptedServer(lambda _: bundle()) as other:
        _elsewhere(server, other)
        manifest = extract(server, folder, auth={"kind": "bearer", "token": "env:BEDSIDE_TEST_TOKEN"})
        assert other.asked == []
    assert not manifest.complete
    assert manifest.missing[0].reason == f"origin-not-named {other.origin}"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_TEST_TOKEN", CANARY)


@pytest.mark.parametrize(("with_token", "header"), [(False, None), (True, f"Bearer {CANARY}")])
def test_next_on_a_named_origin_is_asked_as_the_sites_file_says(
    server: ScriptedServer, folder: Path, with_token: bool, header: str | None
) -> None:
    with ScriptedServer() as other:
        _elsewhere(server, other)
        other.answer = server.answer
        origins = [{"origin": other.origin, "with_token": with_token}]
        auth = {"kind": "bearer", "token": "env:BEDSIDE_TEST_TOKEN"}
        manifest = extract(server, folder, auth=auth, other_origins=origins)
        assert [each.authorization for each in other.asked] == [header]
        assert all(each.authorization == f"Bearer {CANARY}" for each in server.asked)
    assert manifest.complete
    assert counts(folder) == COHORT_COUNTS


def _elsewhere(server: ScriptedServer, other: ScriptedServer) -> None:
    """The link to the second page of Observations leads to ``other``."""

    def fault(asked: Asked, ok: Answer, hospital: Hospital) -> Answer:
        if not page_of(asked, "Observation", hospital, 1):
            return ok
        moved = ok.body.replace(f"{server.base}?page".encode(), f"{other.base}?page".encode())
        return Answer(body=moved)

    with_fault(server, fault)


def test_parameter_not_applied_is_filtered_on_arrival_and_said(server: ScriptedServer, folder: Path) -> None:
    hospital = Hospital(server, size=100)

    def fault(asked: Asked, ok: Answer) -> Answer:
        if not asked.path.startswith("/fhir/Observation"):
            return ok
        everything = [r for r in hospital.all if r["resourceType"] == "Observation"]
        return bundle(everything, self_link=f"{server.base}/Observation?_total=accurate", total=len(everything))

    hospital.override = fault
    server.answer = hospital
    manifest = extract(server, folder)
    assert {o["id"] for o in landed(folder)["Observation"]} == {"o0", "o1", "o2", "o3", "o4"}
    assert manifest.types["Observation"].not_asked == {"outside-cohort": 2}
    (warning,) = manifest.warnings
    assert (warning["code"], warning["parameters"]) == ("parameter-not-applied", ["patient"])
    assert_balanced(manifest, folder)


def test_search_mode_decides_include_outcome_and_match(server: ScriptedServer, folder: Path) -> None:
    extra = [
        {"resource": {"resourceType": "Encounter", "id": "e1"}, "search": {"mode": "include"}},
        {
            "resource": {
                "resourceType": "OperationOutcome",
                "issue": [{"severity": "warning", "code": "processing", "diagnostics": f"about {PATIENT_CANARY}"}],
            },
            "search": {"mode": "outcome"},
        },
        {"fullUrl": "urn:x"},
        {"resource": {"resourceType": "Basic", "id": "b1"}, "search": {"mode": "match"}},
    ]

    def fault(asked: Asked, ok: Answer, hospital: Hospital) -> Answer:
        if not page_of(asked, "Observation", hospital, 1):
            return ok
        said = json.loads(ok.body)
        said["entry"] += extra
        return Answer(body=json.dumps(said).encode())

    with_fault(server, fault)
    manifest = extract(server, folder)
    assert manifest.complete
    assert counts(folder) == COHORT_COUNTS
    assert manifest.types["Encounter"].not_asked == {"include": 1}
    assert manifest.types["Basic"].not_asked == {"other-type": 1}
    assert manifest.types["Observation"].not_asked == {"empty-entry": 1}
    assert manifest.types["Observation"].outcomes == 1
    assert [(o["severity"], o["code"]) for o in manifest.outcomes] == [("warning", "processing")]
    assert_balanced(manifest, folder)


def test_type_the_server_refuses_is_incomplete_and_the_rest_comes(server: ScriptedServer, folder: Path) -> None:
    with_fault(server, lambda asked, ok, _: Answer(400) if asked.path == "/fhir/Observation" else ok)
    manifest = extract(server, folder)
    assert [(m.type, m.reason) for m in manifest.missing] == [("Observation", "http-400")]
    assert counts(folder) == {type_: n for type_, n in COHORT_COUNTS.items() if type_ != "Observation"}


def test_referenced_resource_that_is_not_there_is_a_warning(server: ScriptedServer, folder: Path) -> None:
    hospital = Hospital(server)
    hospital.all = [r for r in hospital.all if r["id"] != "d1"]
    server.answer = hospital
    manifest = extract(server, folder)
    assert manifest.complete
    assert list(manifest.warnings) == [{"code": "not-found-by-id", "type": "Device", "n": 1}]


def test_index_event_without_a_usable_patient_is_counted(server: ScriptedServer, folder: Path) -> None:
    hospital = Hospital(server)
    next(r for r in hospital.all if r["id"] == "act-p2")["subject"] = {"identifier": {"value": "9"}}
    server.answer = hospital
    manifest = extract(server, folder)
    assert (manifest.patients, list(manifest.warnings)) == (1, [{"code": "index-without-patient", "n": 1}])


def test_empty_cohort_asks_for_nothing_more(server: ScriptedServer, folder: Path) -> None:
    hospital = Hospital(server)
    hospital.all = [r for r in hospital.all if r["resourceType"] != "Procedure"]
    server.answer = hospital
    manifest = extract(server, folder)
    assert (manifest.complete, manifest.patients, manifest.files) == (True, 0, ())
    assert [each.path for each in server.asked] == ["/fhir/metadata", "/fhir/Procedure"]


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


def test_no_secret_and_no_patient_in_log_manifest_or_output(
    server: ScriptedServer, folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with_fault(server, lambda asked, ok, h: Answer(410) if page_of(asked, "Observation", h, 3) else ok)
    manifest = extract(server, folder, auth={"kind": "basic", "user": "u", "password": "env:BEDSIDE_TEST_TOKEN"})
    assert not manifest.complete
    beside = (folder / "log.ndjson").read_text() + (folder / "manifest.json").read_text()
    seen = beside + caplog.text + "".join(capfd.readouterr()) + repr(manifest)
    assert any(PATIENT_CANARY in value for each in server.asked for _, value in each.parameters)
    for secret in (CANARY, PATIENT_CANARY):
        assert secret not in seen


def test_no_secret_and_no_patient_in_the_error_of_a_refused_run(server: ScriptedServer, folder: Path) -> None:
    with_fault(server, lambda asked, ok, _: Answer(403) if asked.path == "/fhir/Observation" else ok)
    with pytest.raises(SourceError) as caught:
        extract(server, folder, auth={"kind": "bearer", "token": "env:BEDSIDE_TEST_TOKEN"})
    text = "".join(traceback.format_exception(caught.value))
    assert CANARY not in text
    assert PATIENT_CANARY not in text


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
    from dataclasses import replace

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
