"""Exports under way: what each will hand out, its state, its files on disk and the addresses that still work."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import orjson

from flows.sandbox import bundles
from flows.sandbox.answers import RefusalError
from flows.sandbox.bulk.kickoff import Kickoff
from flows.sandbox.bulk.selection import Selection
from flows.sandbox.bulk.settings import BulkSettings
from flows.sandbox.clock import Clock, instant
from flows.sandbox.indexes import Rows
from flows.sandbox.store import Store

Kind = Literal["output", "deleted", "error"]
_NO_JOB = "There is no export of this address."


@dataclass(frozen=True)
class ExportFile:
    """One file: rows of a type, or lines of its own (deletions, outcomes). ``number`` counts a type's files from 1."""

    kind: Kind
    resource_type: str
    number: int
    rows: Rows | None = None
    lines: Sequence[bytes] = ()

    @property
    def count(self) -> int:
        """How many resources (lines) it holds."""
        return len(self.lines) if self.rows is None else len(self.rows)


@dataclass
class Job:
    """One export. ``failed`` is the outcome that every later status request is answered with."""

    id: str
    asked: Kickoff
    requires_access_token: bool
    transaction_time: datetime
    until: datetime
    files: list[ExportFile]
    polls_left: int
    failed: bytes | None = None
    addresses: dict[str, datetime] = field(default_factory=dict)

    def withhold(self, resource_type: str, number: int) -> int:
        """Replace one output file by an error file that says so, as a partial success does; returns lines lost."""
        for place, file in enumerate(self.files):
            if (file.kind, file.resource_type, file.number) == ("output", resource_type, number):
                self.files[place] = error_file(
                    len(self.files), [bundles.outcome("error", "exception", f"A file of {resource_type} failed.")]
                )
                return file.count
        return 0


def error_file(number: int, outcomes: Sequence[bytes]) -> ExportFile:
    """A file of OperationOutcomes."""
    return ExportFile("error", "OperationOutcome", number, lines=outcomes)


class Jobs:
    """Every export of one server. Files are written when first asked for, in a private temporary folder."""

    def __init__(self, settings: BulkSettings, store: Store, clock: Clock) -> None:
        self.settings, self.store, self.clock = settings, store, clock
        self._jobs: dict[str, Job] = {}
        self._folder: Path | None = None
        self._lock = threading.RLock()
        self._writing = threading.Lock()  # taken before the other: writing a large file holds nobody else up

    def begin(
        self,
        asked: Kickoff,
        selection: Selection,
        gone: Sequence[tuple[str, str]],
        at: datetime,
        requires_access_token: bool,
    ) -> Job:
        """Start an export of what was selected at the moment ``at``."""
        files = [*_output(selection, self.settings.lines_per_file)]
        if gone:
            lines = list(_deletions(gone, self.settings.deleted_per_bundle, at))
            files.append(ExportFile("deleted", "Bundle", 1, lines=lines))
        if asked.ignored:
            said = [
                bundles.outcome("warning", "not-supported", f"{name} was not applied.")
                for name in sorted(set(asked.ignored))
            ]
            files.append(error_file(1, said))
        until = at + timedelta(seconds=self.settings.job_lifetime)
        job = Job(secrets.token_hex(8), asked, requires_access_token, at, until, files, self.settings.polls)
        with self._lock:
            self._jobs[job.id] = job
        return job

    def get(self, job_id: str) -> Job:
        """A job that is known. Raises RefusalError (404) for one that is not, or no longer."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or self.clock.now() >= job.until:
                raise RefusalError(404, "not-found", _NO_JOB)
            return job

    def running(self) -> bool:
        """Whether a job is not done yet."""
        with self._lock:
            return any(job.polls_left > 0 and job.failed is None for job in self._jobs.values())

    def equal_to(self, asked: Kickoff) -> Job | None:
        """A job of the same kick-off that is still known."""
        with self._lock:
            now = self.clock.now()
            return next((job for job in self._jobs.values() if job.asked == asked and now < job.until), None)

    def end(self, job_id: str) -> None:
        """End a job and remove its files. Raises RefusalError (404) where there is none."""
        with self._writing, self._lock:
            self.get(job_id)
            del self._jobs[job_id]
            if self._folder is not None:
                for path in self._folder.glob(f"{job_id}-*"):
                    path.unlink()

    def forget(self) -> None:
        """Forget every job and remove all files."""
        with self._writing, self._lock:
            self._jobs.clear()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def new_address(self, job: Job) -> str:
        """A fresh part of address under which the job's files can be asked for during the files' lifetime."""
        name = secrets.token_hex(8)
        with self._lock:
            job.addresses[name] = self.clock.now() + timedelta(seconds=self.settings.file_lifetime)
        return name

    def file(self, job_id: str, address: str, number: int) -> tuple[Job, ExportFile]:
        """A file by its place in the job. Raises RefusalError where the address is unknown or works no longer."""
        job = self.get(job_id)
        with self._lock:
            until = job.addresses.get(address)
        if until is None or number >= len(job.files):
            raise RefusalError(404, "not-found", "There is no file of this address.")
        if self.clock.now() >= until:
            raise RefusalError(self.settings.expired_status, "not-found", "This address works no longer.")
        return job, job.files[number]

    def path(self, job: Job, number: int) -> Path:
        """The file on disk, written at its first use; its time is the snapshot's."""
        with self._writing:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="bedside-sandbox-export-"))
            file = job.files[number]
            # The kind is part of the name: a file can be withheld after it was written.
            path = self._folder / f"{job.id}-{number}-{file.kind}"
            if not path.exists():
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
                    out.writelines(line + b"\n" for line in self._lines(job, file))
                seconds = job.transaction_time.timestamp()
                os.utime(path, (seconds, seconds))
            return path

    def _lines(self, job: Job, file: ExportFile) -> Iterable[bytes]:
        if file.rows is None:
            return file.lines
        table = self.store.table(file.resource_type)
        texts = (table.text(row) for row in file.rows.tolist())
        if job.asked.ids_only:
            return (bundles.summary_of(file.resource_type, text) for text in texts)
        return texts


def _output(selection: Selection, lines_per_file: int) -> Iterator[ExportFile]:
    for resource_type, rows in selection:
        for number, start in enumerate(range(0, len(rows), lines_per_file), 1):
            yield ExportFile("output", resource_type, number, rows[start : start + lines_per_file])


def _deletions(gone: Sequence[tuple[str, str]], per_bundle: int, at: datetime) -> Iterator[bytes]:
    for start in range(0, len(gone), per_bundle):
        entries = [
            {"request": {"method": "DELETE", "url": f"{kind}/{one}"}} for kind, one in gone[start : start + per_bundle]
        ]
        bundle = {"resourceType": "Bundle", "meta": {"lastUpdated": instant(at)}, "type": "transaction"}
        yield orjson.dumps({**bundle, "entry": entries})
