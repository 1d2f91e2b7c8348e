"""The ``_history`` of a type: which resources were written or deleted since an instant (R4, http.html#history).

Only ids are asked for and kept. Pages are followed as those of a search are, but for one thing: a page may hold the
same ids as another, since a resource has several versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from analysis.arrival import reference_key
from flows.client.faults import GoneFault, RefusedFault, RequestFault
from flows.client.fhir import FhirClient
from flows.client.origins import candidates
from flows.client.paging import bundle_judge, encode
from flows.client.transport import Reply, Request


@dataclass(frozen=True)
class Changed:
    """Ids of a type that were ``written`` and are there, and that are ``deleted``, by their newest version."""

    written: frozenset[str]
    deleted: frozenset[str]


def changed_since(client: FhirClient, type_: str, since: str) -> Changed:
    """What became of the resources of ``type_`` that have a version at or after the instant ``since``.

    R4 gives the newest version first, so the first one met of an id counts. Raises `RequestFault` where the server does
    not answer to the end; a history that expired on the way is begun again as often as a search is.
    """
    for _ in range(client.paging.attempts):
        newest: dict[str, bool] = {}
        expired = False
        try:
            for entries in _pages(client, type_, since):
                for id_, deleted in entries:
                    newest.setdefault(id_, deleted)
        except GoneFault as gone:
            if not newest:
                raise
            client.transport.say(f"the history of {type_} expired ({gone.reason}); it is begun again")
            expired = True
        if not expired:
            return Changed(
                frozenset(id_ for id_, deleted in newest.items() if not deleted),
                frozenset(id_ for id_, deleted in newest.items() if deleted),
            )
    raise RequestFault("expired")


def _pages(client: FhirClient, type_: str, since: str) -> Iterator[list[tuple[str, bool]]]:
    parameters = (("_since", since), ("_elements", "id,meta"), ("_count", str(client.paging.page_size)))
    addresses: tuple[str, ...] = (f"{client.base}/{type_}/_history?{encode(parameters)}",)
    seen: set[str] = set()
    while True:
        if addresses[0] in seen:
            raise RequestFault("page-loop")
        seen.add(addresses[0])
        entries, following, url = _ask(client, type_, addresses)
        yield entries
        if following is None:
            return
        addresses = candidates(following, client.base, url)


def _ask(client: FhirClient, type_: str, addresses: tuple[str, ...]) -> tuple[list[tuple[str, bool]], str | None, str]:
    first: RequestFault | None = None
    for address in addresses:
        try:
            page, url, body = client.transport.ask(Request(address), _judge)
        except (GoneFault, RefusedFault) as fault:
            first = first or fault
            continue
        return list(_entries(body, type_)), page.next_link, url
    raise first or RequestFault("no-address")


def _judge(reply: Reply) -> tuple[Any, str, bytes]:
    page, url = bundle_judge(reply)
    return page, url, reply.body


def _entries(body: bytes, type_: str) -> Iterator[tuple[str, bool]]:
    """(id, whether this version is a deletion) of each entry, in the Bundle's order."""
    entries = orjson.loads(body.removeprefix(b"\xef\xbb\xbf")).get("entry")
    for entry in entries if isinstance(entries, list) else ():
        request, resource = _table(entry, "request"), _table(entry, "resource")
        deleted = request.get("method") == "DELETE"
        key = reference_key({"reference": request.get("url")}) or reference_key({"reference": entry.get("fullUrl")})
        id_ = resource.get("id") if resource.get("resourceType", type_) == type_ else None
        if not isinstance(id_, str):
            id_ = key[1] if key is not None and key[0] == type_ else None
        if id_:
            yield id_, deleted


def _table(entry: object, name: str) -> dict[str, Any]:
    value = entry.get(name) if isinstance(entry, dict) else None
    return value if isinstance(value, dict) else {}
