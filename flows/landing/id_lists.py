"""Which resources a search brings, by id and version only: what is there no longer is found by what is not listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from flows.client.faults import RefusedFault, RequestFault
from flows.client.fhir import FhirClient
from flows.client.paging import Paging, Parameters
from flows.landing.manifest import Missing

_ELEMENTS = (("_elements", "id,meta"),)
_WITHOUT_MATCHES = frozenset({"include", "outcome"})


@dataclass(frozen=True)
class Listing:
    """One request for ids: the search's place in the plan, its type and the parameters with their ids."""

    search: int
    type: str
    parameters: Parameters


@dataclass(frozen=True)
class Listed:
    """What came: (id, version) of each match. ``loose``: the server left a parameter out, so there are others too."""

    asked: Listing
    found: Sequence[tuple[str, str]]
    loose: bool
    missing: Missing | None


def list_ids(client: FhirClient, asked: Sequence[Listing], parallel: int, take: Callable[[Listed], None]) -> None:
    """Ask for ids, side by side; ``take`` gets each answer in the order of ``asked``, in the caller's thread.

    Raises `SourceError` from the client; another fault is the answer's ``missing``.
    """
    with ThreadPoolExecutor(max(1, parallel), thread_name_prefix="bedside-ids") as pool:
        futures = [pool.submit(_list, client, each, number) for number, each in enumerate(asked, start=1)]
        try:
            for future in futures:
                take(future.result())
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _list(client: FhirClient, asked: Listing, number: int) -> Listed:
    paging = client.search(asked.type, (*asked.parameters, *_ELEMENTS))
    found: list[tuple[str, str]] = []
    fault = _read(paging, found)
    if isinstance(fault, RefusedFault) and paging.pages == 0:
        # It does not know _elements: whole resources come, of which the ids are kept.
        paging = client.search(asked.type, asked.parameters)
        fault = _read(paging, found)
    missing = None
    if fault is not None:
        missing = Missing(asked.type, f"page {paging.failed_page} of list {number} of ids", fault.reason)
    elif paging.total_exact and (paging.total or 0) > (distinct := len({id_ for id_, _ in found})):
        what = f"{(paging.total or 0) - distinct} of {paging.total} of list {number} of ids"
        missing = Missing(asked.type, what, "fewer-than-total")
    return Listed(asked, found, bool(set(paging.not_applied)), missing)


def _read(paging: Paging, found: list[tuple[str, str]]) -> RequestFault | None:
    attempt = 0
    try:
        for page in paging:
            if page.attempt != attempt:
                found.clear()
                attempt = page.attempt
            found += [
                (entry.id, entry.version)
                for entry in page.page.entries
                if entry.type == paging.type and entry.id and entry.mode not in _WITHOUT_MATCHES
            ]
    except RequestFault as fault:
        return fault
    return None
