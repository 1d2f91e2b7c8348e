"""``bedside extract --plan``: how many resources a server says each search of the plan would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.arrival import patient_of, wanted
from analysis.plan import Plan, Search, requests
from flows.client.faults import RequestFault
from flows.client.fhir import FhirClient
from flows.progress import Progress, silent
from flows.sites import Site


@dataclass(frozen=True)
class PlanCount:
    """One search of the plan. ``count`` is the server's, summed over ``requests`` requests; ``None``: it gives none.

    ``referenced`` resources are known only after the others have come: ``requests`` is 0 and ``count`` ``None``.
    """

    phase: str
    type: str
    why: str
    requests: int
    count: int | None


def plan_counts(
    site: Site, plan: Plan, client: FhirClient, progress: Progress = silent
) -> tuple[tuple[PlanCount, ...], int | None]:
    """The counts of every search, and how many patients the cohort has (``None`` when it is the whole population).

    To count for the cohort it must be known, so the index events are read; nothing is
    written. Raises `SourceError` like `extract_site`, `RequestFault` (exit 6) when the index
    events cannot be read to their end.
    """
    client.open()
    patients = _patients(client, plan.phase("index"))
    counted = []
    for done, search in enumerate(plan.searches):
        progress(f"{site.id}: counting", done, len(plan.searches))
        counted.append(_count(client, search, patients))
    progress(f"{site.id}: counting", len(plan.searches), len(plan.searches))
    return tuple(counted), len(patients) if plan.scope == "cohort" else None


def _count(client: FhirClient, search: Search, patients: set[str]) -> PlanCount:
    if search.phase == "referenced":
        return PlanCount(search.phase, search.type, search.why, 0, None)
    made = list(requests(search, patients))
    total: int | None = 0
    for parameters in made:
        count = client.count(search.type, parameters)
        total = None if total is None or count is None else total + count
    return PlanCount(search.phase, search.type, search.why, len(made), total)


def _patients(client: FhirClient, index: Sequence[Search]) -> set[str]:
    found: set[str] = set()
    for search in index:
        for parameters in requests(search):
            paging = client.search(search.type, parameters)
            fault: RequestFault | None = None
            try:
                for page in paging:
                    for entry in page.page.entries:
                        patient = patient_of(entry.resource)
                        if patient and wanted(entry.resource, search) is None:
                            found.add(patient)
            except RequestFault as caught:
                fault = caught
            if fault is not None:
                raise client.no_server(fault) if paging.pages == 0 and not client.spoke_fhir else fault
    return found
