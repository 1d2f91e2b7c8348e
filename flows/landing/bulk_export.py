"""An export from kick-off to the downloaded files: begun again when the server loses it, gone on with after a kill,
ended with DELETE when it is not needed any more.

The files lie in a private folder as they were sent; landing takes from them what was asked for.
"""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from flows.client.bulk import ExportRefused, ExportRequest, cancel, kick_off
from flows.client.bulk_manifest import ExportFile, ExportManifest, Kind
from flows.client.bulk_poll import JobFailed, wait_for_manifest
from flows.client.download import Download, Downloaded, Wanted
from flows.client.faults import GoneFault, RequestFault
from flows.client.fhir import FhirClient
from flows.client.origins import candidates
from flows.landing.bulk_log import BulkLog
from flows.landing.bulk_state import NAME as STATE_NAME
from flows.landing.bulk_state import BulkState, FileState, matched, read_state, states_of
from flows.progress import Progress
from flows.run_folder import private_folder
from flows.stopping import check

BEGINNINGS = 3
"""How often an export is begun in all, and a manifest fetched for files that are gone."""


class _Aborted(Exception):
    """Another download of the same export has ended it."""


@dataclass(frozen=True)
class Rules:
    """``site`` is for the eye; ``parallel`` downloads go side by side; past ``hours`` the export is given up."""

    site: str
    parallel: int
    hours: float


