"""The course of an incremental extract of a site that exports: what changed comes by ``$export?_since=``.

All else is as in `flows.landing.since`: patients who are new come whole by search, ids are listed, and what is listed
in another version than held is fetched by id. So a server whose export leaves out a change, or names no deletions (HAPI
names none), loses nothing. Where the server will not export changes, they are searched for.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from analysis.arrival import OUTSIDE_FILTER, references_in, wanted
from analysis.plan import Phase, Plan, Search
from flows.client.bulk import ExportRefused
from flows.client.bundle import Entry
from flows.client.fhir import FhirClient
from flows.landing import fates
from flows.landing.bulk_export import BulkExport, Rules
from flows.landing.bulk_extract import WORK
from flows.landing.bulk_log import BulkLog
from flows.landing.bulk_plan import export_request
from flows.landing.bulk_sides import deletions, take_errors
from flows.landing.course import Keys, Part
from flows.landing.fates import EXPORT, LISTS
from flows.landing.folder import FileFault, SourceFile, read_file, type_in_name
from flows.landing.folder_extract import OUTCOME
from flows.landing.found import Found
from flows.landing.holdings import Holdings
from flows.landing.instants import read_instant, write_instant
from flows.landing.intake import Intake, Resource
from flows.landing.manifest import Missing
from flows.landing.since import Decide, SinceCourse
from flows.landing.since_decision import Decision
from flows.landing.unfinished import Unfinished
from flows.progress import Progress
from flows.sites import Site

_REFUSED = "searched-instead"


def why_whole(site: Site, decision: Decision, client: FhirClient) -> str:
    """Why a site's export has to be a whole one; empty where changes and a few searches are enough."""
    if decision.state is None:
        return "first"
    if site.group is not None:
        # Who belongs to it changes without any resource of theirs.
        return "group"
    reasons = set(decision.by_search(client).refetched.values()) - {"empty"}
    return min(reasons, default="")


