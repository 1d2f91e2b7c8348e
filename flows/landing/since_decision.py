"""What one extract asks for changes only, what for whole, and how it finds what is there no longer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from analysis.plan import Plan
from flows.client.fhir import FhirClient
from flows.landing import fates
from flows.landing.fates import EXPORT, HISTORY, LISTS, NOT_LOOKED_FOR, Asking
from flows.landing.holdings import Holdings
from flows.landing.instants import read_http_date, read_instant, write_instant
from flows.landing.watermark import NO_TIMES, watermarks
from flows.site_incremental import IncrementalSettings

if TYPE_CHECKING:
    from flows.store import State


@dataclass(frozen=True)
class Decision:
    """All that it depends on, but for what the server says of itself. ``began`` is when the command turned to the
    site; ``since`` is ``auto`` or an instant that is not later than any watermark."""

    plan: Plan
    settings: IncrementalSettings
    state: State | None
    named: str
    since: str
    began: datetime

    def by_search(self, client: FhirClient) -> Asking:
        """For a server that is asked by search and has answered with its CapabilityStatement."""
        since: dict[str, str] = {}
        refetched: dict[str, str] = {}
        for type_ in self.plan.types:
            reason = self._whole(type_, client)
            if reason:
                refetched[type_] = reason
            else:
                assert self.state is not None
                since[type_] = self.state.watermarks[type_] if self.since == "auto" else self.since
        server_time = read_http_date(client.capability.date)
        deletions = {type_: self._way(type_, client) for type_ in since}
        made = whole(self.plan, "")
        return replace(
            made,
            kickoff=write_instant(self.began),
            server_time=write_instant(server_time) if server_time else "",
            since=since,
            refetched=refetched,
            deletions=deletions,
        )

    def _whole(self, type_: str, client: FhirClient) -> str:
        """Why a type is asked for whole; empty where changes are enough."""
        if self.state is None:
            return "first"
        if self.state.source != self.named:
            return "another-address"
        if type_ in self.settings.refetch:
            return "setting"
        if type_ in self.state.refetch:
            return self.state.refetch[type_]
        if type_ not in self.state.watermarks:
            return "empty"
        return "" if client.capability.searches_last_updated(type_) else "not-supported"

    def _way(self, type_: str, client: FhirClient) -> str:
        """How deletions of a type are found.

        The history of a type is that of everybody. Unless the settings ask for it, it is read only where everybody's
        resources are asked for anyhow. It does not say which search a resource matches: index events are always listed.
        """
        wanted = self.settings.deletions
        if wanted == EXPORT:
            return EXPORT
        whole_types = {search.type for search in self.plan.searches if search.phase != "index"}
        if (
            (wanted == HISTORY or (wanted == "auto" and self.plan.scope == "population"))
            and type_ in whole_types
            and client.capability.keeps_history(type_)
        ):
            return HISTORY
        unlooked = self.state.unlooked if self.state else 0
        return LISTS if unlooked + 1 >= self.settings.deletions_every else NOT_LOOKED_FOR


def whole(plan: Plan, reason: str, kickoff: str = "", server_time: str = "") -> Asking:
    """For a source that has given everything. Without a kick-off no watermark follows from it."""
    return Asking(
        kickoff=kickoff,
        server_time=server_time,
        since={},
        refetched=dict.fromkeys(plan.types, reason),
        deletions={},
        cohort=plan.scope == "cohort",
        referenced=tuple(sorted({search.type for search in plan.phase("referenced")})),
    )


def next_state(
    holdings: Holdings, asking: Asking, state: State | None, settings: IncrementalSettings
) -> dict[str, Any]:
    """What of `State` follows from an extract that is settled: watermarks, types to refetch, extracts without a look
    at deletions."""
    newest, timeless = fates.newest_seen(holdings)
    kickoff = read_instant(asking.kickoff)
    if kickoff is None:
        return {"watermarks": {}, "refetch": dict.fromkeys(asking.refetched, "no-watermark"), "unlooked": 0}
    marks = watermarks(
        kickoff,
        read_instant(asking.server_time),
        {type_: seen for type_, seen in newest.items() if type_ not in timeless},
        timedelta(seconds=settings.overlap_s),
    )
    looked = NOT_LOOKED_FOR not in asking.deletions.values()
    return {
        "watermarks": {type_: write_instant(mark) for type_, mark in sorted(marks.items())},
        "refetch": dict.fromkeys(sorted(timeless), NO_TIMES),
        "unlooked": 0 if looked else (state.unlooked if state else 0) + 1,
    }
