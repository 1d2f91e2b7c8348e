"""Waiting for an export: ask for its status, as slowly as the server says, until there is a manifest.

A poll that fails says nothing about the job: the job goes on while a proxy restarts. So polls have more patience than
other requests, and only the server's own word ends a job: 404 or 410, or an OperationOutcome that is not about time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from flows.client.bulk_manifest import ExportManifest, joined, read_manifest
from flows.client.faults import GoneFault, RequestFault, TransientFault
from flows.client.origins import candidates
from flows.client.outcomes import codes_of, with_codes
from flows.client.retry import capped, retry_after_seconds
from flows.client.transport import ANY_STATUS, Reply, Request, Transport

PATIENCE = 20
"""Polls in a row that may fail; with the usual waits some eight minutes."""

# http://hl7.org/fhir/R4/valueset-issue-type.html: what time cures.
_CURED_BY_TIME = frozenset({"transient", "lock-error", "no-store", "timeout", "throttled"})
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,6})?)\s*%")
_DELETED_JOB = frozenset({404, 410})
# What stands before the job or is too busy to look: with them no OperationOutcome is the job's.
_OF_THE_SERVER = frozenset({408, 425, 502, 503, 504})


class JobFailed(RequestFault):
    """The server gave the export up; the reason holds the codes of its OperationOutcome."""


Hear = Callable[[float | None, float], None]
"""Gets the progress in percent where the server says it, and the seconds until the next poll."""


def wait_for_manifest(
    transport: Transport, base: str, addresses: Sequence[str], until: datetime, hear: Hear
) -> tuple[ExportManifest, str]:
    """The manifest of a job, all its pages, and the one of ``addresses`` that answered.

    Raises `GoneFault` when the job is gone, `JobFailed`, `RequestFault` ``export-too-long`` past ``until``, and what a
    single request may raise once patience ends.
    """
    last: GoneFault | None = None
    for address in addresses:
        try:
            said, url = _poll(transport, address, until, hear)
        except GoneFault as gone:
            last = gone  # a relative address may be meant against the base or the kick-off
            continue
        return _with_pages(transport, base, said, url, until, hear), address
    raise last or GoneFault("no-status-address")


def _with_pages(
    transport: Transport, base: str, said: Mapping[str, Any], url: str, until: datetime, hear: Hear
) -> ExportManifest:
    pages, seen = [read_manifest(said)], {url}
    while (link := pages[-1].next_link) is not None:
        address = candidates(link, base, url)[0]
        if address in seen:
            raise RequestFault("page-loop")
        seen.add(address)
        said, url = _poll(transport, address, until, hear)
        pages.append(read_manifest(said))
    return joined(pages)


def _poll(transport: Transport, address: str, until: datetime, hear: Hear) -> tuple[Mapping[str, Any], str]:
    request = Request(address, accept="application/json", headers=(), statuses=ANY_STATUS)
    rules, wait, failed = transport.rules, transport.rules.initial, 0
    told = False

    def say_once(sentence: str) -> None:
        nonlocal told
        if not told:
            transport.say(sentence)
        told = True

    while True:
        fault: TransientFault | None = None
        try:
            reply: Reply = transport.ask_once(request, lambda reply: reply)
            after = retry_after_seconds(reply.headers, transport.now())
            manifest = _manifest_in(reply, after)
            if manifest is not None:
                return manifest, reply.url
            failed = 0 if reply.status == 202 else failed
            percent = _percent(reply.headers)
        except TransientFault as caught:
            fault, after, percent = caught, caught.retry_after, None
            failed += 1
        if fault is not None and failed >= PATIENCE:
            raise fault
        seconds = wait if after is None else capped(after, rules, say_once)
        # A server that answers "later" with no wait at all is not asked without a pause.
        seconds = max(seconds, rules.initial)
        if transport.now().timestamp() + seconds > until.timestamp():
            raise RequestFault("export-too-long")
        hear(percent, seconds)
        transport.sleep(seconds)
        wait = min(wait * 2, rules.longest)


def _manifest_in(reply: Reply, after: float | None) -> Mapping[str, Any] | None:
    """The manifest, None while the export runs or the server wants it slower; raises what else the answer means."""
    status = reply.status
    if status in (202, 429):
        return None
    if status == 200:
        return _manifest(reply.body)
    if status in _DELETED_JOB:
        raise GoneFault(f"http-{status}", status)
    codes = codes_of(reply.body)
    soon = status in _OF_THE_SERVER or (status >= 500 and not codes)
    if soon or set(codes) & _CURED_BY_TIME:
        raise TransientFault(with_codes(f"http-{status}", codes), status, after)
    raise JobFailed(with_codes(f"export-failed http-{status}", codes), status)


def _manifest(body: bytes) -> Mapping[str, Any]:
    reason = "not-json"
    try:
        said = json.loads(body)
        if isinstance(said, dict) and "resourceType" not in said:
            return said
        reason = "not-a-manifest"
    except (ValueError, RecursionError):
        reason = "html" if body.lstrip()[:1] == b"<" else "not-json"
    raise TransientFault(reason, 200)


def _percent(headers: Mapping[str, str]) -> float | None:
    """A percentage in X-Progress; its other words are the server's own and are left there."""
    found = _PERCENT.search(headers.get("X-Progress", ""))
    return min(float(found.group(1)), 100.0) if found else None
