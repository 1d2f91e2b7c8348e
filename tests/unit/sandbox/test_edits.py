"""Edits, deletions, merges and ``_history`` while the sandbox serves. Oracle: R4's RESTful API (read, vread, history,
delete: http.html) and Patient.link (replaced-by, replaces)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from flows.sandbox.clock import Clock
from flows.sandbox.server import Limits, Sandbox, sandbox
from tests.unit.sandbox.served_folder import get, ids, links, observations, resource, write

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Sandbox]:
    served = [
        resource("Patient", "p1", meta={"versionId": "7", "lastUpdated": "2020-01-01T00:00:00Z"}, active=True),
        resource("Patient", "p2"),
        *observations(5, "p1"),
        resource("Observation", "x1", "p2", status="final"),
    ]
    with sandbox(write(tmp_path, served), clock=Clock(START), limits=Limits(page_size=3)) as made:
        yield made


def _history(address: str) -> list[tuple[str, str, str]]:
    """(method, version, status) of every entry over all pages, newest first."""
    found: list[tuple[str, str, str]] = []
    while address:
        answer = get(address)
        assert answer.status_code == 200, answer.text
        bundle = Bundle.model_validate_json(answer.content)
        assert bundle.type == "history"
        for entry in bundle.entry or ():
            assert (entry.resource is None) == (entry.request.method == "DELETE")
            found.append((entry.request.method, entry.response.etag, entry.response.status.split()[0]))
        address = links(answer.json()).get("next", "")
    return found


def test_a_change_is_read_found_and_dated_by_the_clock(running: Sandbox) -> None:
    running.clock.advance(90)
    assert running.put({"resourceType": "Observation", "id": "o01", "status": "amended"}) == "2"
    read = get(f"{running.base}/Observation/o01")
    assert read.headers["etag"] == 'W/"2"'
    assert read.json()["meta"] == {"versionId": "2", "lastUpdated": "2026-03-01T12:01:30.000Z"}
    assert ids(get(f"{running.base}/Observation?status=amended").json()) == ["o01"]
    assert ids(get(f"{running.base}/Observation?status=final&_id=o01,o02").json()) == ["o02"]
    assert ids(get(f"{running.base}/Observation?_lastUpdated=ge2026-03-01").json()) == ["o01"]
    assert get(f"{running.base}/Observation?_summary=count").json()["total"] == 6


def test_a_new_resource_also_of_a_new_type(running: Sandbox) -> None:
    assert running.put(resource("Condition", "c1", "p2")) == "1"
    assert ids(get(f"{running.base}/Condition?patient=p2").json()) == ["c1"]
    assert _history(f"{running.base}/Condition/c1/_history") == [("POST", 'W/"1"', "201")]


def test_versions_go_on_from_the_folders(running: Sandbox) -> None:
    assert running.put(resource("Patient", "p1", active=False)) == "8"
    assert get(f"{running.base}/Patient/p1/_history/7").json()["active"] is True
    assert get(f"{running.base}/Patient/p1/_history/8").json()["active"] is False
    assert get(f"{running.base}/Patient/p1/_history/9").status_code == 404


def test_a_decimal_keeps_its_digits(running: Sandbox) -> None:
    running.put(resource("Observation", "d1", "p1", valueQuantity={"value": Decimal("1.10")}))
    assert b'"value":1.10' in get(f"{running.base}/Observation/d1").content


def test_a_deleted_resource_is_410_found_no_more_and_in_the_history(running: Sandbox) -> None:
    running.delete("Observation", "o01")
    gone = get(f"{running.base}/Observation/o01")
    assert gone.status_code == 410
    assert OperationOutcome.model_validate_json(gone.content).issue[0].code == "deleted"
    assert "o01" not in ids(get(f"{running.base}/Observation?_count=100").json())
    assert _history(f"{running.base}/Observation/o01/_history") == [
        ("DELETE", 'W/"2"', "204"),
        ("POST", 'W/"1"', "201"),
    ]
    assert get(f"{running.base}/Observation/o01/_history/2").status_code == 410
    assert get(f"{running.base}/Observation/o01/_history/1").json()["status"] == "final"
    with pytest.raises(KeyError):
        running.delete("Observation", "o01")
    assert running.put(resource("Observation", "o01", "p1", status="final")) == "3"
    assert get(f"{running.base}/Observation/o01").status_code == 200
    assert _history(f"{running.base}/Observation/o01/_history")[0] == ("POST", 'W/"3"', "201")


def test_history_of_a_type_since_a_moment_in_pages(running: Sandbox) -> None:
    assert len(_history(f"{running.base}/Observation/_history")) == 6
    running.clock.advance(3_600)
    running.put(resource("Observation", "o02", "p1", status="amended"))
    running.delete("Observation", "o03")
    running.clock.advance(60)
    running.put(resource("Observation", "o02", "p1", status="final"))
    since = "2026-03-01T13:00:00.000Z"
    changes = _history(f"{running.base}/Observation/_history?_since={since}&_count=2")
    assert changes == [("PUT", 'W/"3"', "200"), ("DELETE", 'W/"2"', "204"), ("PUT", 'W/"2"', "200")]
    assert len(_history(f"{running.base}/Observation/_history")) == 9
    assert _history(f"{running.base}/Patient/_history?_since={since}") == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Observation/nobody/_history", 404),
        ("Observation/nobody/_history/1", 404),
        ("Invented/_history", 404),
        ("Observation/_history?_since=yesterday", 400),
        ("Observation/_history?_count=many", 400),
        ("Observation/_history?_count=0", 400),
    ],
)
def test_a_history_that_cannot_be_given_is_refused(running: Sandbox, path: str, status: int) -> None:
    answer = get(f"{running.base}/{path}")
    assert answer.status_code == status
    assert not any(value in answer.text for value in ("nobody", "yesterday", "many"))


def test_a_search_under_way_keeps_what_it_found(running: Sandbox) -> None:
    first = get(f"{running.base}/Observation?_count=4").json()
    running.delete("Observation", "o05")
    running.put(resource("Observation", "o06", "p1"))
    assert ids(get(links(first)["next"]).json()) == ["o05", "x1"]
    assert ids(get(f"{running.base}/Observation?_count=100").json()) == ["o01", "o02", "o03", "o04", "x1", "o06"]


def test_a_merge_links_both_patients_and_moves_the_records(running: Sandbox) -> None:
    running.merge("p2", "p1")
    old, new = (get(f"{running.base}/Patient/{one}").json() for one in ("p2", "p1"))
    assert old["active"] is False
    assert old["link"] == [{"other": {"reference": "Patient/p1"}, "type": "replaced-by"}]
    assert new["active"] is True
    assert new["link"] == [{"other": {"reference": "Patient/p2"}, "type": "replaces"}]
    moved = get(f"{running.base}/Observation/x1").json()
    assert (moved["subject"]["reference"], moved["meta"]["versionId"]) == ("Patient/p1", "2")
    assert ids(get(f"{running.base}/Observation?patient=p2").json()) == []


def test_a_merge_may_leave_the_records_where_they_are(running: Sandbox) -> None:
    running.merge("p2", "p1", move=False)
    assert ids(get(f"{running.base}/Observation?patient=p2").json()) == ["x1"]


def test_pages_age_by_the_clock(running: Sandbox) -> None:
    following = links(get(f"{running.base}/Observation?_count=2").json())["next"]
    assert get(following).status_code == 200
    running.clock.advance(3_600)
    assert get(following).status_code == 410


def test_a_restart_forgets_pages_and_keeps_resources(running: Sandbox) -> None:
    following = links(get(f"{running.base}/Observation?_count=2").json())["next"]
    running.restart()
    assert get(following).status_code == 410
    assert get(f"{running.base}/Observation/o01").status_code == 200


@pytest.mark.parametrize("wrong", [{}, {"resourceType": "Patient"}, {"id": "a"}, {"resourceType": 1, "id": "a"}])
def test_what_is_no_resource_is_not_written(running: Sandbox, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="resourceType and an id"):
        running.put(wrong)
