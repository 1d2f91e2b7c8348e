"""Extraction of one site by Bulk Data export: what the server exports is more than the plan asks for, so what comes is
looked at as a folder's files are, and the rest is counted by the reason it was not asked for.

The landing is the same as a search leaves. Until it is whole the downloaded files lie in a private folder inside it.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from analysis.plan import Plan
from flows.client.fhir import FhirClient
from flows.landing.asking import requests_to
from flows.landing.bulk_export import BulkExport, Rules
from flows.landing.bulk_log import NAME as LOG_NAME
from flows.landing.bulk_log import BulkLog
from flows.landing.bulk_plan import export_request, searched
from flows.landing.bulk_sides import DELETED, deletions, take_errors, write_deletions
from flows.landing.bulk_state import FileState
from flows.landing.ending import ended
from flows.landing.folder import UNKNOWN, SourceFile, type_in_name
from flows.landing.folder_extract import OUTCOME, FolderSource, folder_passes
from flows.landing.found import Found
from flows.landing.manifest import NAME as MANIFEST_NAME
from flows.landing.manifest import Manifest, Missing
from flows.landing.searches import Asked, PhaseRunner
from flows.landing.unfinished import FOLDER as UNFINISHED
from flows.landing.unfinished import Unfinished
from flows.progress import Progress, silent
from flows.run_folder import private_folder
from flows.sites import Site
from mappings.errors import SourceError

WORK = ".export"
"""The folder of the downloaded files, below the landing; it goes when the landing is whole."""


@dataclass(frozen=True)
class BulkLanding:
    """The landing's manifest and what an incremental run needs: ``transaction_time`` as the server wrote it (empty
    where it gave none), when the kick-off was tried, and type and id of what was deleted."""

    manifest: Manifest
    transaction_time: str
    began: datetime
    deleted: tuple[tuple[str, str], ...]


def extract_bulk(
    site: Site,
    plan: Plan,
    client: FhirClient,
    landing_dir: Path,
    filters: str,
    progress: Progress = silent,
    *,
    since: str | None = None,
    patients: Collection[str] = (),
) -> BulkLanding:
    """Land what ``plan`` asks of one site from an export, and say what is missing.

    ``filters`` is the hash of what decides what is taken: an export made for the same is gone on with. ``since`` (a
    FHIR instant) asks only for what changed after it; ``patients`` are then those already known to be in the cohort.

    Raises `SourceError` when there is no server, no access, or no such export.
    """
    private_folder(landing_dir).chmod(0o700)
    rules = Rules(site.id, site.limits.parallel, site.bulk.hours)
    export = BulkExport(client, export_request(site, plan, since), landing_dir / WORK, filters, rules)
    _clear(landing_dir, keep_log=export.resumed)
    log = BulkLog(landing_dir, export_id=export.state.export_id)
    client.listen(log.note)
    try:
        export.run(log, progress)
        # What was landed before a kill is landed anew: everything for it lies here.
        shutil.rmtree(landing_dir / UNFINISHED, ignore_errors=True)
        state = Unfinished(landing_dir, filters, client.base)
        try:
            return _Landing(site, plan, client, export, state, log, progress).made(filters, patients)
        finally:
            state.close()
    finally:
        log.close()


def _clear(folder: Path, *, keep_log: bool) -> None:
    """What an earlier landing left. The manifest goes first: without it the folder counts as unfinished."""
    (folder / MANIFEST_NAME).unlink(missing_ok=True)
    for old in folder.glob("*.ndjson"):
        if not (keep_log and old.name == LOG_NAME):
            old.unlink(missing_ok=True)
    shutil.rmtree(folder / DELETED, ignore_errors=True)


@dataclass(frozen=True)
class _Landing:
    """From the files of an export to the landing."""

    site: Site
    plan: Plan
    client: FhirClient
    export: BulkExport
    state: Unfinished
    log: BulkLog
    progress: Progress

    def made(self, filters: str, patients: Collection[str]) -> BulkLanding:
        folder, plan, found, intake = self.state.landing, self.plan, self.state.found, self.state.intake
        work = folder / WORK
        for patient in patients:
            found.learn("patient", "Patient", patient)
        source = self._source(work)
        folder_passes(self.site, plan, source, intake, found, self.progress)
        found.missing += [*self._missing(), *self._of_other_types(source)]
        self._search(found)
        found.missing += take_errors(work, self.export.files("error"), intake)
        deleted, unread = deletions(work, self.export.files("deleted"))
        found.missing += unread
        write_deletions(folder, deleted)
        self._warn(found, deleted)
        found.warnings += self.client.warnings
        manifest = ended(self.site, plan, "bulk", filters, self.state, self.log)
        shutil.rmtree(work, ignore_errors=True)
        return BulkLanding(manifest, self.export.state.transaction_time, self.export.began, tuple(deleted))

    def _source(self, work: Path) -> FolderSource:
        files = [
            SourceFile(work / file.name, file.label, type_in_name(file.name)) for file in self.export.files("output")
        ]
        return FolderSource(work, files)

    def _missing(self) -> list[Missing]:
        state = self.export.state
        found = [Missing(type_, "the export", state.fault) for type_ in self.export.types if state.fault]
        for file in state.files or ():
            if file.fault:
                type_ = file.type or {"output": UNKNOWN, "deleted": "Bundle", "error": "OperationOutcome"}[file.kind]
                found.append(Missing(type_, _lacking(file), file.fault))
        return found

    def _of_other_types(self, source: FolderSource) -> list[Missing]:
        """Files of a type that was asked for, with resources of one that was not: they stand in the place of others."""
        asked = {*self.export.types, *self.plan.types, OUTCOME, ""}
        return [
            Missing(file.type, f"resources of other types in {file.label}", "other-type")
            for file in source.files
            if file.type in asked and source.types.get(file, set()) - asked
        ]

    def _search(self, found: Found) -> None:
        """Ask by search for what an export of patients does not hold: what is referred to, and other whole types."""
        keys = {kind: frozenset(ids - found.ids.get(kind, set())) for kind, ids in found.references.items()}
        runner = PhaseRunner(self.client, self.state, self.log, self.plan, self.site.limits.parallel)
        todo: list[Asked] = []
        for search in searched(self.plan, self.export.types, whole_system=self.export.whole_system):
            ids = keys.get(search.type, frozenset())
            todo += runner.asked(search, list(requests_to(search, ids, self.site.search)))
        if not todo:
            return
        label = f"{self.site.id}: beside the export"
        self.progress(label, 0, len(todo))
        try:
            if not self.client.spoke_fhir:
                self.client.open()
            runner.run(
                todo,
                lambda type_: keys.get(type_, frozenset()),
                lambda done: self.progress(label, done, len(todo)),
            )
        except SourceError:
            # A client that may export need not be allowed to search.
            types = sorted({asked.search.type for asked in todo})
            found.missing += [Missing(type_, "asked for by search beside the export", "refused") for type_ in types]

    def _warn(self, found: Found, deleted: Collection[tuple[str, str]]) -> None:
        state, warnings = self.export.state, found.warnings
        if self.export.unfiltered:
            warnings.append({"code": "parameter-not-applied", "type": "", "search": 0, "parameters": ["_typeFilter"]})
        if state.beginnings > 1:
            warnings.append({"code": "begun-again", "what": "the export", "times": state.beginnings - 1})
        for file in state.files or ():
            if file.count is not None and file.lines > file.count:
                warnings.append({"code": "more-than-count", "what": file.label, "n": file.lines - file.count})
        for type_, n in sorted(Counter(type_ for type_, _ in deleted).items()):
            warnings.append({"code": "deleted", "type": type_, "n": n})
        if state.fault:
            return
        found.warn_not_found(self.plan.phase("referenced"), lambda type_: found.references.get(type_, ()))
        if self.plan.phase("index"):
            found.warn_not_found([s for s in self.plan.phase("cohort") if s.by == "_id"], lambda _: found.patients)


def _lacking(file: FileState) -> str:
    if file.fault == "fewer-than-count" and file.count is not None:
        return f"{file.count - file.lines} of {file.count} of {file.label}"
    return f"the rest of {file.label}" if file.lines else file.label
