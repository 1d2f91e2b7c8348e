"""Faults on exports, as any client sees them. Oracle: the table of faults in docs/sandbox.md, against the folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.sandbox.bulk.settings import BulkSettings
from flows.sandbox.faults import Fault, Script
from flows.sandbox.server import Sandbox, sandbox
from tests.unit.sandbox.served_folder import ASYNC, finished, get, kick_off, lines, observations, resource, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("faulty"), [*observations(9), resource("Patient", "p1")])


@contextmanager
def faulty(folder: Path, *faults: dict[str, Any], polls: int = 1) -> Iterator[Sandbox]:
    """A sandbox with four lines a file and these faults."""
    script = Script(faults=tuple(Fault(**fault) for fault in faults))
    with sandbox(folder, bulk=BulkSettings(lines_per_file=4, polls=polls), faults=script) as running:
        yield running


def _files(running: Sandbox) -> list[str]:
    return [file["url"] for file in finished(kick_off(f"{running.base}/$export"))["output"]]


def _happened(running: Sandbox) -> list[tuple[str, str, int, tuple[str, ...]]]:
    assert running.faults is not None
    return [(one.asked.kind, one.asked.type, one.asked.number, one.lost) for one in running.faults.happened]


def test_each_step_of_an_export_can_fail_and_then_work(folder: Path) -> None:
    kinds = ("kick-off", "status", "manifest", "file", "cancel")
    with faulty(folder, *({"on": on, "what": "status", "status": 429, "retry_after": "0"} for on in kinds)) as running:
        start = f"{running.base}/$export"
        assert get(start, **ASYNC).status_code == 429
        status = kick_off(start)
        assert [get(status).status_code for _ in range(4)] == [429, 202, 429, 200]
        file = finished(status)["output"][0]["url"]
        assert [get(file).status_code for _ in range(2)] == [429, 200]
        assert [requests.delete(status, timeout=10).status_code for _ in range(2)] == [429, 202]
        assert [one[0] for one in _happened(running)] == list(kinds)


def test_an_export_that_fails_late_stays_failed_and_a_new_one_works(folder: Path) -> None:
    with faulty(folder, {"on": "manifest", "what": "export-fails"}) as running:
        status = kick_off(f"{running.base}/$export")
        answers = [get(status) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202, 500, 500]
        assert answers[1].json()["issue"][0]["severity"] == "fatal"
        assert len(_files(running)) == 4


def test_a_partial_export_names_what_is_missing_in_an_error_file(folder: Path) -> None:
    fault = {"on": "manifest", "what": "export-partial", "type": "Observation", "number": 2}
    with faulty(folder, fault) as running:
        manifest = finished(kick_off(f"{running.base}/$export"))
        found = [one["id"] for one in lines(manifest) if one["resourceType"] == "Observation"]
        assert found == ["o01", "o02", "o03", "o04", "o09"]
        (said,) = lines(manifest, "error")
        assert said["issue"][0]["diagnostics"] == "A file of Observation failed."
        assert _happened(running) == [("manifest", "", 0, ("Observation file 2",))]


def test_an_export_that_is_forgotten(folder: Path) -> None:
    with faulty(folder, {"on": "file", "what": "export-expired"}) as running:
        status = kick_off(f"{running.base}/$export")
        file = finished(status)["output"][0]["url"]
        assert [get(file).status_code, get(status).status_code] == [404, 404]


def test_what_is_no_longer_known_cannot_expire_again(folder: Path) -> None:
    with faulty(folder, {"on": "file", "what": "export-expired", "times": 0}) as running:
        file = _files(running)[0]
        assert [get(file).status_code for _ in range(2)] == [404, 404]
        assert len(_happened(running)) == 1


def test_file_addresses_that_work_no_longer_and_fresh_ones(folder: Path) -> None:
    with faulty(folder, {"on": "file", "what": "files-expired", "nth": 2}) as running:
        status = kick_off(f"{running.base}/$export")
        first, second, *_ = (file["url"] for file in finished(status)["output"])
        assert [get(first).status_code, get(second).status_code, get(first).status_code] == [200, 404, 404]
        assert get(finished(status)["output"][1]["url"]).status_code == 200


def test_a_restart_forgets_the_export(folder: Path) -> None:
    with faulty(folder, {"on": "status", "what": "restart"}) as running:
        status = kick_off(f"{running.base}/$export")
        with pytest.raises(requests.ConnectionError):
            get(status)
        assert get(status).status_code == 404


def test_a_line_that_is_no_json_leaves_all_others_as_they_are(folder: Path) -> None:
    fault = {"on": "file", "what": "invalid-line", "type": "Observation", "number": 2, "entry": 2, "times": 0}
    served = (folder / "Observation.ndjson").read_bytes().splitlines()[4:8]
    with faulty(folder, fault) as running:
        file = _files(running)[1]
        for headers in ({}, {"Range": "bytes=10-", "Accept-Encoding": "identity"}):
            got = get(file, **headers).content.splitlines()
            assert [got[0], *got[2:]] == [served[0], *served[2:]]
            assert served[1].startswith(got[1])
            with pytest.raises(json.JSONDecodeError):
                json.loads(got[1])
        assert _happened(running) == [("file", "Observation", 2, ("Observation/o06",))] * 2


def test_a_line_of_another_type(folder: Path) -> None:
    with faulty(folder, {"on": "file", "what": "wrong-type", "type": "Patient", "becomes": "Person"}) as running:
        assert json.loads(get(_files(running)[-1]).content) == {"resourceType": "Person", "id": "p1"}


def test_a_file_cut_at_a_byte_and_gone_on_with(folder: Path) -> None:
    whole = b"".join((folder / "Observation.ndjson").read_bytes().splitlines(keepends=True)[:4])
    with faulty(folder, {"on": "file", "what": "body-cut", "at": 100}) as running:
        file = _files(running)[0]
        answer = requests.get(file, headers={"Accept-Encoding": "identity"}, stream=True, timeout=10)
        assert answer.headers["content-length"] == str(len(whole))
        got = answer.raw.read(100)
        with pytest.raises(Exception, match="IncompleteRead"):
            answer.raw.read()
        rest = get(file, Range="bytes=100-", **{"If-Range": answer.headers["etag"], "Accept-Encoding": "identity"})
        assert got + rest.content == whole


def test_a_manifest_can_be_a_page_of_html(folder: Path) -> None:
    with faulty(folder, {"on": "manifest", "what": "html"}, polls=0) as running:
        status = kick_off(f"{running.base}/$export")
        assert get(status).headers["content-type"].startswith("text/html")
        assert get(status).headers["content-type"] == "application/json"
