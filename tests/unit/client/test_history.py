"""The history of a type. Oracle: R4, http.html#history: newest first, a deletion is an entry with request DELETE."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flows.client.capability import read_capability
from flows.client.faults import RequestFault
from flows.client.fhir import FhirClient
from flows.client.history import changed_since
from flows.client.retry import RetryRules
from flows.landing.connect import connect
from flows.sites import Site
from tests.unit.client.scripted_server import Answer, Asked, ScriptedServer, in_turn

SINCE = "2026-01-01T00:00:00Z"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as made:
        yield made


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[FhirClient]:
    rules = RetryRules()
    made = connect(Site(id="north", base=server.base, page_size=2), rules=rules, sleep=lambda _: None)
    yield made
    made.close()


def entry(method: str, id_: str) -> dict[str, Any]:
    if method == "DELETE":
        return {"request": {"method": method, "url": f"Patient/{id_}"}}
    return {"request": {"method": method, "url": "Patient"}, "resource": {"resourceType": "Patient", "id": id_}}


def page(*entries: dict[str, Any], following: str | None = None) -> Answer:
    links = [{"relation": "next", "url": following}] if following else []
    said = {"resourceType": "Bundle", "type": "history", "link": links, "entry": list(entries)}
    return Answer(body=json.dumps(said).encode())


def test_the_newest_version_of_an_id_decides(server: ScriptedServer, client: FhirClient) -> None:
    """Pages may hold the same ids: one resource has several versions."""
    server.answer = in_turn(
        page(entry("DELETE", "gone"), entry("PUT", "back"), following=f"{server.base}?page=2"),
        page(entry("DELETE", "back"), entry("PUT", "gone"), following="?page=3"),
        page(entry("PUT", "back"), entry("POST", "gone")),
    )
    changed = changed_since(client, "Patient", SINCE)
    assert (changed.written, changed.deleted) == ({"back"}, {"gone"})
    asked = dict(server.asked[0].parameters)
    assert (server.asked[0].path, asked["_since"], asked["_count"]) == ("/fhir/Patient/_history", SINCE, "2")


@pytest.mark.parametrize("url", ["Patient/x", "Patient/x/_history/3", "https://fhir.example/Patient/x"])
def test_a_deletion_names_its_resource_in_the_request(server: ScriptedServer, client: FhirClient, url: str) -> None:
    server.answer = lambda _: page({"request": {"method": "DELETE", "url": url}})
    assert changed_since(client, "Patient", SINCE).deleted == {"x"}


def test_a_deletion_without_a_url_is_named_by_the_entry(server: ScriptedServer, client: FhirClient) -> None:
    server.answer = lambda _: page({"fullUrl": f"{server.base}/Patient/x", "request": {"method": "DELETE"}})
    assert changed_since(client, "Patient", SINCE).deleted == {"x"}


def test_pages_that_lead_back_are_a_loop(server: ScriptedServer, client: FhirClient) -> None:
    server.answer = lambda _: page(entry("PUT", "a"), following=f"{server.base}?page=2")
    with pytest.raises(RequestFault, match="page-loop"):
        changed_since(client, "Patient", SINCE)


def test_a_history_that_expired_is_begun_again(server: ScriptedServer, client: FhirClient) -> None:
    following = f"{server.base}?page=2"
    server.answer = in_turn(page(entry("PUT", "old"), following=following), Answer(410), page(entry("PUT", "new")))
    assert changed_since(client, "Patient", SINCE).written == {"new"}


def test_a_history_that_always_expires_is_missing(server: ScriptedServer, client: FhirClient) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(410) if asked.path == "/fhir" else page(entry("PUT", "a"), following=f"{server.base}?page=2")

    server.answer = answer
    with pytest.raises(RequestFault, match="expired"):
        changed_since(client, "Patient", SINCE)


def test_a_server_without_history_is_a_fault(server: ScriptedServer, client: FhirClient) -> None:
    server.answer = lambda _: Answer(404)
    with pytest.raises(RequestFault, match="http-404"):
        changed_since(client, "Patient", SINCE)


def test_what_a_server_offers_is_read_from_its_statement() -> None:
    statement = {
        "fhirVersion": "4.0.1",
        "rest": [
            {"mode": "client", "searchParam": [{"name": "_lastUpdated"}]},
            {
                "mode": "server",
                "resource": [
                    {"type": "Patient", "searchParam": [{"name": "_lastUpdated"}], "interaction": []},
                    {"type": "Device", "interaction": [{"code": "history-type"}, "odd"]},
                    "odd",
                ],
            },
        ],
    }
    made = read_capability(statement, {"Date": "Sun, 06 Nov 1994 08:49:37 GMT"})
    assert [made.searches_last_updated(t) for t in ("Patient", "Device")] == [True, False]
    assert [made.keeps_history(t) for t in ("Patient", "Device")] == [False, True]
    assert made.date == "Sun, 06 Nov 1994 08:49:37 GMT"


def test_a_parameter_of_every_type_may_be_said_once() -> None:
    statement = {"rest": [{"mode": "server", "searchParam": [{"name": "_lastUpdated"}]}]}
    assert read_capability(statement, {}).searches_last_updated("Observation")
