"""Run the searches of one phase side by side, and land their answers in the order of the plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from analysis.arrival import patient_of, references_in, wanted
from analysis.plan import Search
from flows.client.bundle import Entry
from flows.client.faults import RequestFault
from flows.client.fhir import FhirClient
from flows.client.paging import Paging, Parameters
from flows.landing.bulk_log import BulkLog
from flows.landing.found import Found
from flows.landing.intake import Intake
from flows.landing.manifest import Missing
from flows.landing.spool import Spool, Spooled

_WHOLE_SYSTEM = re.compile(r"(?<!\\)\|(,|$)")


@dataclass(frozen=True)
class Asked:
    """One search to be made: its number in the run, what the plan says, and the parameters with their ids."""

    number: int
    search: Search
    parameters: Parameters


@dataclass(frozen=True)
class _Answer:
    asked: Asked
    paging: Paging
    spool: Spool
    empty_entries: int
    fault: RequestFault | None


def filtered_here(search: Search) -> bool:
    """Whether the plan leaves it to us to look at the codes: none are sent, or a whole code system is asked for."""
    if search.arrival.lists is None:
        return False
    sent = [value for name, value in search.parameters if name == "code"]
    return not sent or any(_WHOLE_SYSTEM.search(value) for value in sent)


class PhaseRunner:
    """Makes searches of one client and lands them through one `Intake`."""

    def __init__(self, client: FhirClient, intake: Intake, folder: Path, log: BulkLog, parallel: int) -> None:
        self._client, self._intake, self._folder, self._log = client, intake, folder, log
        self._parallel = max(1, parallel)
        self._number = 0

    def asked(self, search: Search, parameters: Sequence[Parameters]) -> list[Asked]:
        """Number the requests of a search."""
        made = []
        for each in parameters:
            self._number += 1
            made.append(Asked(self._number, search, each))
        return made

    def run(self, todo: Sequence[Asked], keys: Callable[[str], Collection[str]], step: Callable[[int], None]) -> Found:
        """Make the searches; ``keys`` gives the ids a type may be about; ``step`` hears how many are landed.

        Raises `SourceError` from the client; every other fault ends one search and is named in ``missing``.
        """
        found = Found()
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="bedside-search") as pool:
            futures: list[Future[_Answer]] = [pool.submit(self._one, each, keys) for each in todo]
            try:
                for done, future in enumerate(futures, start=1):
                    self._land(future.result(), found)
                    step(done)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return found

    def _one(self, asked: Asked, keys: Callable[[str], Collection[str]]) -> _Answer:
        search, log = asked.search, self._log
        paging = self._client.search(search.type, asked.parameters)
        spool = Spool(self._folder / f"search-{asked.number:06d}.part")
        address = f"{self._client.base}/{search.type}#search={asked.number}&page="
        empty, attempt, fault = 0, 1, None
        here = filtered_here(search)
        log.add("download_request", fileUrl=f"{address}1", itemType="output", resourceType=search.type)
        try:
            for page in paging:
                if page.attempt != attempt:
                    attempt, empty = page.attempt, 0
                empty += page.page.empty_entries
                check = here or bool(paging.not_applied)
                for entry in page.page.entries:
                    self._keep(spool, entry, page.attempt, search, keys if check else None)
                log.add(
                    "download_complete",
                    fileUrl=f"{address}{page.number}",
                    resourceCount=len(page.page.entries),
                    fileSize=page.page.size,
                )
                if page.page.next_link is not None:
                    following = f"{address}{page.number + 1}"
                    log.add("download_request", fileUrl=following, itemType="output", resourceType=search.type)
        except RequestFault as caught:
            fault = caught
            failed = f"{address}{paging.failed_page}"
            log.add("download_error", fileUrl=failed, body=None, code=caught.status, message=caught.reason)
        finally:
            spool.close()
        return _Answer(asked, paging, spool, empty, fault)

    def _keep(
        self,
        spool: Spool,
        entry: Entry,
        attempt: int,
        search: Search,
        keys: Callable[[str], Collection[str]] | None,
    ) -> None:
        leave_out = ""
        if keys is not None and entry.type == search.type:
            leave_out = wanted(entry.resource, search, keys(entry.type)) or ""
        patient = (patient_of(entry.resource) or "") if search.phase == "index" else ""
        spool.add(entry, attempt, leave_out, patient, tuple(references_in(entry.resource)))

    def _land(self, answer: _Answer, found: Found) -> None:
        asked, paging, fault = answer.asked, answer.paging, answer.fault
        type_ = asked.search.type
        count = self._intake.count(type_)
        count.searches += 1
        count.pages += paging.pages
        found.pages += paging.pages
        distinct: set[str] = set()
        # An attempt that came to its end stands alone. Of a search that never did, whatever came is kept.
        for item in answer.spool.read():
            if fault is not None or item.attempt == paging.attempt:
                self._take(item, asked, found, distinct)
        answer.spool.remove()
        for _ in range(answer.empty_entries):
            self._intake.leave_out(type_, "empty-entry")
        self._total(paging, fault, len(distinct), asked, found)
        if paging.not_applied:
            found.warnings.append(
                {
                    "code": "parameter-not-applied",
                    "type": type_,
                    "search": asked.number,
                    "parameters": list(paging.not_applied),
                }
            )
        if paging.attempt > 1:
            found.warnings.append(
                {"code": "begun-again", "type": type_, "search": asked.number, "times": paging.attempt - 1}
            )
        if fault is not None:
            found.faults.append(fault)
            found.missing.append(Missing(type_, f"page {paging.failed_page} of search {asked.number}", fault.reason))

    def _take(self, item: Spooled, asked: Asked, found: Found, distinct: set[str]) -> None:
        searched = asked.search.type
        if item.type == "OperationOutcome" and searched != "OperationOutcome":
            self._intake.outcome(searched, item.text, asked.number)
        elif item.mode == "include" or (not item.mode and item.type != searched):
            self._intake.leave_out(item.type, "include")
        elif item.type != searched or item.mode == "outcome":
            self._intake.leave_out(item.type, "other-type")
        else:
            distinct.add(item.id or item.text.hex())
            if item.leave_out:
                self._intake.leave_out(item.type, item.leave_out, match=True)
                return
            self._intake.land(item.type, item.id, item.version, item.text)
            self._note(item, asked, found)

    def _note(self, item: Spooled, asked: Asked, found: Found) -> None:
        if asked.search.phase == "index":
            if item.patient:
                found.patients.add(item.patient)
            else:
                found.without_patient += 1
        found.note(item.type, item.id, item.refers_to, asked.search.by)

    def _total(self, paging: Paging, fault: RequestFault | None, distinct: int, asked: Asked, found: Found) -> None:
        count = self._intake.count(asked.search.type)
        first = count.searches == 1
        exact = paging.total_exact and paging.total is not None
        if paging.total is not None:
            count.server_total = (count.server_total or 0) + paging.total
        count.total_exact = exact and (first or count.total_exact)
        count.distinct += distinct
        if fault is None and exact and paging.total is not None and paging.total > distinct:
            what = f"{paging.total - distinct} of {paging.total} of search {asked.number} ({paging.pages} pages)"
            found.missing.append(Missing(asked.search.type, what, "fewer-than-total"))
