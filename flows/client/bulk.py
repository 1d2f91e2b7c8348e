"""Bulk Data Access: the kick-off of an ``$export``, and ending its job (IG STU 2).

A server that refuses the filters is asked without them, one that refuses POST by GET. 429 means that another job runs:
the kick-off waits as it is told to.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from flows.client.faults import GoneFault, OriginFault, RefusedFault, RequestFault, TransientFault
from flows.client.origins import candidates
from flows.client.outcomes import codes_of, issues_of, with_codes
from flows.client.paging import encode
from flows.client.retry import capped, retry_after_seconds, worth_retrying
from flows.client.transport import ANY_STATUS, Reply, Request, Transport
from mappings.errors import SourceError

Level = Literal["system", "patient", "group"]

# The server does not do it this way; another way of asking may still work.
_NOT_THIS_WAY = frozenset({400, 404, 405, 414, 422, 501})
_ASYNC = (("Prefer", "respond-async"), ("Cache-Control", "no-cache"))
_CANCEL_STATUSES = (200, 202, 204, 404, 405, 410)


@dataclass(frozen=True)
class ExportRequest:
    """What to export. ``type_filters`` are searches (``Observation?code=…``); ``since`` is a FHIR instant."""

    level: Level
    types: tuple[str, ...]
    group: str = ""
    type_filters: tuple[str, ...] = ()
    since: str | None = None

    @property
    def operation(self) -> str:
        """The operation's place under the base address."""
        return {"system": "$export", "patient": "Patient/$export", "group": f"Group/{self.group}/$export"}[self.level]

    def sha256(self, base: str) -> str:
        """A hash over all of it and the server it is asked of."""
        said = [base, self.level, self.group, self.types, self.type_filters, self.since]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def address(self, base: str) -> str:
        """The address of a GET."""
        pairs = [("_type", ",".join(self.types))]
        pairs += [("_since", self.since)] if self.since else []
        # Repeated, as operations take lists. The guide also has them in one, separated by commas: HAPI fails a job
        # for it where a type's name has a capital inside (MedicationAdministration).
        pairs += [("_typeFilter", each) for each in self.type_filters]
        return f"{base}/{self.operation}?{encode(tuple(pairs))}"

    def parameters(self) -> bytes:
        """The Parameters resource of a POST. HAPI takes ``_type`` once only."""
        made: list[dict[str, Any]] = [{"name": "_type", "valueString": ",".join(self.types)}]
        made += [{"name": "_since", "valueInstant": self.since}] if self.since else []
        made += [{"name": "_typeFilter", "valueString": each} for each in self.type_filters]
        return json.dumps({"resourceType": "Parameters", "parameter": made}).encode()


@dataclass(frozen=True)
class Started:
    """A job that runs. ``addresses`` are those its status may have, the likeliest first; ``request`` is what the
    server took, with or without filters."""

    addresses: tuple[str, ...]
    request: ExportRequest


class ExportRefused(SourceError):
    """The server offers no export like this; ``status`` and ``codes`` say what it answered."""

    def __init__(self, operation: str, reason: str, status: int | None) -> None:
        super().__init__(f"the server refuses the bulk export {operation} ({reason})")
        self.reason, self.status = reason, status


def kick_off(
    transport: Transport, base: str, export: ExportRequest, until: datetime, longest_url: int = 2000
) -> Started:
    """Start the export. Raises `ExportRefused`, `RequestFault` when no try brings an answer, and ``export-busy`` when
    other jobs run on ``until`` a time."""
    first: RequestFault | None = None
    for each in (export, replace(export, type_filters=())) if export.type_filters else (export,):
        url = each.address(base)
        get = Request(url, headers=_ASYNC, statuses=ANY_STATUS)
        post = replace(get, url=f"{base}/{export.operation}", json=each.parameters())
        for request in (get,) if len(url) <= longest_url else (post, get):
            try:
                return Started(_ask(transport, base, request, until), each)
            except (RefusedFault, GoneFault) as fault:
                first = first or fault
                if fault.status not in _NOT_THIS_WAY:
                    raise ExportRefused(export.operation, fault.reason, fault.status) from None
    assert first is not None
    raise ExportRefused(export.operation, first.reason, first.status)


def _ask(transport: Transport, base: str, request: Request, until: datetime) -> tuple[str, ...]:
    wait = transport.rules.initial

    def judge(reply: Reply) -> Reply:
        if reply.status != 429 and worth_retrying(reply.status) and reply.status != 501:
            after = retry_after_seconds(reply.headers, transport.now())
            raise TransientFault(f"http-{reply.status}", reply.status, after)
        if reply.status == 200 and (reason := _unusable(reply.body)):
            raise TransientFault(reason, 200)
        return reply

    while True:
        reply: Reply = transport.ask(request, judge)
        if reply.status != 429:
            break
        asked = retry_after_seconds(reply.headers, transport.now())
        seconds = wait if asked is None else capped(asked, transport.rules, transport.say)
        if transport.now() + timedelta(seconds=seconds) >= until:
            raise RequestFault("export-busy", 429)
        transport.say("another export runs on the server; waiting for it")
        transport.sleep(seconds)
        wait = min(wait * 2, transport.rules.longest)
    if reply.status == 202:
        location = reply.headers.get("Content-Location", "") or reply.headers.get("Location", "")
        if not location:
            raise RefusedFault("kick-off-without-status-address", 202)
        return candidates(location, base, reply.url)
    if reply.status == 200:
        raise RefusedFault("kick-off-answered-at-once", 200)
    fault = GoneFault if reply.status in (404, 410) else RefusedFault
    raise fault(with_codes(f"http-{reply.status}", codes_of(reply.body)), reply.status)


def _unusable(body: bytes) -> str:
    """What a proxy or an overloaded server says with 200 in a kick-off's place; empty for an answer of the server."""
    text = body.lstrip()
    if not text:
        return "empty"
    if text[:1] == b"<":
        return "html"
    if issues_of(body) is not None:
        return with_codes("operation-outcome", codes_of(body))
    return "" if text[:1] == b"{" and text.rstrip()[-1:] == b"}" else "not-json"


def cancel(transport: Transport, address: str) -> bool:
    """DELETE a job: it ends, and the server need not keep its files. True when the server has no such job any more.

    One try that waits for nothing, since the run may be stopping; never raises a fault of the request.
    """
    request = Request(address, accept="application/json", verb="DELETE", headers=(), statuses=_CANCEL_STATUSES)
    try:
        status: int = transport.ask_once(request, lambda reply: reply.status, paced=False)
    except (RequestFault, OriginFault, SourceError):
        return False
    return status != 405
