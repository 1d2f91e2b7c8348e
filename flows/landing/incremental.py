"""Keep a current snapshot of a site, and land it for a run: whole at first, afterwards by what changed.

    extract      into store/<study>/<site>/deltas/<n>/, by `flows.landing.since` or, where a source cannot be asked for
                 changes, whole
    settle       what stays, what goes and why: `flows.landing.fates`
    publish      the new snapshot, then the state that names it: `flows.landing.snapshot`, `flows.store`
    land         the snapshot's files in the run's landing, with a manifest of method "incremental"

An extract with anything missing is not published: the snapshot and its watermarks stay as they are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from analysis.arrival import wanted
from analysis.plan import Plan
from flows.client.fhir import FhirClient
from flows.landing import fates
from flows.landing.asking import located
from flows.landing.bulk_extract import WORK
from flows.landing.bulk_log import times_of_export
from flows.landing.bulk_state import filters_of as export_filters_of
from flows.landing.connect import source_of
from flows.landing.extract import cut_off_in_tidying, extract_from, filters_sha256
from flows.landing.fates import Asking, asking_of
from flows.landing.folder import entry_of_line
from flows.landing.holdings import Holdings, remove
from flows.landing.instants import AUTO, read_instant
from flows.landing.landed_snapshot import APPLIED, land_delta, land_snapshot
from flows.landing.manifest import Manifest, read_manifest
from flows.landing.since import SETTLED, SinceCourse, refetched
from flows.landing.since_decision import Decision, next_state, whole
from flows.landing.since_export import ExportCourse, why_whole
from flows.landing.snapshot import Snapshot, fill, read_snapshot, write_snapshot
from flows.landing.unfinished import filters_of
from flows.progress import Progress, silent
from flows.run_folder import held, write_json
from flows.sites import Site, Sites
from flows.store import State, Store
from mappings.errors import DefinitionError, SourceError

_TABLES = "working.sqlite"
_GONE = "gone.ndjson"


@dataclass(frozen=True)
class Incremental:
    """One site, its plan and its store. ``since`` is ``auto`` or an instant; ``named`` is the source as the sites file
    names it, which stays the same where the address does not (an embedded sandbox)."""

    site: Site
    plan: Plan
    store: Store
    since: str
    named: str
    progress: Progress = silent
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def filters(self) -> str:
        """What a snapshot is made for. A list of patients is no part of it: who is new there comes, others leave."""
        return filters_sha256(_searched(self.site, cohort=None), self.plan)


def extract_since(asked: Incremental, landing_dir: Path, *, sites: Sites | None = None) -> Manifest:
    """Bring the snapshot up to date and land it in ``landing_dir``; the landing's manifest.

    Raises `DefinitionError` where the snapshot was made for other filters, another command is at work in the store, or
    ``since`` would leave a gap; `SourceError` and `UnusableDataError` as the steps of it do.
    """
    # Nothing is asked for along: what comes so is asked for by the plan too, and only then can be missed in a list.
    asked = replace(asked, site=_searched(located(asked.site, sites), include=(), revinclude=()))
    store = asked.store
    store.make_folders()
    with held(store.folder, "wait until it has ended"):
        store.sweep()
        # Only the last may have been cut off before it let go of its tables: the next one begins with this.
        for published in store.published()[-1:]:
            remove(published / _TABLES)
        _refuse(asked, store.read())
        with source_of(asked.site, sites) as source:
            return bring_up_to_date(asked, source, landing_dir)


def bring_up_to_date(asked: Incremental, source: FhirClient | Path, landing_dir: Path) -> Manifest:
    """As `extract_since`, with a source that is open and the store in hand.

    What an earlier command left unfinished is finished first, and then the source is asked once more: the snapshot is
    as new as this command.
    """
    done: list[str] = []
    while True:
        state = asked.store.read()
        name = asked.store.name_of(1 + (state.extracts if state else 0))
        delta = asked.store.deltas / name
        left_over = _left_over(asked, delta)
        manifest = _extract(asked, source, state, delta)
        if not manifest.complete:
            return land_delta(landing_dir, delta, manifest, _current(asked.store, state), state, done)
        state = _publish(asked, state, delta, manifest)
        done.append(name)
        if not left_over:
            return land_snapshot(landing_dir, delta, manifest, read_snapshot(asked.store.snapshots / name), state, done)


def _searched(site: Site, **changes: object) -> Site:
    return site.model_copy(update={"search": site.search.model_copy(update=changes)})


def _refuse(asked: Incremental, state: State | None) -> None:
    if state is None:
        return
    if state.filters_sha256 != asked.filters:
        raise DefinitionError(
            f"{asked.store.folder} holds a snapshot made for another study definition, scope or way of "
            "searching; move it away to begin a new one"
        )
    given = None if asked.since == AUTO else read_instant(asked.since)
    for type_, text in sorted(state.watermarks.items()):
        mark = read_instant(text)
        if given is not None and mark is not None and given > mark:
            raise DefinitionError(
                f"--since {asked.since} is later than the snapshot knows {type_} ({text}): "
                "what changed in between would be lost; use an earlier instant or auto"
            )


def _left_over(asked: Incremental, delta: Path) -> bool:
    """Whether an earlier command began this extract. One that was made for other filters goes."""
    manifest = read_manifest(delta) if delta.exists() else None
    filters = filters_of(delta) or export_filters_of(delta / WORK) if manifest is None else manifest.filters_sha256
    if filters is not None and filters != filters_sha256(asked.site, asked.plan):
        shutil.rmtree(delta)
        return False
    return filters is not None and (manifest is None or manifest.complete)


def _current(store: Store, state: State | None) -> Snapshot | None:
    return None if state is None else read_snapshot(store.snapshots / state.snapshot)


def _extract(asked: Incremental, source: FhirClient | Path, state: State | None, delta: Path) -> Manifest:
    """The extract in ``delta``: as it ended before, gone on with, or made; its tables are settled when it is whole."""
    ended = read_manifest(delta) if delta.exists() else None
    if ended is not None and ended.complete:
        if _settled(delta / _TABLES):
            cut_off_in_tidying(delta)
            return ended
        if ended.method != "search":
            cut_off_in_tidying(delta)
            _settle_whole(asked, state, delta, _why_whole(asked, source, state, delta) or "begun-whole")
            return ended
    reason = _why_whole(asked, source, state, delta)
    if not reason and isinstance(source, FhirClient):
        if ended is not None:
            shutil.rmtree(delta)
        try:
            return _extract_changes(asked, source, state, delta)
        except SourceError:
            if asked.site.method != "bulk":
                raise
            # A client that may export need not be allowed to search.
            shutil.rmtree(delta)
            reason = "search-refused"
    manifest = extract_from(asked.site, asked.plan, source, delta, asked.progress)
    if manifest.complete:
        _settle_whole(asked, state, delta, reason)
    return manifest


def _why_whole(asked: Incremental, source: FhirClient | Path, state: State | None, delta: Path) -> str:
    """Why the source is asked for everything at once; empty where it is searched, by what changed or type by type."""
    if not isinstance(source, FhirClient):
        return "first" if state is None else "folder"
    if asked.site.method != "bulk":
        return ""
    if (delta / WORK).exists() and not (delta / _TABLES).exists():
        return "begun-whole"
    if state is None:
        return "first"
    source.open()
    return why_whole(asked.site, _decision(asked, state), source)


def _decision(asked: Incremental, state: State | None) -> Decision:
    return Decision(asked.plan, asked.site.incremental, state, asked.named, asked.since, asked.now())


def _extract_changes(asked: Incremental, source: FhirClient, state: State | None, delta: Path) -> Manifest:
    before = partial(fill, snapshot=_current(asked.store, state))
    tables, decide = delta / _TABLES, _decision(asked, state).by_search
    course: SinceCourse
    if asked.site.method == "bulk":
        filters = filters_sha256(asked.site, asked.plan)
        course = ExportCourse(asked.site, asked.plan, tables, before, decide, filters, asked.progress)
    else:
        course = SinceCourse(asked.site, asked.plan, tables, before, decide)
    try:
        return extract_from(asked.site, asked.plan, source, delta, asked.progress, course=course)
    finally:
        course.close()


def _settled(tables: Path) -> bool:
    if not tables.exists():
        return False
    holdings = Holdings(tables, None)
    try:
        return bool(holdings.said(SETTLED))
    finally:
        holdings.close()


def _settle_whole(asked: Incremental, state: State | None, delta: Path, reason: str) -> None:
    """The tables of an extract that brought everything there is."""
    remove(delta / _TABLES)
    holdings = Holdings(delta / _TABLES, None)
    try:
        # A folder says no time at which it was true.
        times = ("", "") if asked.site.folder is not None else times_of_export(delta)
        asking = whole(asked.plan, reason, *times)
        with holdings.together():
            fill(holdings, _current(asked.store, state))
            holdings.say("asking", asking.as_dict())
        holdings.take([delta])
        with holdings.together():
            _find_index_events(asked.plan, holdings, delta)
            fates.settle_cohort(holdings, asking, ())
            fates.settle(holdings, asking)
            holdings.say(SETTLED, True)
    finally:
        holdings.close()


def _find_index_events(plan: Plan, holdings: Holdings, delta: Path) -> None:
    index = plan.phase("index")
    for type_ in sorted({search.type for search in index}):
        for file in sorted(delta.glob(f"{type_}.*.ndjson")):
            with file.open("rb") as lines:
                found = (entry_of_line(line.rstrip(b"\n")) for line in lines)
                holdings.keep(
                    "index_came", ((type_, e.id) for e in found if e.id and wanted(e.resource, index) is None)
                )


def _publish(asked: Incremental, state: State | None, delta: Path, manifest: Manifest) -> State:
    """Write the next snapshot and make it the current one."""
    store, name = asked.store, delta.name
    holdings = Holdings(delta / _TABLES, None)
    try:
        asking = asking_of(holdings.said("asking"))
        before = _current(store, state)
        snapshot = write_snapshot(holdings, asking, before, delta, manifest.files, store.snapshots / name)
        _keep_record(holdings, asking, delta, manifest)
        made = next_state(holdings, asking, state, asked.site.incremental)
        new = State(
            filters_sha256=asked.filters,
            source=asked.named,
            extracts=int(name),
            snapshot=name,
            sha256=snapshot.sha256,
            kickoff=asking.kickoff,
            server_time=asking.server_time,
            deltas=(*(state.deltas if state else ()), name),
            **made,
        )
        store.publish(new)
    finally:
        holdings.close()
    remove(delta / _TABLES)
    return new


def _keep_record(holdings: Holdings, asking: Asking, delta: Path, manifest: Manifest) -> None:
    """What was applied, beside the delta: counts, and type, id and reason of what left the snapshot."""
    counts = {type_: asdict(count) for type_, count in fates.applied(holdings).items()}
    warnings = [*manifest.warnings]
    if manifest.method != "search":
        warnings += [*refetched(asking, ()), *fates.warnings_of(holdings, asking)]
    said: dict[str, Any] = {"asking": asking.as_dict(), "applied": counts, "warnings": warnings}
    (cohort,) = holdings.sql.execute("SELECT count(*) FROM cohort").fetchone()
    write_json(delta / APPLIED, {**said, "patients": cohort if asking.cohort else None})
    rows = holdings.sql.execute("SELECT type, key, reason FROM gone ORDER BY type, key")
    lines = [json.dumps({"type": type_, "id": key, "reason": reason}) + "\n" for type_, key, reason in rows]
    (delta / _GONE).write_text("".join(lines), encoding="utf-8")
    (delta / _GONE).chmod(0o600)
