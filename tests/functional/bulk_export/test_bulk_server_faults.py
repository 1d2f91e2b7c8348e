"""Kick-off, status and manifest of servers that misbehave. Oracle: fhir.md section 4, one test a row."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from flows.client.bulk_poll import PATIENCE
from flows.landing.manifest import Manifest
from mappings.errors import SourceError
from tests.unit.client.bulk_hospital import BulkHospital, Clock, events, export, outcome
from tests.unit.client.hospital import CANARY, COHORT_COUNTS, PLAN
from tests.unit.client.scripted_server import HTML, Answer, Asked, ScriptedServer


def counts(manifest: Manifest) -> dict[str, int]:
    return {type_: count.landed for type_, count in manifest.types.items() if count.landed}


def at_kick_off(hospital: BulkHospital, *answers: Answer | None) -> None:
    """Answers to the kick-offs, one after the other; None and later ones: as the guide has it."""
    left = list(answers)

    def fault(asked: Asked, answer: Answer) -> Answer:
        said = left.pop(0) if left and asked.path.endswith("$export") else None
        return said or answer

    hospital.override = fault


def at_status(hospital: BulkHospital, *answers: Answer | None, forever: bool = False) -> None:
    """The same for polls."""
    left = list(answers)

    def fault(asked: Asked, answer: Answer) -> Answer:
        if not left or not asked.path.startswith("/fhir/bulkstatus") or asked.method != "GET":
            return answer
        return (left[0] if forever else left.pop(0)) or answer

    hospital.override = fault


def problem(status: int, *codes: str, **headers: str) -> Answer:
    said = outcome("error", codes[0])
    said["issue"] += [{"severity": "error", "code": code} for code in codes[1:]]
    return Answer(status, json.dumps(said).encode(), {name.replace("_", "-"): value for name, value in headers.items()})


# Kick-off


@pytest.mark.parametrize(
    "location",
    ["/fhir/bulkstatus/{job}", "bulkstatus/{job}", "/bulkstatus/{job}", "{base}/bulkstatus/{job}?_jobId=1"],
)
def test_status_address_relative_or_absolute(location: str, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.location = location
        assert export(server, tmp_path).manifest.complete
        assert hospital.cancelled == ["j1"]


def test_429_while_another_job_runs_is_waited_for_as_told(tmp_path: Path) -> None:
    clock = Clock()
    with ScriptedServer() as server:
        at_kick_off(
            BulkHospital(server),
            Answer(429, headers={"Retry-After": "90"}),
            Answer(429, headers={"Retry-After": "Fri, 01 Mar 2024 12:03:30 GMT"}),
        )
        assert export(server, tmp_path, clock=clock).manifest.complete
    assert clock.waits[:2] == [90.0, 120.0]


def test_another_job_that_never_ends_is_waited_for_so_long_and_no_longer(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        at_kick_off(BulkHospital(server), *[Answer(429, headers={"Retry-After": "600"})] * 99)
        manifest = export(server, tmp_path, bulk={"hours": 1}).manifest
        assert sum(asked.path.endswith("$export") for asked in server.asked) == 6
    assert {(m.what, m.reason) for m in manifest.missing} == {("the export", "export-busy")}
    assert {m.type for m in manifest.missing} == set(COHORT_COUNTS)


def test_filters_that_are_refused_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.override = lambda asked, answer: (
            problem(400, "not-supported") if "_typeFilter" in dict(asked.parameters) else answer
        )
        manifest = export(server, tmp_path).manifest
    assert manifest.complete
    assert [w for w in manifest.warnings if w["code"] == "parameter-not-applied"] == [
        {"code": "parameter-not-applied", "type": "", "search": 0, "parameters": ["_typeFilter"]}
    ]


def test_filters_can_be_switched_off(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        BulkHospital(server)
        manifest = export(server, tmp_path, bulk={"type_filter": False}).manifest
        kicked = next(asked for asked in server.asked if asked.path.endswith("$export"))
    assert "_typeFilter" not in dict(kicked.parameters)
    assert (manifest.complete, manifest.warnings) == (True, ())


@pytest.mark.parametrize(("posts", "methods"), [(True, ["POST"]), (False, ["POST", "GET"])])
def test_a_long_kick_off_is_posted_and_where_that_is_refused_asked_for(
    posts: bool, methods: list[str], tmp_path: Path
) -> None:
    index = PLAN.searches[0]
    codes = ",".join([index.parameters[0][1], *(f"http://snomed.info/sct|{n}" for n in range(90))])
    plan = replace(PLAN, searches=(replace(index, parameters=(("code", codes),)), *PLAN.searches[1:]))
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        if not posts:
            hospital.override = lambda asked, answer: Answer(405) if asked.method == "POST" else answer
        manifest = export(server, tmp_path, plan).manifest
        kicked = [asked for asked in server.asked if asked.path.endswith("$export")]
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)
    assert [asked.method for asked in kicked] == methods
    said = json.loads(kicked[0].body)
    assert said["resourceType"] == "Parameters"
    assert [each["name"] for each in said["parameter"]] == ["_type", "_typeFilter"]
    assert kicked[0].headers["content-type"] == "application/fhir+json"
    # However it is sent, the server reads the search the plan has.
    sent = said["parameter"][1]["valueString"] if posts else dict(kicked[1].parameters)["_typeFilter"]
    assert parse_qs(sent.removeprefix("Procedure?")) == {"code": [codes]}


@pytest.mark.parametrize("answer", [Answer(202), Answer(200, b"{}"), Answer(409)], ids=["no address", "200", "409"])
def test_a_kick_off_that_names_no_job_is_exit_3(answer: Answer, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        at_kick_off(BulkHospital(server), *[answer] * 4)
        with pytest.raises(SourceError, match="refuses the bulk export"):
            export(server, tmp_path)
        # Another try might start a second job.
        assert sum(asked.path.endswith("$export") for asked in server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(503), "http-503"),
        (HTML, "html"),
        (Answer(200), "empty"),
        (problem(200, "transient"), "operation-outcome transient"),
        (Answer(200, b'{"transactionTime": "2024'), "not-json"),
    ],
    ids=["503", "html", "empty", "operation-outcome", "cut"],
)
def test_a_kick_off_that_only_fails_is_incomplete(answer: Answer, reason: str, tmp_path: Path) -> None:
    for times, missing in ((3, set()), (99, {("the export", reason)})):
        with ScriptedServer() as server:
            at_kick_off(BulkHospital(server), *[answer] * times)
            manifest = export(server, tmp_path / str(times)).manifest
        assert {(m.what, m.reason) for m in manifest.missing} == missing


# Status


def test_retry_after_in_both_forms_and_without(tmp_path: Path) -> None:
    clock = Clock()
    with ScriptedServer() as server:
        at_status(
            BulkHospital(server),
            Answer(202, headers={"Retry-After": "40"}),
            Answer(202, headers={"Retry-After": "Fri, 01 Mar 2024 12:01:40 GMT"}),
            Answer(202),
            Answer(202),
        )
        assert export(server, tmp_path, clock=clock).manifest.complete
    assert clock.waits[:2] == [40.0, 60.0]
    assert clock.waits[3] > clock.waits[2] > 0


def test_absurd_retry_after_is_capped_and_said(tmp_path: Path) -> None:
    clock = Clock()
    with ScriptedServer() as server:
        at_status(BulkHospital(server), *[Answer(202, headers={"Retry-After": "999999"})] * 3)
        assert export(server, tmp_path, clock=clock, limits={"retry_after_max_s": 7}).manifest.complete
    assert clock.waits[:3] == [7.0] * 3
    notes = [e["eventDetail"]["message"] for e in events(tmp_path) if e["eventId"] == "note"]
    assert notes == ["the server asked to wait 999999 s; waiting 7 s, as the settings allow"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(429, headers={"Retry-After": "5"}),
        problem(500, "transient"),
        problem(503, "throttled", Retry_After="5"),
        problem(400, "lock-error"),
        problem(503, "exception"),
        Answer(502, b"<html>"),
        Answer(504),
        HTML,
        Answer(200, b"{"),
        problem(200, "processing"),
        Answer(drop=True),
    ],
    ids=[
        "429",
        "transient",
        "throttled",
        "lock-error",
        "503 exception",
        "502 html",
        "504",
        "200 html",
        "not json",
        "outcome",
        "dropped",
    ],
)
def test_a_poll_that_fails_for_a_time_is_made_again(answer: Answer, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        at_status(hospital, *[answer] * (PATIENCE - 1))
        manifest = export(server, tmp_path).manifest
    assert (manifest.complete, counts(manifest), hospital.begun) == (True, COHORT_COUNTS, 1)


def test_polls_that_fail_for_ever_end_the_export(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        at_status(hospital, Answer(502), forever=True)
        manifest = export(server, tmp_path).manifest
        assert sum(a.path.startswith("/fhir/bulkstatus") and a.method == "GET" for a in server.asked) == PATIENCE
    assert {(m.what, m.reason) for m in manifest.missing} == {("the export", "http-502")}
    assert hospital.cancelled == ["j1"]


def test_an_export_that_fails_late_is_begun_again_without_filters(tmp_path: Path) -> None:
    """HAPI reads a filter only when the job runs."""
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        at_status(hospital, None, problem(500, "processing"))
        manifest = export(server, tmp_path).manifest
        kicked = [dict(asked.parameters) for asked in server.asked if asked.path.endswith("$export")]
    assert ["_typeFilter" in each for each in kicked] == [True, False]
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)
    assert [w["code"] for w in manifest.warnings] == ["parameter-not-applied", "begun-again"]
    assert hospital.cancelled == ["j1", "j2"]


def test_an_export_that_always_fails_names_the_code(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        at_status(hospital, problem(500, "exception", "J D", "too-costly"), forever=True)
        manifest = export(server, tmp_path).manifest
    assert (hospital.begun, hospital.jobs) == (3, {})
    reason = "export-failed http-500 exception unknown too-costly"
    assert {(m.what, m.reason) for m in manifest.missing} == {("the export", reason)}


@pytest.mark.parametrize("status", [404, 410])
def test_a_job_that_is_gone_is_begun_again(status: int, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        at_status(hospital, None, Answer(status))
        manifest = export(server, tmp_path).manifest
    assert (manifest.complete, counts(manifest), hospital.begun) == (True, COHORT_COUNTS, 2)
    assert [w for w in manifest.warnings if w["code"] == "begun-again"] == [
        {"code": "begun-again", "what": "the export", "times": 1}
    ]


def test_an_export_past_its_hours_is_given_up_and_ended(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        at_status(hospital, Answer(202, headers={"Retry-After": "600"}), forever=True)
        manifest = export(server, tmp_path, bulk={"hours": 2}).manifest
    assert {(m.what, m.reason) for m in manifest.missing} == {("the export", "export-too-long")}
    assert len([e for e in events(tmp_path) if e["eventId"] == "status_progress"]) == 12
    assert hospital.cancelled == ["j1"]


def test_a_status_address_on_another_origin_is_not_asked(tmp_path: Path) -> None:
    with ScriptedServer() as other, ScriptedServer() as server:
        hospital = BulkHospital(server)
        hospital.location = f"{other.base}/bulkstatus/{{job}}"
        manifest = export(server, tmp_path).manifest
        assert other.asked == []
        assert {m.reason for m in manifest.missing} == {f"origin-not-named {other.origin}"}


# Manifest


def pages(hospital: BulkHospital, links: dict[int, str]) -> None:
    """Two files a page, page n leading where ``links`` says."""

    def paged(asked: Asked, answer: Answer) -> Answer:
        if not asked.path.startswith("/fhir/bulkstatus") or asked.method != "GET" or answer.status != 200:
            return answer
        page = int(dict(asked.parameters).get("page", "1"))
        said: dict[str, Any] = json.loads(answer.body)
        said["output"] = said["output"][2 * (page - 1) : 2 * page]
        said["link"] = [{"relation": "next", "url": links[page]}] if page in links else []
        return Answer(body=json.dumps(said).encode())

    hospital.override = paged


def test_a_manifest_of_several_pages_is_read_to_its_end(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        pages(hospital, {1: f"{server.base}/bulkstatus/j1?page=2", 2: "/fhir/bulkstatus/j1?page=3"})
        manifest = export(server, tmp_path).manifest
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)
    (said,) = [e["eventDetail"] for e in events(tmp_path) if e["eventId"] == "manifest_complete"]
    assert said["totalOutputFileCount"] == 6


def test_a_manifest_whose_pages_go_round_is_a_loop(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)
        pages(hospital, {1: "/fhir/bulkstatus/j1?page=2", 2: "/fhir/bulkstatus/j1?page=2"})
        assert {m.reason for m in export(server, tmp_path).manifest.missing} == {"page-loop"}


def test_a_file_only_named_as_a_continuation_is_fetched(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        hospital = BulkHospital(server)

        def hide(asked: Asked, answer: Answer) -> Answer:
            if asked.path.startswith("/fhir/bulkstatus") and answer.status == 200:
                said = json.loads(answer.body)
                hidden = said["output"].pop(2)
                said["output"][1]["continuesInFile"] = hidden["url"]
                said["output"][3]["continuesInFile"] = said["output"][0]["url"]  # listed: no other file
                said["outputOrganizedBy"] = "Patient"
                return Answer(body=json.dumps(said).encode())
            return answer

        hospital.override = hide
        manifest = export(server, tmp_path).manifest
        assert len([a for a in server.asked if a.path.startswith("/fhir/files")]) == 6
    assert (manifest.complete, counts(manifest)) == (True, COHORT_COUNTS)


def test_the_token_stays_here_when_the_files_need_none(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(CANARY)
    auth = {"kind": "bearer", "token": f"file:{token}"}
    for needs, seen in ((True, {f"Bearer {CANARY}"}), (False, {None}), ("false", {None})):
        with ScriptedServer() as server:
            hospital = BulkHospital(server)
            hospital.manifest = {"requiresAccessToken": needs}
            assert export(server, tmp_path / str(seen)[2:5] / type(needs).__name__, auth=auth).manifest.complete
            asked = server.asked
            assert {a.authorization for a in asked if a.path.startswith("/fhir/files")} == seen
            assert {a.authorization for a in asked if a.path.startswith("/fhir/bulk")} == {f"Bearer {CANARY}"}
