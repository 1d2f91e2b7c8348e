"""Take from a folder what the plan asks for, and count the rest by the reason it was not asked for.

The folder is read in passes, cohort first as with a server: who has an index event, what belongs to these patients,
what those resources refer to. Only the first pass reads every file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from analysis.arrival import patient_of, references_in, wanted
from analysis.plan import Plan, Search
from flows.client.bundle import Entry
from flows.landing.folder import NOT_FHIR, FileFault, SourceFile, files_of, read_file
from flows.landing.found import Found
from flows.landing.intake import Intake, Resource
from flows.landing.manifest import Missing
from flows.progress import Progress
from flows.sites import Site

OUTCOME = "OperationOutcome"


class FolderSource:
    """The files of one folder, with what a first reading learns of them. ``files`` leaves the others out."""

    def __init__(self, folder: Path, files: Sequence[SourceFile] | None = None) -> None:
        self.files = files_of(folder) if files is None else tuple(files)
        self.types: dict[SourceFile, set[str]] = {}
        self.address = folder.absolute().as_uri()

    def holding(self, types: Collection[str]) -> list[SourceFile]:
        """The files that hold any of ``types``; all where they have not been read yet."""
        return [file for file in self.files if file not in self.types or self.types[file] & set(types)]


def folder_steps(
    site: Site, plan: Plan, source: FolderSource, intake: Intake, found: Found, progress: Progress
) -> None:
    """Land from the folder through ``intake``; what is learned goes into ``found``.

    Files that cannot be read to their end are named in ``missing``.
    """
    folder_passes(site, plan, source, intake, found, progress)
    found.warn_not_found(plan.phase("referenced"), lambda type_: found.references.get(type_, ()))
    if plan.phase("index"):
        found.warn_not_found([s for s in plan.phase("cohort") if s.by == "_id"], lambda _: found.patients)


def folder_passes(
    site: Site, plan: Plan, source: FolderSource, intake: Intake, found: Found, progress: Progress
) -> None:
    """As `folder_steps`, and says nothing of ids that are not there. Patients that are known before belong to the
    cohort too."""
    index, referenced = plan.phase("index"), plan.phase("referenced")
    later = frozenset(search.type for search in referenced)
    first = [search for search in plan.searches if search.phase != "referenced"]
    if index:
        _find_patients(source, index, found, _steps(site, "index events", source.files, progress))
        found.warn_without_patient()
    patients = frozenset(found.patients)
    for file in _steps(site, "cohort" if index else "population", source.files, progress):
        for entry in _entries(file, source, found):
            if entry.type not in later:
                _take(entry, file, first, patients, intake, found)
    if referenced:
        keys = {kind: frozenset(ids) for kind, ids in found.references.items()}
        for file in _steps(site, "referenced resources", source.holding(later), progress):
            for entry in _entries(file, source, None):
                if entry.type in later:
                    _take(entry, file, referenced, keys.get(entry.type, frozenset()), intake, found)


def _steps(site: Site, label: str, files: Sequence[SourceFile], progress: Progress) -> Iterator[SourceFile]:
    label = f"{site.id}: {label}"
    progress(label, 0, len(files))
    for done, file in enumerate(files, start=1):
        yield file
        progress(label, done, len(files))


def _entries(file: SourceFile, source: FolderSource, found: Found | None) -> Iterator[Entry]:
    """The entries of a file. ``found`` takes its fault; without it the fault has been named before."""
    types = source.types.setdefault(file, set())
    try:
        for entry in read_file(file):
            types.add(entry.type)
            yield entry
    except FileFault as fault:
        types.add(file.type)
        if found is not None and fault.reason == NOT_FHIR:
            found.warnings.append({"code": NOT_FHIR, "what": file.label})
        elif found is not None:
            found.missing.append(Missing(file.type, f"the rest of {file.label}", fault.reason))


def _find_patients(source: FolderSource, index: Sequence[Search], found: Found, files: Iterator[SourceFile]) -> None:
    types = {search.type for search in index}
    for file in files:
        for entry in _entries(file, source, None):
            if entry.type in types and wanted(entry.resource, index) is None:
                patient = patient_of(entry.resource)
                if patient:
                    found.learn("patient", "Patient", patient)
                else:
                    found.without_patient += 1


def _take(
    entry: Entry,
    file: SourceFile,
    searches: Sequence[Search],
    keys: Collection[str],
    intake: Intake,
    found: Found,
) -> None:
    if entry.type == OUTCOME:
        intake.outcome(OUTCOME, entry.text, 0)
    elif not entry.type:
        # Not JSON, or without a type: nothing can be asked of it. It is landed, and acceptance says what is wrong.
        intake.land([Resource(file.type, "", "", entry.text)])
    else:
        reason = wanted(entry.resource, searches, keys)
        if reason is None:
            if all(intake.land([Resource(entry.type, entry.id, entry.version, entry.text)])):
                by = "_id" if any(s.by == "_id" and s.type == entry.type for s in searches) else ""
                found.note(entry.type, entry.id, references_in(entry.resource), by)
        else:
            intake.leave_out(entry.type, reason, match=True)
