"""The course of an extract that asks for changes only, and keeps track of what is there no longer.

Each phase goes in three steps. What changed since the watermark is asked for, of patients already known; of new ones,
everything. Then the same searches are asked for ids only: what is held and not listed is gone. What is listed and not
held, or held in another version, is fetched by id: it changed without a new time, or became visible too late.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path

from analysis.arrival import Arrival
from analysis.plan import Phase, Plan, Search
from flows.client.faults import RequestFault
from flows.client.fhir import FhirClient
from flows.client.history import changed_since
from flows.landing import fates
from flows.landing.asking import LAST_UPDATED, requests_to
from flows.landing.course import Course, Keys, Part
from flows.landing.fates import HISTORY, LISTS, Asking, asking_of
from flows.landing.found import Found
from flows.landing.holdings import Holdings
from flows.landing.id_lists import Listed, Listing, list_ids
from flows.landing.manifest import Missing
from flows.landing.searches import filtered_here
from flows.landing.unfinished import Unfinished
from flows.sites import Site

SETTLED = "settled"
WHOLE_FIRST = frozenset({"first", "empty"})
"""Reasons to ask for a type whole that nobody needs to be told."""

Decide = Callable[[FhirClient], Asking]


class SinceCourse(Course):
    """Asks as ``decide`` says, on the tables of ``at`` (a file). ``fill`` reads the snapshot into new tables.

    What is decided is decided once for an extract, however often it is cut off and gone on with.
    """

    def __init__(self, site: Site, plan: Plan, at: Path, fill: Callable[[Holdings], None], decide: Decide) -> None:
        self._plan, self._at, self._fill, self._decide = plan, at, fill, decide
        self._how, self._parallel = site.search, site.limits.parallel
        self._open_phase: Phase | None = None
        self._tables: Holdings | None = None

    def begin(self, client: FhirClient, state: Unfinished, listed: frozenset[str]) -> None:
        super().begin(client, state, listed)
        self._client, self._state = client, state
        self._tables = Holdings(self._at, state.export_id)
        if self.holdings.said("asking") is None:
            asking = self._decide(client)
            with self.holdings.together():
                self._fill(self.holdings)
                self.holdings.say("asking", asking.as_dict())
        self.asking = asking_of(self.holdings.said("asking"))
        client.transport.say(
            f"asked for changes only: {', '.join(sorted(self.asking.since)) or 'nothing'}; all else for whole"
        )

    @property
    def holdings(self) -> Holdings:
        """The tables, from `begin` on."""
        assert self._tables is not None
        return self._tables

    def close(self) -> None:
        """Let go of the tables."""
        if self._tables is not None:
            self._tables.close()

    def keys(self, phase: Phase, found: Found) -> Keys:
        self._close_phase(found)
        self._open_phase = phase
        if phase == "index":
            return lambda _: self._only
        if phase == "referenced":
            if self.holdings.said(f"begun:{phase}") is None:
                with self.holdings.together():
                    fates.settle(self.holdings, self.asking)
                    self.holdings.say(f"begun:{phase}", True)
            by_type = {
                type_: self.holdings.ids("SELECT key FROM referred WHERE type = ?", type_)
                for type_ in self.asking.referenced
            }
            return lambda type_: by_type.get(type_, frozenset())
        patients = self.holdings.ids("SELECT patient FROM cohort")
        return lambda _: patients

    def parts(self, search: Search, ids: Collection[str]) -> Iterable[Part]:
        since = self.asking.since.get(search.type)
        if since is None:
            return [(search, ids)]
        narrowed = replace(search, parameters=(*search.parameters, (LAST_UPDATED, f"ge{since}")))
        old = self._known(search, ids)
        return [(narrowed, old), (search, set(ids) - old)] if search.by else [(narrowed, ids)]

    def after(self, phase: Phase, searches: Sequence[Search]) -> Sequence[Part]:
        numbered = dict(zip(self._numbers(phase), searches, strict=True))
        name = f"listed:{phase}"
        if self.holdings.said(name) is None:
            self._take()
            with self.holdings.together():
                self._turned_down(phase, self._state.found)
                self._look_for_deletions(phase, {n: s for n, s in numbered.items() if s.type in self.asking.since})
                self.holdings.say(name, self._lacking(phase, numbered))
        return [(self._by_id(numbered[number]), ids) for number, ids in self.holdings.said(name) if ids]

    def end(self, found: Found, by_id: Iterable[tuple[Sequence[Search], Keys]]) -> None:
        del by_id  # what an extract did not bring may well be in the snapshot
        self._close_phase(found)
        with self.holdings.together():
            fates.settle(self.holdings, self.asking)
            self.holdings.say(SETTLED, True)
        found.missing += [Missing(*each) for each in self.holdings.said("missing") or ()]
        found.warnings += refetched(self.asking, found.warnings)
        found.warnings += fates.warnings_of(self.holdings, self.asking)
        for patient in self.holdings.ids("SELECT patient FROM cohort"):
            found.learn("patient", "Patient", patient)

    def _close_phase(self, found: Found) -> None:
        """Take in what the last step of a phase brought, once."""
        phase = self._open_phase
        if phase is None or self.holdings.said(f"closed:{phase}"):
            return
        self._take()
        with self.holdings.together():
            self._turned_down(phase, found)
            if phase == "index":
                self.holdings.keep("index_came", [(t, key) for t, keys in found.events.items() for key in keys])
                fates.settle_cohort(self.holdings, self.asking, self._numbers(phase))
                if self._only:
                    fates.leave_only(self.holdings, self._only)
            self.holdings.say(f"closed:{phase}", True)

    def _numbers(self, phase: Phase) -> list[int]:
        """The places of a phase's searches in the plan: what lists of ids are kept under."""
        return [number for number, search in enumerate(self._plan.searches) if search.phase == phase]

    def _take(self) -> None:
        self._state.commit()
        self.holdings.take((self._state.landing, self._state.folder))

    def _turned_down(self, phase: Phase, found: Found) -> None:
        rows = [(type_, key, phase) for type_, keys in found.turned_down.items() for key in keys]
        known = set(self.holdings.sql.execute("SELECT type, key FROM turned_down"))
        self.holdings.keep("turned_down", [row for row in rows if row[:2] not in known])

    def _known(self, search: Search, ids: Collection[str]) -> frozenset[str]:
        """Those of ``ids`` whose resources the snapshot has."""
        if search.phase == "referenced":
            return frozenset(ids) & self.holdings.ids("SELECT key FROM held WHERE type = ?", search.type)
        return frozenset(ids) & self.holdings.ids("SELECT patient FROM known")

    # What is there no longer

    def _look_for_deletions(self, phase: Phase, searches: Mapping[int, Search]) -> None:
        if phase != "index":
            for type_ in sorted({s.type for s in searches.values() if self._way(s.type) == HISTORY}):
                self._read_history(type_)
        # Index events decide who is asked about: they are listed wherever deletions are looked for at all.
        ways = (LISTS, HISTORY) if phase == "index" else (LISTS,)
        asked = [
            Listing(number, search.type, parameters)
            for number, search in searches.items()
            if self._way(search.type) in ways
            for parameters in requests_to(search, self._known_now(search) if search.by else (), self._how)
        ]
        list_ids(self._client, asked, self._parallel, self._listed)

    def _way(self, type_: str) -> str:
        return self.asking.deletions.get(type_, "")

    def _known_now(self, search: Search) -> frozenset[str]:
        """Of whom or what a search of this phase asked for changes only."""
        if search.phase == "referenced":
            return self._known(search, self.holdings.ids("SELECT key FROM referred WHERE type = ?", search.type))
        if search.phase == "index":
            return self._known(search, self._only)
        return self._known(search, self.holdings.ids("SELECT patient FROM cohort"))

    def _read_history(self, type_: str) -> None:
        """What the history says was deleted. Where it cannot be had, or names what may match no search any more, ids
        are listed after all."""
        try:
            changed = changed_since(self._client, type_, self.asking.since[type_])
        except RequestFault as fault:
            self._client.transport.say(f"the history of {type_} cannot be read ({fault.reason}); ids are listed")
            lists = True
        else:
            fates.note_deleted(self.holdings, [(type_, key) for key in sorted(changed.deleted)])
            self.holdings.keep("written", [(type_, key) for key in sorted(changed.written)])
            lists = fates.suspects(self.holdings, self.asking, type_)
        if lists:
            self.asking = replace(self.asking, deletions={**self.asking.deletions, type_: LISTS})
            self.holdings.say("asking", self.asking.as_dict())

    def _listed(self, listed: Listed) -> None:
        number, type_ = listed.asked.search, listed.asked.type
        self.holdings.keep("listed", [(number, type_, key, version) for key, version in listed.found])
        if listed.loose:
            self.holdings.say(f"loose:{number}", True)
        if listed.missing is not None:
            # Kept here with the list it belongs to: a process that is killed now must not forget it.
            self.holdings.say("missing", [*(self.holdings.said("missing") or ()), astuple(listed.missing)])

    def _lacking(self, phase: Phase, searches: Mapping[int, Search]) -> list[tuple[int, list[str]]]:
        """By search: what is listed and has to be fetched by id."""
        made = []
        for number, search in searches.items():
            # Where we look at the codes ourselves, most of what is listed and not held is not asked for at all.
            not_held = not filtered_here(search) and not self.holdings.said(f"loose:{number}")
            made.append((number, fates.lacking(self.holdings, number, phase, not_held=not_held)))
        return made

    def _by_id(self, search: Search) -> Search:
        arrival = search.arrival if filtered_here(search) else Arrival(search.type, by="_id")
        return replace(search, parameters=(), by="_id", arrival=arrival, why="listed, and not held in this version")


def refetched(asking: Asking, warnings: Iterable[Mapping[str, object]]) -> Iterator[dict[str, object]]:
    """A warning for each type that was asked for whole although a part would have done."""
    said = {type_: reason for type_, reason in asking.refetched.items() if reason not in WHOLE_FIRST}
    for warning in list(warnings):
        parameters = warning.get("parameters")
        ignored = (
            warning.get("code") == "parameter-not-applied"
            and isinstance(parameters, list)
            and LAST_UPDATED in parameters
        )
        if ignored and warning["type"] in asking.since:
            said.setdefault(str(warning["type"]), "parameter-not-applied")
    for type_, reason in sorted(said.items()):
        yield {"code": "refetched", "type": type_, "reason": reason}