class BulkExport:
    """One export into ``folder``. ``export_id`` is the log's, kept when an earlier process's export is gone on with."""

    def __init__(self, client: FhirClient, export: ExportRequest, folder: Path, filters: str, rules: Rules) -> None:
        self._client, self._transport, self._folder, self._rules = client, client.transport, folder, rules
        self._asked = export
        asked = export.sha256(client.base)
        found = read_state(folder, filters, asked)
        self.resumed = found is not None
        self.state = found or BulkState(filters, asked, str(uuid.uuid4()), self._transport.now().isoformat())
        self._abort = threading.Event()

    @property
    def types(self) -> tuple[str, ...]:
        """The types that were asked for."""
        return self._asked.types

    @property
    def whole_system(self) -> bool:
        """Whether everything on the server is exported, and not only what belongs to patients."""
        return self._asked.level == "system"

    def files(self, kind: Kind) -> list[FileState]:
        """The files of one kind that lie in the folder."""
        return [file for file in self.state.files or () if file.kind == kind]

    @property
    def unfiltered(self) -> bool:
        """Whether filters were to be sent and the server would not have them."""
        return bool(self._asked.type_filters) and not self.state.filtered

    @property
    def began(self) -> datetime:
        """When the first kick-off was tried."""
        return datetime.fromisoformat(self.state.began)

    def run(self, log: BulkLog, progress: Progress) -> None:
        """Fetch everything. ``state`` says what could not be fetched.

        Raises `SourceError` when the server offers no such export or refuses the credential. However it ends, the job
        is ended on the server; where that fails after an error, the folder stays to be gone on with.
        """
        if not self.resumed:
            shutil.rmtree(self._folder, ignore_errors=True)
        private_folder(self._folder).chmod(0o700)
        try:
            if not self.state.whole:
                self._client.open()
                self._fetch(log, progress)
        except BaseException:
            if self._end_job():
                shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._end_job()
        self.state.ended = True
        self._save()

    # The whole

    def _fetch(self, log: BulkLog, progress: Progress) -> None:
        while True:
            try:
                self._attempt(log, progress)
                return
            except RequestFault as caught:
                fault = caught
            log.add("status_error", body=None, code=fault.status, message=fault.reason, responseHeaders={})
            if not isinstance(fault, GoneFault | JobFailed) or self.state.beginnings >= BEGINNINGS:
                self._give_up(fault)
                return
            self._begin_again(fault, log)

    def _attempt(self, log: BulkLog, progress: Progress) -> None:
        if not self.state.addresses:
            self._kick_off(log)
        fetched = 0
        while True:
            manifest = self._manifest(log, progress)
            pairs = self._adopt(manifest, log)
            gone = self._download(pairs, manifest, log, progress)
            fetched += 1
            if gone is None:
                return
            if fetched >= BEGINNINGS:
                raise gone
            log.note("files of the export are gone; its manifest is fetched again")

    def _begin_again(self, fault: RequestFault, log: BulkLog) -> None:
        self._end_job()
        # A filter the server cannot read fails the job and not always the kick-off (HAPI).
        self.state.filtered = self.state.filtered and not isinstance(fault, JobFailed)
        self.state.addresses, self.state.files, self.state.transaction_time = [], None, ""
        self._clear()
        self._save()
        log.note(f"the export is begun again ({fault.reason})")

    def _give_up(self, fault: RequestFault) -> None:
        """What has come is kept; the rest is named."""
        if self.state.files is None:
            self.state.fault = fault.reason
            self.state.files = []
        for file in self.state.files:
            if not file.name:
                self._take(file, Download(self._transport, self._folder / file.stem).salvage(fault.reason))
        self._save()

    def _end_job(self) -> bool:
        if self.state.ended or not self.state.addresses:
            return True
        # Until one has answered, the job may be at any of them: all are told.
        told = [cancel(self._transport, address) for address in self.state.addresses]
        return all(told)

    def _clear(self) -> None:
        for old in self._folder.iterdir():
            # The state is written over, never taken away: without it a killed run's job would be lost.
            if old.is_file() and old.name not in (".gitignore", STATE_NAME):
                old.unlink()

    def _save(self) -> None:
        self.state.save(self._folder)

    @property
    def _until(self) -> datetime:
        return self.began + timedelta(hours=self._rules.hours)

    # Its parts

    def _kick_off(self, log: BulkLog) -> None:
        export = self._asked if self.state.filtered else replace(self._asked, type_filters=())
        said = {
            "_type": ",".join(export.types),
            "_typeFilter": len(export.type_filters),
            "_since": export.since,
            "client": f"bedside {version('bedside')}",
        }
        address = f"{self._client.base}/{export.operation}"
        try:
            started = kick_off(self._transport, self._client.base, export, self._until, self._client.paging.longest_url)
        except (ExportRefused, RequestFault) as fault:
            log.kickoff(address, self._client.capability, said, (fault.status, fault.reason))
            raise
        self.state.addresses = list(started.addresses)
        self.state.filtered = bool(started.request.type_filters)
        self.state.beginnings += 1
        self._save()
        log.kickoff(address, self._client.capability, {**said, "_typeFilter": len(started.request.type_filters)})

    def _manifest(self, log: BulkLog, progress: Progress) -> ExportManifest:
        label = f"{self._rules.site}: export on the server"
        polls = 0

        def hear(percent: float | None, seconds: float) -> None:
            nonlocal polls
            polls += 1
            shown = None if percent is None else f"{percent:g}%"
            log.add("status_progress", body=None, xProgress=shown, retryAfter=round(seconds, 1))
            if percent is None:
                progress(f"{label} (asked)", polls, None)
            else:
                progress(f"{label} (%)", int(percent), 100)

        manifest, address = wait_for_manifest(
            self._transport, self._client.base, self.state.addresses, self._until, hear
        )
        self.state.addresses = [address]
        counts = {f"{kind}FileCount": len(manifest.of(kind)) for kind in ("output", "deleted", "error")}
        log.add("status_complete", transactionTime=manifest.transaction_time)
        log.add("status_page_complete", transactionTime=manifest.transaction_time, **counts)
        totals = {f"total{name[0].upper()}{name[1:]}": n for name, n in counts.items()}
        log.add("manifest_complete", transactionTime=manifest.transaction_time, **totals)
        return manifest

    def _adopt(self, manifest: ExportManifest, log: BulkLog) -> list[tuple[FileState, ExportFile]]:
        """The files of the manifest with what is known of each."""
        state, pairs = self.state, None
        if state.files is not None and state.transaction_time == manifest.transaction_time:
            pairs = matched(state.files, manifest.files)
        if pairs is None:
            if state.files is not None:
                log.note("the server's manifest is another one than before; its files are fetched anew")
            self._clear()
            state.files = states_of(manifest.files)
            state.transaction_time = manifest.transaction_time
            pairs = list(zip(state.files, manifest.files, strict=True))
        self._save()
        return pairs

    def _download(
        self, pairs: list[tuple[FileState, ExportFile]], manifest: ExportManifest, log: BulkLog, progress: Progress
    ) -> GoneFault | None:
        """Fetch what has not come yet. A file that is gone where it should be is given back as the fault."""
        todo = [pair for pair in pairs if not pair[0].name]
        label = f"{self._rules.site}: files of the export"
        progress(label, len(pairs) - len(todo), len(pairs))
        gone: GoneFault | None = None
        token = manifest.requires_access_token
        with ThreadPoolExecutor(self._rules.parallel, thread_name_prefix="bedside-download") as pool:
            futures = {pool.submit(self._one, file, said, token, log): file for file, said in todo}
            try:
                for future in as_completed(futures):
                    gone = self._take(futures[future], future.result()) or gone
                    self._save()
                    progress(label, sum(bool(file.name) for file, _ in pairs), len(pairs))
            except BaseException:
                self._abort.set()
                pool.shutdown(wait=True, cancel_futures=True)
                for future, file in futures.items():
                    if not future.cancelled() and future.exception() is None and not file.name:
                        self._take(file, future.result())
                self._save()
                raise
        return gone

    def _one(self, file: FileState, said: ExportFile, token: bool, log: BulkLog) -> Downloaded | GoneFault:
        name = f"{self._client.base}/{self._asked.operation}#{file.kind}={file.number}"
        download = Download(self._transport, self._folder / file.stem, self._checking())
        log.add("download_request", fileUrl=name, itemType=file.kind, resourceType=file.type or None)
        url = candidates(said.url, self._client.base, self.state.addresses[0])[0] if said.url else ""
        wanted = Wanted(url, token, said.count, outcomes=file.kind == "error" or file.type == "OperationOutcome")
        try:
            done = download.fetch(wanted) if url else download.salvage("manifest-without-address")
        except GoneFault as gone:
            log.add("download_error", fileUrl=name, body=None, code=gone.status, message=gone.reason)
            download.new_address()
            return gone
        if done.fault:
            log.add("download_error", fileUrl=name, body=None, code=None, message=done.fault)
        else:
            log.add("download_complete", fileUrl=name, resourceCount=done.lines, fileSize=done.bytes)
        return done

    def _checking(self) -> Callable[[], None]:
        def checked() -> None:
            check()
            if self._abort.is_set():
                raise _Aborted

        return checked

    @staticmethod
    def _take(file: FileState, done: Downloaded | GoneFault) -> GoneFault | None:
        if isinstance(done, GoneFault):
            return done
        file.name, file.lines, file.bytes, file.fault = done.path.name, done.lines, done.bytes, done.fault
        return None
