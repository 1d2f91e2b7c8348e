"""Extraction from servers that answer badly or not at all.

Oracle: issue 3, "What bad input gets", and fhir.md section 3; the hospital's own list of resources says what
should have come.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from flows.landing.manifest import read_manifest
from mappings.errors import SourceError
from tests.fixtures.hospital_faults import counts, page_of, with_fault
from tests.unit.client.hospital import COHORT_COUNTS, Hospital, assert_balanced, extract, landed
from tests.unit.client.scripted_server import CAPABILITY, HTML, OUTCOME, Answer, Asked, ScriptedServer


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
    ("answer", "reason"), [(HTML, "html"), (OUTCOME, "operation-outcome"), (Answer(503), "http-503")]
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


def test_permanent_500_for_one_record_is_found_by_halving(server: ScriptedServer, folder: Path) -> None:
    """Cerner: one bad record, and every answer it belongs to is 500. All others come; what is missing is named."""
    bad = "p2"

    def fault(asked: Asked, ok: Answer, _: Hospital) -> Answer:
        of = (dict(asked.parameters) | dict(asked.form)).get("patient", "").split(",")
        return Answer(500) if asked.path == "/fhir/Observation" and bad in of else ok

    with_fault(server, fault)
    manifest = extract(server, folder)
    assert [(m.type, m.what, m.reason) for m in manifest.missing] == [
        ("Observation", "page 1 of search 3.2", "http-500")
    ]
    assert {o["id"] for o in landed(folder)["Observation"]} == {"o0", "o1", "o2"}
    assert counts(folder) == {**COHORT_COUNTS, "Observation": 3}
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


def test_type_the_server_refuses_is_incomplete_and_the_rest_comes(server: ScriptedServer, folder: Path) -> None:
    with_fault(server, lambda asked, ok, _: Answer(400) if asked.path == "/fhir/Observation" else ok)
    manifest = extract(server, folder)
    assert [(m.type, m.reason) for m in manifest.missing] == [("Observation", "http-400")]
    assert counts(folder) == {type_: n for type_, n in COHORT_COUNTS.items() if type_ != "Observation"}
