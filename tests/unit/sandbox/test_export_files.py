"""Files of an export over HTTP. Oracle: RFC 9110 (ranges, validators, content coding); the Bulk Data Access guide."""

from __future__ import annotations

import asyncio
import gzip
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.sandbox.bulk.file_answer import file_answer
from flows.sandbox.bulk.settings import BulkSettings
from flows.sandbox.clock import Clock
from flows.sandbox.server import Sandbox, sandbox
from tests.unit.sandbox.served_folder import finished, get, kick_off, observations, write

PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("files"), observations(20))


@pytest.fixture(scope="module")
def whole(folder: Path) -> bytes:
    return (folder / "Observation.ndjson").read_bytes()


@contextmanager
def one_file(folder: Path, **settings: object) -> Iterator[tuple[Sandbox, str, str]]:
    """A running sandbox with a finished export: (sandbox, status address, address of its one file)."""
    with sandbox(folder, bulk=BulkSettings(polls=0, **settings)) as running:  # type: ignore[arg-type]
        status = kick_off(f"{running.base}/$export")
        yield running, status, finished(status)["output"][0]["url"]


def test_a_part_of_a_file_is_206_and_the_parts_make_the_whole(folder: Path, whole: bytes) -> None:
    with one_file(folder) as (_, _, file):
        first = get(file, Range="bytes=0-99", **PLAIN)
        rest = get(file, Range="bytes=100-", **{"If-Range": first.headers["etag"], **PLAIN})
        assert (first.status_code, rest.status_code) == (206, 206)
        assert first.headers["content-range"] == f"bytes 0-99/{len(whole)}"
        assert rest.headers["content-range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
        assert first.content + rest.content == whole
        beyond = get(file, Range=f"bytes={len(whole)}-", **PLAIN)
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")


def test_if_range_with_another_validator_gives_the_whole(folder: Path, whole: bytes) -> None:
    with one_file(folder) as (_, _, file):
        date = get(file, **PLAIN).headers["last-modified"]
        assert get(file, Range="bytes=5-", **{"If-Range": date}, **PLAIN).status_code == 206
        for other in ('"other"', "Wed, 01 Jan 2020 00:00:00 GMT"):
            answer = get(file, Range="bytes=5-", **{"If-Range": other}, **PLAIN)
            assert (answer.status_code, answer.content) == (200, whole)


def test_gzip_is_sent_where_it_is_accepted_with_a_weak_tag(folder: Path, whole: bytes) -> None:
    with one_file(folder) as (_, _, file):
        packed = requests.get(file, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=10)
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["etag"].startswith('W/"')
        assert gzip.decompress(packed.raw.read()) == whole
        # A weak tag is no reason for a part: the bytes it would be of are other ones.
        assert get(file, Range="bytes=5-", **{"If-Range": packed.headers["etag"]}).status_code == 200
    with one_file(folder, compress=False) as (_, _, file):
        assert "content-encoding" not in get(file, **{"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize(
    ("validators", "there"),
    [("both", {"etag", "last-modified"}), ("etag", {"etag"}), ("last-modified", {"last-modified"}), ("none", set())],
)
def test_validators_may_be_missing(folder: Path, validators: str, there: set[str]) -> None:
    with one_file(folder, validators=validators) as (_, _, file):
        headers = {name.lower() for name in get(file, **PLAIN).headers}
        assert headers & {"etag", "last-modified"} == there
        assert get(file, Range="bytes=5-", **{"If-Range": '"x"'}, **PLAIN).status_code == 200


def test_ranges_may_be_unknown(folder: Path, whole: bytes) -> None:
    with one_file(folder, ranges=False) as (_, _, file):
        answer = get(file, Range="bytes=5-", **PLAIN)
        assert (answer.status_code, answer.content) == (200, whole)
        assert "accept-ranges" not in answer.headers


@pytest.mark.parametrize("expired", [404, 410])
def test_an_address_expires_and_the_manifest_has_fresh_ones(folder: Path, whole: bytes, expired: int) -> None:
    with one_file(folder, file_lifetime=60, expired_status=expired) as (running, status, file):
        running.clock.advance(61)
        assert get(file).status_code == expired
        fresh = finished(status)["output"][0]["url"]
        assert fresh != file
        assert get(fresh).content == whole
        assert get(fresh, **PLAIN).headers["etag"] == get(finished(status)["output"][0]["url"], **PLAIN).headers["etag"]


def test_expires_says_until_when_and_a_job_is_forgotten_after_its_lifetime(folder: Path) -> None:
    clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
    bulk = BulkSettings(polls=0, file_lifetime=3_600, job_lifetime=7_200)
    with sandbox(folder, clock=clock, bulk=bulk) as running:
        status = kick_off(f"{running.base}/$export")
        manifest = get(status)
        assert manifest.headers["expires"] == "Thu, 01 Jan 2026 01:00:00 GMT"
        assert manifest.json()["transactionTime"] == "2026-01-01T00:00:00.000Z"
        file = get(manifest.json()["output"][0]["url"])
        assert file.headers["last-modified"] == "Thu, 01 Jan 2026 00:00:00 GMT"
        running.clock.advance(7_200)
        assert get(status).status_code == 404


def test_an_export_is_of_its_moment_and_a_later_one_has_what_came_after(folder: Path, whole: bytes) -> None:
    """The guide: nothing modified after transactionTime, and everything up to and including it, also within one
    tick of the clock."""
    clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
    with sandbox(folder, clock=clock, bulk=BulkSettings(polls=0)) as running:
        first = finished(kick_off(f"{running.base}/$export"))
        running.put({"resourceType": "Observation", "id": "o01", "status": "amended"})
        running.delete("Observation", "o02")
        assert get(first["output"][0]["url"]).content == whole
        # Those of the folder have no time of change and come again, as the guide allows.
        since = finished(kick_off(f"{running.base}/$export?_since={first['transactionTime']}"))
        again = get(since["output"][0]["url"]).text
        assert '"amended"' in again
        assert '"o02"' not in again
        assert (since["output"][0]["count"], since["deleted"][0]["count"]) == (19, 1)
        assert '"lastUpdated":"2026-01-01T00:00:00.001Z"' in again
        assert since["transactionTime"] == "2026-01-01T00:00:00.001Z"


def test_files_on_disk_are_private_and_go_with_the_server(folder: Path) -> None:
    with one_file(folder) as (running, _, file):
        get(file)
        made = running.state.jobs._folder
        assert made is not None
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in made.iterdir()} == {0o600}
    assert not made.exists()


def test_a_file_that_went_with_its_job_meanwhile_is_404(folder: Path) -> None:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "headers": [(b"accept-encoding", b"gzip")]}
    answer = file_answer(folder / "gone", '"1"', BulkSettings())
    asyncio.run(answer(scope, receive, send))
    assert said[0]["status"] == 404