class ExportCourse(SinceCourse):
    """As `SinceCourse`, with an export of what changed since the earliest watermark before the first search.

    Its files are landed phase by phase, as searches would land them: who is in the cohort is known after the first.
    """

    def __init__(
        self,
        site: Site,
        plan: Plan,
        at: Path,
        fill: Callable[[Holdings], None],
        decide: Decide,
        filters: str,
        progress: Progress,
    ) -> None:
        super().__init__(site, plan, at, fill, decide)
        self._site, self._filters, self._progress = site, filters, progress
        self._files: list[SourceFile] = []
        self._ours: dict[Phase, Keys] = {}

    @property
    def _exported(self) -> bool:
        return self._state.found.exported is not None

    def begin(self, client: FhirClient, state: Unfinished, listed: frozenset[str]) -> None:
        super().begin(client, state, listed)
        found = state.found
        refused = any(warning["code"] == _REFUSED for warning in found.warnings)
        if not refused and {*self._phases} - {*(found.exported or ())}:
            fault = self._export(client, state)
            if fault:
                found.warnings.append({"code": _REFUSED, "what": "the export of changes", "reason": fault})
            else:
                found.exported = found.exported or []
            state.commit()
        if not self._exported:
            self._list_ids_after_all()

    def keys(self, phase: Phase, found: Found) -> Keys:
        keys = super().keys(phase, found)
        if found.exported is not None:
            self._ours[phase] = self._already_known(phase, keys)
            if phase not in found.exported:
                self._land(phase)
                found.exported.append(phase)
                # Lines, counts, and that they are there, are kept at once: a process killed before begins anew.
                self._state.commit()
        return keys

    def parts(self, search: Search, ids: Collection[str]) -> Iterable[Part]:
        made = list(super().parts(search, ids))
        # The first part asks for what changed.
        return made[1:] if self._exported and search.type in self.asking.since else made

    def end(self, found: Found, by_id: Iterable[tuple[Sequence[Search], Keys]]) -> None:
        super().end(found, by_id)
        shutil.rmtree(self._state.landing / WORK, ignore_errors=True)

    # The export

    def _export(self, client: FhirClient, state: Unfinished) -> str:
        """Fetch it, or go on with it; why it cannot stand for everything that changed, empty where it can."""
        since = [moment for text in self.asking.since.values() if (moment := read_instant(text)) is not None]
        if not since:
            return "nothing-held"
        work = state.landing / WORK
        request = export_request(self._site, self._plan, write_instant(min(since)))
        if EXPORT in self.asking.deletions.values():
            # What no longer meets a filter is neither in the export nor among the deleted.
            request = replace(request, type_filters=())
        rules = Rules(self._site.id, self._site.limits.parallel, self._site.bulk.hours)
        export = BulkExport(client, request, work, self._filters, rules)
        log = BulkLog(state.landing, export_id=state.export_id)
        try:
            export.run(log, self._progress)
        except ExportRefused as refused:
            return refused.reason
        finally:
            log.close()
        gone, unread = deletions(work, export.files("deleted"))
        unread += take_errors(work, export.files("error"), Intake(None))
        faults = [export.state.fault, *(file.fault for file in export.state.files or ())]
        fault = next((each for each in (*faults, *(missing.reason for missing in unread)) if each), "")
        if not fault:
            self._files = [
                SourceFile(work / file.name, file.label, type_in_name(file.name)) for file in export.files("output")
            ]
            self._keep_times(export)
            with self.holdings.together():
                fates.note_deleted(self.holdings, gone)
        return fault

    def _keep_times(self, export: BulkExport) -> None:
        """An export shows the server as it was at its transaction time: the next one begins before it, and before the
        kick-off of this one, which a killed process may have made."""
        began, shown = export.began, read_instant(export.state.transaction_time)
        kickoff, said = read_instant(self.asking.kickoff), read_instant(self.asking.server_time)
        if kickoff is None or began < kickoff:
            self.asking = replace(self.asking, kickoff=write_instant(began))
        if shown is not None and (said is None or shown < said):
            self.asking = replace(self.asking, server_time=write_instant(shown))
        self.holdings.say("asking", self.asking.as_dict())

    def _list_ids_after_all(self) -> None:
        """Without an export nothing names deletions."""
        if EXPORT in self.asking.deletions.values():
            ways = {type_: LISTS if way == EXPORT else way for type_, way in self.asking.deletions.items()}
            self.asking = replace(self.asking, deletions=ways)
            self.holdings.say("asking", self.asking.as_dict())

    # Landing it

    @property
    def _phases(self) -> list[Phase]:
        phases: tuple[Phase, ...] = ("index", "population", "cohort", "referenced")
        return [phase for phase in phases if self._plan.phase(phase)]

    def _already_known(self, phase: Phase, keys: Keys) -> Keys:
        """Of the ids of a phase those whose changes are enough; who and what is new comes whole by search."""
        if phase == "referenced":
            held = {type_: self._held(type_) for type_ in self.asking.referenced}
            return lambda type_: held.get(type_, frozenset()) & frozenset(keys(type_))
        known = self.holdings.ids("SELECT patient FROM known") & frozenset(keys("Patient"))
        return lambda _: known

    def _land(self, phase: Phase) -> None:
        """Land what the searches of a phase ask for and those of earlier phases have not brought."""
        first = phase == self._phases[0]
        turned_down: list[tuple[str, str]] = []
        for file in self._files:
            try:
                for entry in read_file(file):
                    if entry.type == OUTCOME or not entry.type or entry.type not in self._last_asked:
                        if first:
                            self._take_other(entry, file)
                    elif not self._came_before(phase, entry):
                        self._receive(phase, entry, turned_down)
            except FileFault as cut:
                if first:
                    missing = Missing(file.type, f"the rest of {file.label}", cut.reason)
                    self._state.found.missing.append(missing)
        # Should one be held, it is in a state that is not asked for any more.
        with self.holdings.together():
            held = {type_: self._held(type_) for type_ in {each[0] for each in turned_down}}
            self.holdings.keep("turned_down", [(*each, "export") for each in turned_down if each[1] in held[each[0]]])

    def _held(self, type_: str) -> frozenset[str]:
        return self.holdings.ids("SELECT key FROM held WHERE type = ?", type_)

    @property
    def _last_asked(self) -> dict[str, Phase]:
        """The last phase that asks for each type."""
        return {search.type: phase for phase in self._phases for search in self._plan.phase(phase)}

    def _take_other(self, entry: Entry, file: SourceFile) -> None:
        if entry.type == OUTCOME:
            self._state.intake.outcome(OUTCOME, entry.text, 0)
        elif entry.type:
            self._state.intake.leave_out(entry.type, OUTSIDE_FILTER, match=True)
        else:
            # Not JSON, or without a type. It is landed, and acceptance says what is wrong.
            self._state.intake.land([Resource(file.type, "", "", entry.text)])

    def _came_before(self, phase: Phase, entry: Entry) -> bool:
        earlier = self._phases[: self._phases.index(phase)]
        return any(self._why_not(each, entry) is None for each in earlier)

    def _why_not(self, phase: Phase, entry: Entry) -> str | None:
        return wanted(entry.resource, self._plan.phase(phase), self._ours[phase](entry.type))

    def _receive(self, phase: Phase, entry: Entry, turned_down: list[tuple[str, str]]) -> None:
        intake, found = self._state.intake, self._state.found
        if entry.type not in {search.type for search in self._plan.phase(phase)}:
            return
        reason = self._why_not(phase, entry)
        if reason is None:
            intake.land([Resource(entry.type, entry.id, entry.version, entry.text)])
            found.note(entry.type, entry.id, references_in(entry.resource), "")
            if phase == "index":
                found.learn("event", entry.type, entry.id)
            return
        turned_down.append((entry.type, entry.id))
        if phase == self._last_asked[entry.type]:
            intake.leave_out(entry.type, reason, match=True)
