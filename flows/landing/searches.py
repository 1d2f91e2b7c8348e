"""Run the searches of one phase side by side, and land their answers in the order of the plan."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace

import orjson

from analysis.arrival import may_refer, patient_of, references_in, wanted
from analysis.plan import Plan, Search
from flows.client.faults import RequestFault
from flows.client.fhir import FhirClient
from flows.client.page import Page
from flows.client.paging import Paging, Parameters
from flows.landing.asking import LAST_UPDATED, SORTED
from flows.landing.bulk_log import BulkLog
from flows.landing.identities import DistinctIds
from flows.landing.intake import Resource
from flows.landing.manifest import Missing
from flows.landing.newest import newest_in_order
from flows.landing.page_journal import Ending, Entries, Item, JournalPage, PageJournal
from flows.landing.unfinished import Unfinished

_WHOLE_SYSTEM = re.compile(r"(?<!\\)\|(,|$)")

Keys = Callable[[str], Collection[str]]


@dataclass(frozen=True)
class Asked:
    """One search to be made: its number in the run, what the plan says, and the parameters with their ids.

    ``part`` is empty, or says which half of which half of it is asked for (``.1.2``), or how often it was gone on with
    from the newest seen (``+3``).
    """

    number: int
    search: Search
    parameters: Parameters
    part: str = ""

    @property
    def sorted(self) -> bool:
        """Whether it comes in the order of ``_lastUpdated``, so that another can go on from its newest."""
        return SORTED in self.parameters

    @property
    def label(self) -> str:
        """The number as it is shown."""
        return f"{self.number}{self.part}"

    def halves(self) -> tuple[Asked, ...]:
        """The same search about one half of its ids and about the other; none when it is about one or no id."""
        ids = self.parameters[-1][1].split(",") if self.search.by else []
        middle = len(ids) // 2
        return tuple(
            replace(self, parameters=(*self.parameters[:-1], (self.search.by, ",".join(half))), part=f"{self.part}.{n}")
            for n, half in enumerate((ids[:middle], ids[middle:]), start=1)
            if middle
        )


class _StoppedError(Exception):
    """Another search has ended the extract; what has come stays in the journal."""


@dataclass(frozen=True)
class _Answer:
    asked: Asked
    paging: Paging
    journal: PageJournal
    fault: RequestFault | None
    split: bool
    """Whether it may be one record that the server fails on, and there is more than one id to look for it among."""
    cut: bool = False
    """Whether another answer goes on from the newest time of this one, so that its end and its total say nothing."""

    @property
    def in_legs(self) -> bool:
        """Whether it is one of several that go on from each other."""
        return self.cut or self.asked.part.startswith("+")

    @property
    def first_total(self) -> int | None:
        """The total on the first page of the attempt that stands."""
        totals = (mark.total for mark in self.journal.marks if mark.attempt == self.paging.attempt)
        return next(totals, None)


def filtered_here(search: Search) -> bool:
    """Whether the plan leaves it to us to look at the codes: none are sent, or a whole code system is asked for."""
    if search.arrival.lists is None:
        return False
    sent = [value for name, value in search.parameters if name == "code"]
    return not sent or any(_WHOLE_SYSTEM.search(value) for value in sent)


class PhaseRunner:
    """Makes searches of one client and lands them through the intake of ``state``, which is gone on with."""

    def __init__(self, client: FhirClient, state: Unfinished, log: BulkLog, plan: Plan, parallel: int) -> None:
        self._client, self._state, self._log, self._plan = client, state, log, plan
        self._intake, self._found = state.intake, state.found
        self._parallel = max(1, parallel)
        self._number = 0
        self._stop = threading.Event()

    def asked(self, search: Search, parameters: Sequence[Parameters]) -> list[Asked]:
        """Number the requests of a search."""
        made = []
        for each in parameters:
            self._number += 1
            made.append(Asked(self._number, search, each))
        return made

    def run(self, todo: Sequence[Asked], keys: Keys, step: Callable[[int], None]) -> None:
        """Make the searches that are not landed yet.

        ``keys`` gives the ids a type may be about; ``step`` hears how many are landed. Raises `SourceError` from the
        client; every other fault ends one search and is named in ``missing``.
        """
        still = [each for each in todo if each.number > self._state.landed]
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="bedside-search") as pool:
            futures: list[Future[list[_Answer]]] = [pool.submit(self._answers, each, keys) for each in still]
            try:
                for done, (asked, future) in enumerate(zip(still, futures, strict=True), len(todo) - len(still) + 1):
                    answers = future.result()
                    everything = DistinctIds()
                    for answer in answers:
                        self._land(answer, everything)
                    if answers[0].cut:
                        self._total_of_legs(answers, everything.count)
                    self._state.search_landed(asked.number)
                    step(done)
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _answers(self, asked: Asked, keys: Keys) -> list[_Answer]:
        """The answer, or those of its parts where one record keeps the server from answering the whole."""
        answer = self._one(asked, keys)
        if answer.split:
            return self._in_parts(answer, keys)
        return self._legs(answer, keys) if asked.sorted else [answer]

    def _legs(self, answer: _Answer, keys: Keys) -> list[_Answer]:
        """The answer, and as many more as begin at the newest time the last one came to.

        A server that gives only so many of one search (Medplum 10,000) ends it by a refusal or without a word; so there
        is one search more than needed, which brings nothing newer.
        """
        asked, answers, since = answer.asked, [answer], ""
        while (newest := newest_in_order(answer.journal, answer.paging.attempt)) not in (None, since):
            if answer.fault is not None and not 400 <= (answer.fault.status or 0) < 500:
                break
            since = str(newest)
            answers[-1] = replace(answer, cut=True)
            parameters = (*asked.parameters, (LAST_UPDATED, f"ge{since}"))
            answer = self._one(replace(asked, parameters=parameters, part=f"+{len(answers)}"), keys)
            answers.append(answer)
        return answers

    def _in_parts(self, whole: _Answer, keys: Keys) -> list[_Answer]:
        """Both halves of a search that failed, the failing one in parts again.

        Where both fail it is not one record but the server: nothing is gained by asking on.
        """
        halves = [self._one(half, keys) for half in whole.asked.halves()]
        if all(half.fault for half in halves):
            return [whole]
        return [part for half in halves for part in (self._in_parts(half, keys) if half.split else [half])]

    def _one(self, asked: Asked, keys: Keys) -> _Answer:
        name = f"{asked.number:06d}{asked.part}"
        with closing(PageJournal(self._state.search_file(name), f"{asked.search.type}?{asked.parameters}")) as journal:
            paging = self._client.search(asked.search.type, asked.parameters, tuple(journal.marks))
            fault: RequestFault | None = None
            ended = journal.ending
            if ended is None or not ended.final:
                fault = self._fetch(asked, paging, journal, keys)
                # Some (Cerner) answer 500 for ever where one record is bad; 502 to 504 speak of the server, not of it.
                split = fault is not None and fault.status == 500 and bool(asked.halves())
                ended = Ending(fault.reason if fault else "", split)
                journal.end(ended)
            elif ended.split:
                fault = RequestFault(ended.reason, 500)
            else:
                for _ in paging:  # ended before: nothing is asked, and the search knows again what it knew
                    pass
        return _Answer(asked, paging, journal, fault, ended.split)

    def _fetch(self, asked: Asked, paging: Paging, journal: PageJournal, keys: Keys) -> RequestFault | None:
        search, log = asked.search, self._log
        address = f"{self._client.base}/{search.type}#search={asked.label}&page="
        here = filtered_here(search)
        first = journal.marks[-1].number + 1 if journal.marks else 1
        log.add("download_request", fileUrl=f"{address}{first}", itemType="output", resourceType=search.type)
        try:
            for page in paging:
                check = here or any(name != LAST_UPDATED for name in paging.not_applied)
                journal.add(page.mark, _entries(page.page, search, keys if check else None), page.page.empty_entries)
                log.add(
                    "download_complete",
                    fileUrl=f"{address}{page.number}",
                    resourceCount=len(page.page.texts),
                    fileSize=page.page.size,
                )
                if self._stop.is_set():
                    raise _StoppedError
                if page.page.next_link is not None:
                    following = f"{address}{page.number + 1}"
                    log.add("download_request", fileUrl=following, itemType="output", resourceType=search.type)
        except RequestFault as fault:
            failed = f"{address}{paging.failed_page}"
            log.add("download_error", fileUrl=failed, body=None, code=fault.status, message=fault.reason)
            return fault
        return None

    def _land(self, answer: _Answer, everything: DistinctIds) -> None:
        """Land one answer; ``everything`` hears of every match too."""
        asked, paging, fault, found = answer.asked, answer.paging, answer.fault, self._found
        type_ = asked.search.type
        count = self._intake.count(type_)
        count.searches += 1
        count.pages += paging.pages
        found.pages += paging.pages
        ids = DistinctIds()
        # An attempt that came to its end stands alone. Of a search that never did, whatever came is kept.
        for page in answer.journal.read():
            if fault is not None or page.mark.attempt == paging.attempt:
                self._take(page, asked, (ids, everything) if answer.in_legs else (ids,))
        if answer.cut:
            fault = None
        else:
            self._total(paging, fault, ids.count, asked)
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
            found.missing.append(Missing(type_, f"page {paging.failed_page} of search {asked.label}", fault.reason))

    def _take(self, page: JournalPage, asked: Asked, hearers: Sequence[DistinctIds]) -> None:
        """Land a page; ``hearers`` hear of every match of the search."""
        searched, entries = asked.search.type, page.entries
        for _ in range(page.empty_entries):
            self._intake.leave_out(searched, "empty-entry")
        plain = asked.search.phase != "index" and asked.search.by != "_id"
        if plain and _all_wanted(entries, searched) and not any(entries.refers_to):
            for ids in hearers:
                ids.add(entries.ids)
            self._intake.land_lines(searched, entries)
            return
        matches: list[Item] = []
        along: list[Item] = []
        for item in entries.items:
            if item.type == "OperationOutcome" and searched != "OperationOutcome":
                self._intake.outcome(searched, item.text, asked.number)
            elif item.mode == "include" or (not item.mode and item.type != searched):
                along.append(item)
            elif item.type != searched or item.mode == "outcome":
                self._intake.leave_out(item.type, "other-type")
            else:
                matches.append(item)
        for ids in hearers:
            ids.add([item.id or item.text.hex() for item in matches])
        landed = []
        for item in matches:
            if item.leave_out:
                self._intake.leave_out(item.type, item.leave_out, match=True)
                if asked.search.by == "_id" or any(name == LAST_UPDATED for name, _ in asked.parameters):
                    self._found.learn("turned-down", item.type, item.id)
            else:
                landed.append(item)
        self._intake.land([Resource(item.type, item.id, item.version, item.text) for item in landed])
        for item in landed:
            self._note(item, asked)
        for item in along:
            self._take_along(item)

    def _take_along(self, item: Item) -> None:
        """Land what came with others if the plan asks for it anyway."""
        searches = [each for each in self._plan.searches if each.type == item.type and each.phase != "index"]
        resource = orjson.loads(item.text) if searches else {}
        for search in searches:
            referenced = search.phase == "referenced"
            keys = self._found.references.get(item.type, set()) if referenced else self._found.patients
            if wanted(resource, search, keys) is None:
                self._intake.land([Resource(item.type, item.id, item.version, item.text)], match=False)
                self._found.note(item.type, item.id, references_in(resource), "")
                if referenced:
                    self._found.learn("along", item.type, item.id)
                return
        self._intake.leave_out(item.type, "include")

    def _note(self, item: Item, asked: Asked) -> None:
        found = self._found
        if asked.search.phase == "index":
            found.learn("event", item.type, item.id)
            if item.patient:
                found.learn("patient", "Patient", item.patient)
            else:
                found.without_patient += 1
        found.note(item.type, item.id, item.refers_to, asked.search.by)

    def _total(self, paging: Paging, fault: RequestFault | None, distinct: int, asked: Asked) -> None:
        count = self._intake.count(asked.search.type)
        first = count.searches == 1
        exact = paging.total_exact and paging.total is not None
        if paging.total is not None:
            count.server_total = (count.server_total or 0) + paging.total
        count.total_exact = exact and (first or count.total_exact)
        count.distinct += distinct
        if fault is None and exact and paging.total is not None and paging.total > distinct:
            what = f"{paging.total - distinct} of {paging.total} of search {asked.label} ({paging.pages} pages)"
            self._found.missing.append(Missing(asked.search.type, what, "fewer-than-total"))

    def _total_of_legs(self, legs: Sequence[_Answer], distinct: int) -> None:
        """Hold what all legs brought against their totals: a leg that another goes on from cannot be held to its own.

        What each leg had before the next began is the difference of their totals, taken where one ended and the other
        began, so that what changes over a long crawl counts once.
        """
        said = [(leg.first_total, leg.paging.total) for leg in legs]
        if legs[-1].fault is not None or not all(leg.paging.total_exact for leg in legs):
            return
        if any(first is None or last is None for first, last in said):
            return
        total = sum((last or 0) - (first or 0) for first, last in said) + (said[0][0] or 0)
        type_, label = legs[0].asked.search.type, legs[0].asked.label
        if total > distinct:
            what = f"{total - distinct} of {total} of search {label} ({sum(leg.paging.pages for leg in legs)} pages)"
            self._found.missing.append(Missing(type_, what, "fewer-than-total"))


def _all_wanted(entries: Entries, type_: str) -> bool:
    """Whether every entry is a match of that type with an id, and wanted."""
    of_type, modes, n = entries.types.count(type_), entries.modes, len(entries.ids)
    return (
        of_type == n
        and modes.count("match") + modes.count("") == n
        and not any(entries.leave_outs)
        and all(entries.ids)
    )


def _entries(page: Page, search: Search, keys: Keys | None) -> Entries:
    """The entries of a page with what landing needs to know of them; ``keys`` is given where they are filtered here."""
    nothing = [""] * len(page.texts)
    leave_outs, patients = nothing, nothing
    if keys is not None:
        of_type = keys(search.type)
        leave_outs = [
            (wanted(page.resource(place), search, of_type) or "") if type_ == search.type else ""
            for place, type_ in enumerate(page.types)
        ]
    if search.phase == "index":
        patients = [patient_of(page.resource(place)) or "" for place in range(len(page.texts))]
    lines = b"\n".join([*page.texts, b""])
    refers_to: list[tuple[tuple[str, str], ...]] = [()] * len(page.texts)
    if may_refer(set(page.types), lines):
        one_by_one = enumerate(zip(page.types, page.texts, strict=True))
        refers_to = [
            tuple(references_in(page.resource(place))) if may_refer((type_,), text) else ()
            for place, (type_, text) in one_by_one
        ]
    return Entries(
        types=page.types,
        ids=page.ids,
        versions=page.versions,
        modes=page.modes,
        leave_outs=leave_outs,
        patients=patients,
        refers_to=refers_to,
        sizes=[len(text) + 1 for text in page.texts],
        lines=lines,
    )
