"""Extraction of one site: cohort first, then only these patients' resources, then what those refer to.

What comes is landed as served; what is missing is named in the manifest, which is written last. A landing folder
without a manifest is unfinished, and the next extract goes on with it. No patient id goes into manifest, log or
exception.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from analysis.plan import Phase, Plan, Search
from flows.client.faults import RequestFault
from flows.client.fhir import FhirClient
from flows.landing.asking import asked_of, listed_patients, located, requests_to
from flows.landing.bulk_extract import WORK, extract_bulk
from flows.landing.bulk_log import NAME as LOG_NAME
from flows.landing.bulk_log import BulkLog
from flows.landing.bulk_state import filters_of as export_filters_of
from flows.landing.connect import source_of
from flows.landing.course import Course, Keys, Part
from flows.landing.ending import ended
from flows.landing.folder_extract import FolderSource, folder_steps
from flows.landing.manifest import NAME as MANIFEST_NAME
from flows.landing.manifest import Manifest, read_manifest
from flows.landing.searches import PhaseRunner
from flows.landing.unfinished import FOLDER as UNFINISHED
from flows.landing.unfinished import Unfinished, filters_of
from flows.progress import Progress, silent
from flows.run_folder import private_folder
from flows.site_searches import Searching
from flows.sites import Site, Sites
from mappings.errors import DefinitionError

_LABELS: dict[Phase, str] = {
    "index": "index events",
    "cohort": "cohort",
    "referenced": "referenced resources",
    "population": "population",
}
_PHASES: tuple[Phase, ...] = ("index", "population", "cohort", "referenced")
_NO_SERVER = frozenset({"unreachable", "timeout", "tls", "dropped", "html", "server-given-up"})


def extract_site(
    site: Site, plan: Plan, landing_dir: Path, progress: Progress = silent, *, sites: Sites | None = None
) -> Manifest:
    """Connect to a site and land what ``plan`` asks of it; see `extract_from`, and `source_of` for ``sites``."""
    site = located(site, sites)
    with source_of(site, sites) as source:
        return extract_from(site, plan, source, landing_dir, progress)


def extract_from(
    site: Site,
    plan: Plan,
    source: FhirClient | Path,
    landing_dir: Path,
    progress: Progress = silent,
    *,
    course: Course | None = None,
) -> Manifest:
    """Land what ``plan`` asks of one site into ``landing_dir`` (this site's own folder) and return its manifest.

    ``source`` is the site's client or its folder; ``course`` (of a client, who is then searched) asks for less than
    everything. ``manifest.complete`` is false when anything is missing; the caller decides what that means. Raises
    `SourceError` when there is no server, no folder or no access, `DefinitionError` when the folder holds a landing
    made for another plan. An extract of the same plan that was cut off is gone on with; one that ended is made anew.
    """
    filters = filters_sha256(site, plan)
    if (before := cut_off_in_tidying(landing_dir)) is not None and before.filters_sha256 == filters:
        return before
    if isinstance(source, FhirClient) and site.method == "bulk" and course is None:
        _refuse_another(landing_dir, filters)
        return extract_bulk(site, plan, source, landing_dir, filters, progress).manifest
    folder = FolderSource(source) if isinstance(source, Path) else None
    _make_ready(landing_dir, filters, keep=folder is None)
    state = Unfinished(landing_dir, filters, source.base if isinstance(source, FhirClient) else str(source))
    log = BulkLog(landing_dir, export_id=state.export_id)
    try:
        if isinstance(source, FhirClient):
            _by_search(site, plan, source, state, log, progress, course or Course())
        elif folder is not None:
            _kickoff(log, plan, folder.address)
            folder_steps(site, plan, folder, state.intake, state.found, progress)
        return ended(site, plan, "folder" if folder else "search", filters, state, log)
    finally:
        state.close()
        log.close()


def cut_off_in_tidying(folder: Path) -> Manifest | None:
    """The manifest of an extract that had ended when it was cut off; what it had not tidied away goes now."""
    left = [each for each in (folder / UNFINISHED, folder / WORK) if each.exists()]
    manifest = read_manifest(folder) if left else None
    if manifest is not None:
        for each in left:
            shutil.rmtree(each)
    return manifest


def filters_sha256(site: Site, plan: Plan) -> str:
    """A hash over what decides which resources are taken: the plan, and what the sites file adds to it."""
    content: dict[str, object] = {"plan": plan.sha256, "site": site.id, "scope": plan.scope}
    if site.search != Searching():
        content["search"] = site.search.model_dump(mode="json", exclude={"cohort"})
    if site.search.cohort is not None:
        content["cohort"] = sorted(listed_patients(site.search))
    if site.method == "bulk":
        content["export"] = [site.group, site.bulk.level]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _refuse_another(folder: Path, filters: str) -> Manifest | None:
    """The manifest that lies there, if any. Raises `DefinitionError` where the folder was made for another plan."""
    before = read_manifest(folder) if folder.exists() else None
    theirs = before.filters_sha256 if before is not None else filters_of(folder) or export_filters_of(folder / WORK)
    if theirs not in (None, filters):
        raise DefinitionError(
            f"{folder} holds what was extracted for another plan or site; use another folder or --fresh"
        )
    return before


def _make_ready(folder: Path, filters: str, keep: bool) -> None:
    before = _refuse_another(folder, filters)
    private_folder(folder).chmod(0o700)
    if keep and before is None and filters_of(folder) is not None:
        return
    # The manifest goes first: without it the folder counts as unfinished whatever else is there.
    for name in (MANIFEST_NAME, LOG_NAME):
        (folder / name).unlink(missing_ok=True)
    for old in (*folder.glob("*.part"), *folder.glob("*.ndjson")):
        old.unlink(missing_ok=True)
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)


def _kickoff(log: BulkLog, plan: Plan, address: str, client: FhirClient | None = None) -> None:
    said = {
        "_type": ",".join(plan.types),
        "scope": plan.scope,
        "plan_sha256": plan.sha256,
        "client": f"bedside {version('bedside')}",
    }
    log.kickoff(address, client.capability if client else None, said)


def _by_search(
    site: Site, plan: Plan, client: FhirClient, state: Unfinished, log: BulkLog, progress: Progress, course: Course
) -> None:
    client.listen(log.note)
    client.open()
    if state.went_on:
        log.note(f"gone on with an extract that was cut off; searches landed before: {state.landed}")
    else:
        _kickoff(log, plan, client.base, client)
    listed = listed_patients(site.search)
    course.begin(client, state, listed)
    runner = PhaseRunner(client, state, log, plan, site.limits.parallel)
    found, types = state.found, state.intake.types
    by_id: list[tuple[Sequence[Search], Keys]] = []

    def ask(phase: Phase, parts: Iterable[Part], keys: Keys) -> None:
        todo = [a for search, ids in parts for a in runner.asked(search, list(requests_to(search, ids, site.search)))]
        label = f"{site.id}: {_LABELS[phase]}"
        progress(label, 0, len(todo))

        def step(done: int) -> None:
            progress(label, done, len(todo))
            progress(f"{site.id}: resources", sum(count.landed for count in types.values()), None)

        runner.run(todo, keys, step)
        if found.faults and found.pages == 0:
            _require_server(client, found.faults[0])

    for phase in _PHASES:
        searches = [asked_of(search, site.search) for search in plan.phase(phase)]
        if not searches:
            continue
        keys = course.keys(phase, found)
        ask(phase, [part for search in searches for part in course.parts(search, keys(search.type))], keys)
        more = course.after(phase, searches)
        if more:
            ask(phase, more, keys)
        if phase in ("cohort", "referenced"):
            by_id.append((searches, keys))
    course.end(found, by_id)
    found.warnings += client.warnings


def _require_server(client: FhirClient, fault: RequestFault) -> None:
    """A server that has not given one page is no source, whatever its CapabilityStatement said."""
    if fault.reason in _NO_SERVER or not client.spoke_fhir:
        raise client.no_server(fault)
