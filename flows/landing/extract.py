"""Extraction of one site: cohort first, then only these patients' resources, then what those refer to.

What comes is landed as served; what is missing is named in the manifest, which is written last. A landing folder
without a manifest is unfinished. No patient id goes into manifest, log or exception.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

from analysis.plan import Phase, Plan, requests
from flows.client.fhir import FhirClient
from flows.landing.bulk_extract import extract_bulk
from flows.landing.bulk_log import NAME as LOG_NAME
from flows.landing.bulk_log import BulkLog
from flows.landing.connect import source_of
from flows.landing.folder_extract import FolderSource, folder_steps
from flows.landing.found import Found
from flows.landing.intake import Intake
from flows.landing.manifest import NAME as MANIFEST_NAME
from flows.landing.manifest import Manifest, read_manifest, write_manifest
from flows.landing.searches import Asked, PhaseRunner
from flows.progress import Progress, silent
from flows.run_folder import private_folder
from flows.sites import Site, Sites
from mappings.errors import DefinitionError

_LABELS: dict[Phase, str] = {
    "index": "index events",
    "cohort": "cohort",
    "referenced": "referenced resources",
    "population": "population",
}
_NO_SERVER = frozenset({"unreachable", "timeout", "tls", "dropped", "html", "server-given-up"})


def extract_site(
    site: Site, plan: Plan, landing_dir: Path, progress: Progress = silent, *, sites: Sites | None = None
) -> Manifest:
    """Connect to a site and land what ``plan`` asks of it; see `extract_from`, and `source_of` for ``sites``."""
    with source_of(site, sites) as source:
        return extract_from(site, plan, source, landing_dir, progress)


def extract_from(
    site: Site, plan: Plan, source: FhirClient | Path, landing_dir: Path, progress: Progress = silent
) -> Manifest:
    """Land what ``plan`` asks of one site into ``landing_dir`` (this site's own folder) and return its manifest.

    ``source`` is the site's client or its folder. ``manifest.complete`` is false when anything is missing; the caller
    decides what that means. Raises `SourceError` when there is no server, no folder or no access, `DefinitionError`
    when the folder holds a landing made for another plan. A landing of the same plan is made anew.
    """
    _refuse_another(landing_dir, site, plan)
    if isinstance(source, FhirClient) and site.method == "bulk":
        return extract_bulk(site, plan, source, landing_dir, filters_sha256(site, plan), progress).manifest
    _make_ready(landing_dir)
    log = BulkLog(landing_dir)
    intake = Intake(landing_dir)
    try:
        if isinstance(source, FhirClient):
            found = _by_search(site, plan, source, landing_dir, intake, log, progress)
        else:
            _kickoff(log, plan, FolderSource(source).address)
            found = folder_steps(site, plan, FolderSource(source), intake, progress)
        files = intake.close()
        manifest = Manifest(
            site=site.id,
            method="search" if isinstance(source, FhirClient) else "folder",
            scope=plan.scope,
            filters_sha256=filters_sha256(site, plan),
            plan_sha256=plan.sha256,
            complete=not found.missing,
            patients=len(found.patients) if plan.scope == "cohort" else None,
            missing=tuple(found.missing),
            types=dict(sorted(intake.types.items())),
            files=files,
            outcomes=tuple(intake.outcomes),
            warnings=tuple(found.warnings),
        )
        log.complete(len(files), sum(f.lines for f in files), sum(f.bytes for f in files))
        write_manifest(landing_dir, manifest)
        return manifest
    finally:
        intake.discard()
        log.close()
        for left in landing_dir.glob("*.part"):
            left.unlink(missing_ok=True)


def filters_sha256(site: Site, plan: Plan) -> str:
    """A hash over what decides which resources are taken: the plan, and what the sites file adds to it."""
    said: dict[str, object] = {"plan": plan.sha256, "site": site.id, "scope": plan.scope}
    if site.method == "bulk":
        said["export"] = [site.group, site.bulk.level]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _refuse_another(folder: Path, site: Site, plan: Plan) -> None:
    before = read_manifest(folder) if folder.exists() else None
    if before is not None and before.filters_sha256 != filters_sha256(site, plan):
        raise DefinitionError(
            f"{folder} holds what was extracted for another plan or site; use another folder or --fresh"
        )


def _make_ready(folder: Path) -> None:
    private_folder(folder).chmod(0o700)
    # The manifest goes first: without it the folder counts as unfinished whatever else is there.
    for name in (MANIFEST_NAME, LOG_NAME):
        (folder / name).unlink(missing_ok=True)
    for old in (*folder.glob("*.part"), *folder.glob("*.ndjson")):
        old.unlink(missing_ok=True)


def _kickoff(log: BulkLog, plan: Plan, address: str, client: FhirClient | None = None) -> None:
    capability = client.capability if client else None
    log.add(
        "kickoff",
        exportUrl=address,
        errorCode=None,
        errorBody=None,
        softwareName=capability.software if capability else None,
        softwareVersion=capability.software_version if capability else None,
        softwareReleaseDate=capability.software_date if capability else None,
        fhirVersion=capability.fhir_version if capability else None,
        requestParameters={
            "_type": ",".join(plan.types),
            "scope": plan.scope,
            "plan_sha256": plan.sha256,
            "client": f"bedside {version('bedside')}",
        },
        responseHeaders={},
    )


def _by_search(
    site: Site, plan: Plan, client: FhirClient, folder: Path, intake: Intake, log: BulkLog, progress: Progress
) -> Found:
    client.listen(log.note)
    client.open()
    _kickoff(log, plan, client.base, client)
    runner = PhaseRunner(client, intake, folder, log, site.limits.parallel)
    found = Found()
    patients: frozenset[str] = frozenset()
    for phase in ("index", "population", "cohort", "referenced"):
        searches = plan.phase(phase)
        if not searches:
            continue
        keys = _keys_of(phase, patients, found)
        todo: list[Asked] = []
        for search in searches:
            todo += runner.asked(search, list(requests(search, keys(search.type))))
        label = f"{site.id}: {_LABELS[phase]}"
        progress(label, 0, len(todo))

        def step(done: int, label: str = label, total: int = len(todo)) -> None:
            progress(label, done, total)
            progress(f"{site.id}: resources", sum(count.landed for count in intake.types.values()), None)

        part = runner.run(todo, keys, step)
        _require_server(client, part, found)
        found.add(part)
        if phase == "index":
            patients = frozenset(found.patients)
            found.warn_without_patient()
        if phase in ("cohort", "referenced"):
            found.warn_not_found(searches, keys)
    return found


def _keys_of(phase: Phase, patients: Collection[str], found: Found) -> _Keys:
    return _Keys(phase, patients, {kind: frozenset(ids) for kind, ids in found.references.items()})


class _Keys:
    """The ids that the searches of a phase are about, by resource type."""

    def __init__(self, phase: Phase, patients: Collection[str], references: dict[str, frozenset[str]]) -> None:
        self._phase, self._patients, self._references = phase, patients, references

    def __call__(self, type_: str) -> Collection[str]:
        return self._references.get(type_, frozenset()) if self._phase == "referenced" else self._patients


def _require_server(client: FhirClient, part: Found, before: Found) -> None:
    """A server that has not given one page is no source, whatever its CapabilityStatement said."""
    if part.faults and part.pages + before.pages == 0:
        fault = part.faults[0]
        if fault.reason in _NO_SERVER or not client.spoke_fhir:
            raise client.no_server(fault)
