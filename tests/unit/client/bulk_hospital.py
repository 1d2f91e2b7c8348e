"""The hospital of the search tests with Bulk Data ``$export``: kick-off, status, manifest, files, DELETE.

What it does by the guide stands here; a test changes one thing by an attribute or by ``override``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analysis.plan import Plan
from flows.client.retry import RetryRules
from flows.landing.bulk_extract import BulkLanding, extract_bulk
from flows.landing.connect import connect
from flows.landing.extract import filters_sha256
from flows.sites import Site
from tests.unit.client.hospital import PLAN, Hospital, resources
from tests.unit.client.scripted_server import Answer, Asked, ScriptedServer

INSTANT = "2024-03-01T12:00:00.000Z"


def ndjson(items: list[dict[str, Any]]) -> bytes:
    """One resource a line."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def deletion(*keys: str) -> dict[str, Any]:
    """A line of a ``deleted`` file."""
    entries = [{"request": {"method": "DELETE", "url": key}} for key in keys]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def outcome(severity: str, code: str) -> dict[str, Any]:
    """A line of an ``error`` file; its sentence must be seen nowhere."""
    issue = {"severity": severity, "code": code, "diagnostics": "Jane Roe has no chart"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


@dataclass
class File:
    """One file of the export."""

    kind: str
    type: str
    body: bytes
    count: int | str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class BulkHospital:
    """``jobs`` are the exports kicked off and not deleted; ``cancelled`` those deleted; ``polls`` before it is done."""

    def __init__(self, server: ScriptedServer, per_file: int = 3) -> None:
        self.server, self.search = server, Hospital(server)
        self.files = self._by_type(per_file)
        self.polls = 1
        self.progress: Mapping[str, str] = {"X-Progress": "50% of Jane Roe's charts"}
        self.location = "{base}/bulkstatus/{job}"
        self.address = "{base}/files/{job}/{number}"
        self.manifest: Mapping[str, Any] = {"requiresAccessToken": True}
        self.etag, self.ranges, self.packed = True, True, False
        self.deletes = True
        self.override: Callable[[Asked, Answer], Answer] = lambda _, answer: answer
        self.jobs: dict[str, int] = {}
        self.begun = 0
        self.cancelled: list[str] = []
        server.answer = self

    def _by_type(self, per_file: int) -> list[File]:
        found = []
        for type_ in ("Device", "Observation", "Patient", "Procedure"):
            items = [item for item in resources() if item["resourceType"] == type_]
            for start in range(0, len(items), per_file):
                part = items[start : start + per_file]
                found.append(File("output", type_, ndjson(part), len(part)))
        return found

    def __call__(self, asked: Asked) -> Answer:
        return self.override(asked, self._answer(asked))

    def _answer(self, asked: Asked) -> Answer:
        place = asked.path.removeprefix("/fhir/")
        if place.endswith("$export"):
            self.begun += 1
            job = f"j{self.begun}"
            self.jobs[job] = self.polls
            return Answer(202, headers={"Content-Location": self.location.format(base=self.server.base, job=job)})
        if place.startswith("bulkstatus/"):
            return self._status(asked, place.split("/")[1])
        if place.startswith("files/"):
            return self._file(asked, *place.split("/")[1:3])
        return self.search(asked)

    def _status(self, asked: Asked, job: str) -> Answer:
        if job not in self.jobs:
            return Answer(404)
        if asked.method == "DELETE" and not self.deletes:
            return Answer(503)
        if asked.method == "DELETE":
            del self.jobs[job]
            self.cancelled.append(job)
            return Answer(202)
        if self.jobs[job] > 0:
            self.jobs[job] -= 1
            return Answer(202, headers=self.progress)
        said: dict[str, Any] = {"transactionTime": INSTANT, "request": "x", "output": [], "error": [], **self.manifest}
        for number, file in enumerate(self.files):
            item = {"type": file.type, "url": self.address.format(base=self.server.base, job=job, number=number)}
            item |= {} if file.count is None else {"count": file.count}
            said.setdefault(file.kind, []).append({**item, **file.more})
        return Answer(body=json.dumps(said).encode(), headers={"Content-Type": "application/json"})

    def _file(self, asked: Asked, job: str, number: str) -> Answer:
        if job not in self.jobs or int(number) >= len(self.files):
            return Answer(404)
        body = self.files[int(number)].body
        headers = {"Content-Type": "application/fhir+ndjson"}
        if self.packed:
            body, headers["Content-Encoding"] = gzip.compress(body, mtime=0), "gzip"
        tag = f'"{job}-{number}-{len(body)}"'
        if self.etag:
            headers["ETag"] = tag
        wanted = asked.headers.get("range", "")
        if self.ranges and wanted and asked.headers.get("if-range") == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return Answer(416, headers={"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return Answer(206, body[start:], headers)
        return Answer(200, body, headers)


class Clock:
    """Stands for sleep and now: waiting moves the clock, and takes no time."""

    def __init__(self) -> None:
        self.at = datetime(2024, 3, 1, 12, 0, 0, tzinfo=UTC)
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self.at


def bulk_site(server: ScriptedServer, **site: Any) -> Site:
    """The hospital as a site that exports."""
    return Site(id="north", base=server.base, method="bulk", **site)


def export(
    server: ScriptedServer, folder: Path, plan: Plan = PLAN, clock: Clock | None = None, **more: Any
) -> BulkLanding:
    """Extract the hospital by export; nothing sleeps. ``since`` and ``patients`` go to the extraction."""
    handed = {name: more.pop(name) for name in ("since", "patients") if name in more}
    made = bulk_site(server, **more)
    clock = clock or Clock()
    rules = RetryRules(retry_after_max=float(made.limits.retry_after_max_s))
    client = connect(made, rules=rules, sleep=clock.sleep)
    client.transport.now = clock.now
    try:
        return extract_bulk(made, plan, client, folder, filters_sha256(made, plan), **handed)
    finally:
        client.close()


def events(folder: Path) -> list[dict[str, Any]]:
    """The lines of the log."""
    return [json.loads(line) for line in (folder / "log.ndjson").read_text().splitlines()]
