"""``bedside extract --plan``: how many resources a server says each search of the plan would bring."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.arrival import patient_of, wanted
from analysis.plan import Plan, Search
from flows.client.faults import RequestFault
from flows.client.fhir import FhirClient
from flows.landing.asking import asked_of, listed_patients, located, requests_to
from flows.landing.bulk_plan import export_request, searched, type_filters
from flows.landing.connect import source_of
from flows.landing.folder_extract import FolderSource, folder_steps
from flows.landing.found import Found
from flows.landing.intake import Intake
from flows.progress import Progress, silent
from flows.site_searches import Searching
from flows.sites import Site, Sites


@dataclass(frozen=True)
class PlanCount:
    """One search of the plan. ``count`` is the server's, summed over ``requests`` requests; ``None``: it gives none.

    ``referenced`` resources are known only after the others have come: ``requests`` is 0 and ``count`` ``None``. Of a
    folder there is one for each type, with phase ``folder`` and what would be landed.
    """

    phase: str
    type: str
    why: str
    requests: int
    count: int | None


@dataclass(frozen=True)
class PlanCounts:
    """``patients`` is the size of the cohort, ``None`` when the whole population is asked for."""

    rows: tuple[PlanCount, ...]
    patients: int | None


def plan_counts(site: Site, plan: Plan, progress: Progress = silent, *, sites: Sites | None = None) -> PlanCounts:
    """Connect to a site and count what each search would bring; see `counts_of`, and `source_of` for ``sites``."""
    site = located(site, sites)
    with source_of(site, sites) as source:
        return counts_of(site, plan, source, progress)


def counts_of(site: Site, plan: Plan, source: FhirClient | Path, progress: Progress = silent) -> PlanCounts:
    """What each search would bring. Nothing is written.

    To count for the cohort it must be known, so the index events are read. Raises `SourceError` like `extract_from`,
    `RequestFault` (exit 6) when the index events cannot be read to their end.
    """
    if isinstance(source, Path):
        return _of_folder(site, plan, FolderSource(source), progress)
    if site.method == "bulk":
        return _of_export(site, plan, source)
    source.open()
    listed = listed_patients(site.search)
    searches = [asked_of(search, site.search) for search in plan.searches]
    patients = _patients(source, [each for each in searches if each.phase == "index"], listed, site.search)
    counted = []
    for done, search in enumerate(searches):
        progress(f"{site.id}: counting", done, len(plan.searches))
        counted.append(_count(source, search, listed if search.phase == "index" else patients, site.search))
    progress(f"{site.id}: counting", len(plan.searches), len(plan.searches))
    return PlanCounts(tuple(counted), len(patients) if plan.scope == "cohort" else None)


def _of_export(site: Site, plan: Plan, client: FhirClient) -> PlanCounts:
    """What would be kicked off, and what asked for beside it. A server tells no count before it has exported."""
    client.open()
    export = export_request(site, plan)
    rows = [PlanCount("export", "", f"{client.base}/{export.operation}", 1, None)]
    for type_ in export.types:
        filters = " or ".join(type_filters(plan, type_)) if export.type_filters else ""
        rows.append(PlanCount("export", type_, f"only {filters}" if filters else "all of the type", 0, None))
    beside = searched(plan, export.types, whole_system=export.level == "system")
    rows += [PlanCount("beside", search.type, f"by search: {search.why}", 0, None) for search in beside]
    return PlanCounts(tuple(rows), None)


def _of_folder(site: Site, plan: Plan, source: FolderSource, progress: Progress) -> PlanCounts:
    intake = Intake(None)
    found = Found()
    folder_steps(site, plan, source, intake, found, progress)
    rows = [
        PlanCount("folder", type_, "asked for and in the folder", 0, intake.count(type_).landed) for type_ in plan.types
    ]
    return PlanCounts(tuple(rows), len(found.patients) if plan.scope == "cohort" else None)


def _count(client: FhirClient, search: Search, patients: Collection[str], how: Searching) -> PlanCount:
    if search.phase == "referenced":
        return PlanCount(search.phase, search.type, search.why, 0, None)
    made = list(requests_to(search, patients, how))
    total: int | None = 0
    for parameters in made:
        count = client.count(search.type, parameters)
        total = None if total is None or count is None else total + count
    return PlanCount(search.phase, search.type, search.why, len(made), total)


def _patients(client: FhirClient, index: Sequence[Search], listed: Collection[str], how: Searching) -> set[str]:
    found: set[str] = set()
    for search in index:
        for parameters in requests_to(search, listed, how):
            paging = client.search(search.type, parameters)
            fault: RequestFault | None = None
            try:
                for page in paging:
                    for entry in page.page.entries:
                        patient = patient_of(entry.resource)
                        if patient and wanted(entry.resource, search, listed) is None:
                            found.add(patient)
            except RequestFault as caught:
                fault = caught
            if fault is not None:
                raise client.no_server(fault) if paging.pages == 0 and not client.spoke_fhir else fault
    return found
