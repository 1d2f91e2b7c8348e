"""Faults on searches, as any client sees them. Oracle: the table of faults in docs/sandbox.md, against the answers of
the same sandbox without faults."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.sandbox.clock import Clock
from flows.sandbox.faults import Fault, Script
from flows.sandbox.server import Limits, Sandbox, sandbox
from tests.unit.sandbox.served_folder import get, ids, links, observations, resource, write

ALL = [f"o{n:02}" for n in range(1, 11)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    served = [*observations(10), resource("Patient", "p1")]
    return write(tmp_path_factory.mktemp("faulty"), served)


@contextmanager
def faulty(folder: Path, *faults: dict[str, Any], seed: int = 0) -> Iterator[Sandbox]:
    """A sandbox with pages of four and these faults."""
    script = Script(faults=tuple(Fault(**fault) for fault in faults), seed=seed)
    clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
    with sandbox(folder, limits=Limits(page_size=4), clock=clock, faults=script) as running:
        yield running


def _pages(address: str, most: int = 8) -> list[dict[str, Any]]:
    pages = []
    while address and len(pages) < most:
        answer = get(address)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        address = links(pages[-1]).get("next", "")
    return pages


def _found(running: Sandbox) -> list[str]:
    return [one for page in _pages(f"{running.base}/Observation") for one in ids(page)]


def test_without_faults_nothing_is_changed(folder: Path) -> None:
    with faulty(folder) as running:
        assert _found(running) == ALL
        assert running.faults is not None
        assert running.faults.happened == []


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        ({"what": "status"}, 503, {}),
        ({"what": "status", "status": 429, "retry_after": "7"}, 429, {"retry-after": "7"}),
        ({"what": "status", "retry_after_date": 60}, 503, {"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}),
        ({"what": "status", "status": 429, "retry_after_ms": 20}, 429, {"x-ms-retry-after-ms": "20"}),
        ({"what": "unauthorized"}, 401, {"www-authenticate": 'Bearer realm="sandbox", error="invalid_token"'}),
        ({"what": "html"}, 200, {"content-type": "text/html; charset=utf-8"}),
        ({"what": "empty"}, 200, {"content-length": "0"}),
        ({"what": "outcome"}, 200, {"content-type": "application/fhir+json; charset=utf-8"}),
    ],
)
def test_an_answer_of_its_own_once_and_then_the_true_one(
    folder: Path, fault: dict[str, Any], status: int, headers: dict[str, str]
) -> None:
    with faulty(folder, {"on": "first-page", **fault}) as running:
        answer = get(f"{running.base}/Observation")
        assert answer.status_code == status
        assert {name: answer.headers.get(name) for name in headers} == headers
        if fault["what"] in ("status", "outcome", "unauthorized"):
            assert answer.json()["resourceType"] == "OperationOutcome"
        assert _found(running) == ALL


@pytest.mark.parametrize("fault", [{"what": "reset", "keep": 0.0}, {"what": "reset"}, {"what": "body-cut"}])
def test_a_connection_that_breaks_is_an_error_of_the_client(folder: Path, fault: dict[str, Any]) -> None:
    with faulty(folder, {"on": "first-page", **fault}) as running:
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            get(f"{running.base}/Observation")
        assert _found(running) == ALL


def test_a_body_that_is_short_without_a_word(folder: Path) -> None:
    whole = {"on": "first-page", "what": "body-cut", "announced": False, "times": 0}
    with faulty(folder, {**whole, "at": 20}) as running:
        answer = get(f"{running.base}/Observation")
        assert (answer.status_code, len(answer.content)) == (200, 20)


def test_a_truncated_gzip(folder: Path) -> None:
    with faulty(folder, {"on": "first-page", "what": "gzip-cut", "keep": 0.5}) as running:
        answer = requests.get(f"{running.base}/Observation", stream=True, timeout=10)
        raw = answer.raw.read(decode_content=False)
        assert answer.headers["content-encoding"] == "gzip"
        assert raw[:2] == b"\x1f\x8b"
        assert len(raw) == int(answer.headers["content-length"])
        with pytest.raises(EOFError):
            gzip.decompress(raw)


def test_a_trickle_is_the_whole_in_the_end(folder: Path) -> None:
    with faulty(folder, {"on": "page", "what": "trickle", "piece": 7, "times": 0}) as running:
        assert _found(running) == ALL


def test_a_restart_resets_and_forgets(folder: Path) -> None:
    with faulty(folder, {"on": "later-page", "what": "restart", "number": 3}) as running:
        second = links(get(f"{running.base}/Observation").json())["next"]
        third = links(get(second).json())["next"]
        with pytest.raises(requests.ConnectionError):
            get(third)
        assert get(third).status_code == get(second).status_code == 410
        assert _found(running) == ALL


@pytest.mark.parametrize(("said", "status"), [({}, 410), ({"status": 404}, 404)])
def test_an_expired_page(folder: Path, said: dict[str, Any], status: int) -> None:
    with faulty(folder, {"on": "later-page", "what": "page-expired", "number": 2, **said}) as running:
        following = links(get(f"{running.base}/Observation").json())["next"]
        assert [get(following).status_code, get(following).status_code] == [status, 200]


@pytest.mark.parametrize(
    ("fault", "found", "totals"),
    [
        ({"what": "duplicates", "entries": 2}, [*ALL[:4], *ALL[2:4], *ALL[4:]], [10, 10, 10]),
        ({"what": "withheld", "number": 2}, [*ALL[:7], *ALL[8:]], [10, 10, 10]),
        ({"what": "total-wrong", "by": -3, "number": 3}, ALL, [10, 10, 7]),
        ({"what": "total-changes", "times": 0}, ALL, [10, 12, 13]),
    ],
)
def test_pages_that_are_not_true(folder: Path, fault: dict[str, Any], found: list[str], totals: list[int]) -> None:
    with faulty(folder, {"on": "later-page", **fault}) as running:
        pages = _pages(f"{running.base}/Observation")
        assert [one for page in pages for one in ids(page)] == found
        assert [page["total"] for page in pages] == totals


@pytest.mark.parametrize(
    ("to", "starts"), [("query", "?_page="), ("path", "/fhir?_page="), ("no-scheme", "127.0.0.1:")]
)
def test_next_links_that_have_to_be_resolved(folder: Path, to: str, starts: str) -> None:
    with faulty(folder, {"on": "first-page", "what": "next-relative", "to": to}) as running:
        address = f"{running.base}/Observation"
        following = links(get(address).json())["next"]
        assert following.startswith(starts)
        meant = {
            "query": [running.base + following, address + following],
            "path": [running.base.removesuffix("/fhir") + following],
            "no-scheme": [f"http://{following}"],
        }[to]
        assert [ids(get(one).json()) for one in meant] == [ALL[4:8]] * len(meant)


def test_next_on_another_origin(folder: Path) -> None:
    with faulty(folder, {"on": "first-page", "what": "next-origin", "origin": "https://other.example"}) as running:
        assert links(get(f"{running.base}/Observation").json())["next"].startswith("https://other.example/fhir?_page=")


@pytest.mark.parametrize(("to", "repeated"), [("self", ALL[4:8]), ("first", ALL[:4])])
def test_a_page_loop(folder: Path, to: str, repeated: list[str]) -> None:
    with faulty(folder, {"on": "later-page", "number": 2, "what": "page-loop", "to": to, "times": 0}) as running:
        pages = _pages(f"{running.base}/Observation", most=7)
        assert len(pages) == 7
        assert ids(pages[2]) == repeated
        assert {one for page in pages for one in ids(page)} == set(ALL[:8])


def test_an_empty_page_leads_to_its_entries(folder: Path) -> None:
    with faulty(folder, {"on": "page", "what": "empty-page", "times": 0}) as running:
        pages = _pages(f"{running.base}/Observation")
        assert [len(ids(page)) for page in pages] == [0, 4, 0, 4, 0, 2]
        assert [one for page in pages for one in ids(page)] == ALL


def test_a_resource_of_another_type(folder: Path) -> None:
    with faulty(folder, {"on": "first-page", "what": "wrong-type", "entry": 2}) as running:
        page = get(f"{running.base}/Observation").json()
        assert [entry["resource"]["resourceType"] for entry in page["entry"]].index("Basic") == 1
        assert ids(page) == ALL[:4]
        assert running.faults is not None
        assert running.faults.happened[0].lost == ("Observation/o02",)


def test_a_bad_record_is_found_by_halving_and_only_by_it(folder: Path) -> None:
    fault = {"what": "bad-record", "type": "Observation", "row": 7, "times": 0}
    with faulty(folder, {"on": "page", **fault}, {"on": "read", **fault}) as running:
        first = get(f"{running.base}/Observation").json()
        assert get(links(first)["next"]).status_code == 500
        single = {one: get(f"{running.base}/Observation?_id={one}").status_code for one in ALL}
        assert {one for one, status in single.items() if status == 500} == {"o07"}
        reads = {one: get(f"{running.base}/Observation/{one}").status_code for one in ALL}
        assert {one for one, status in reads.items() if status == 500} == {"o07"}
        assert get(f"{running.base}/Patient").status_code == 200


def test_a_bad_record_does_not_keep_other_faults_from_happening(folder: Path) -> None:
    bad = {"on": "page", "what": "bad-record", "type": "Observation", "row": 10, "times": 0}
    with faulty(folder, bad, {"on": "page", "what": "html"}, {"on": "page", "what": "withheld"}) as running:
        assert get(f"{running.base}/Observation").headers["content-type"].startswith("text/html")
        assert ids(get(f"{running.base}/Observation").json()) == ALL[:3]
        assert get(f"{running.base}/Observation?_id=o10").status_code == 500
        assert running.faults is not None
        assert [one.fault for one in running.faults.happened] == [1, 2, 0]


def test_a_fault_waits_for_its_type_its_page_and_its_turn(folder: Path) -> None:
    with faulty(
        folder,
        {"on": "first-page", "what": "html", "type": "Patient", "nth": 2, "times": 2},
        {"on": "later-page", "what": "status", "number": 3, "times": 0},
    ) as running:
        said = [get(f"{running.base}/Patient").headers["content-type"].partition(";")[0] for _ in range(4)]
        assert said == ["application/fhir+json", "text/html", "text/html", "application/fhir+json"]
        first = get(f"{running.base}/Observation").json()
        second = get(links(first)["next"]).json()
        assert [get(links(second)["next"]).status_code for _ in range(3)] == [503, 503, 503]
        assert get(f"{running.base}/metadata").status_code == 200
        assert running.faults is not None
        happened = [(one.fault, one.asked.kind, one.asked.type, one.asked.number) for one in running.faults.happened]
        assert happened == [(0, "first-page", "Patient", 1)] * 2 + [(1, "later-page", "Observation", 3)] * 3


def test_a_fault_that_does_not_apply_is_kept_for_later(folder: Path) -> None:
    with faulty(folder, {"on": "page", "what": "next-origin"}) as running:
        assert "next" not in links(get(f"{running.base}/Patient").json())
        assert "elsewhere" in links(get(f"{running.base}/Observation").json())["next"]


def test_probability_is_decided_by_the_seed(folder: Path) -> None:
    def statuses(seed: int) -> list[int]:
        with faulty(
            folder, {"on": "first-page", "what": "status", "times": 0, "probability": 0.5}, seed=seed
        ) as running:
            return [get(f"{running.base}/Patient").status_code for _ in range(12)]

    assert statuses(1) == statuses(1)
    assert set(statuses(1)) == {200, 503}
    assert statuses(1) != statuses(2)


def test_requests_of_other_kinds_can_fail_too(folder: Path) -> None:
    kinds = {
        "metadata": "/metadata",
        "count": "/Observation?_summary=count",
        "read": "/Observation/o01",
        "history": "/Observation/_history",
        "discovery": "/.well-known/smart-configuration",
        "token": "/auth/token",
    }
    with faulty(folder, *({"on": on, "what": "status", "status": 418} for on in kinds)) as running:
        for on, path in kinds.items():
            before = 404 if on in ("discovery", "token") else 200
            assert [get(running.base + path).status_code for _ in range(2)] == [418, before], on
