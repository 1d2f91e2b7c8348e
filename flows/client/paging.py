"""Follow one search to its end, however the server pages, and know when it is not the end.

Rules (each has a test of its name): ``next`` is followed as given; an address seen twice or a page whose non-empty set
of ids was seen is a page loop; an empty page with ``next`` goes on; 404 or 410 on a later page means the search has
expired and is begun again; a parameter missing in the ``self`` link was not applied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from flows.client.bundle import Page, UnusableBody, read_page
from flows.client.faults import GoneFault, RefusedFault, RequestFault, TransientFault
from flows.client.origins import candidates
from flows.client.transport import Reply, Request, Transport

Parameters = tuple[tuple[str, str], ...]

# They shape the answer and select nothing.
_RESULT_PARAMETERS = frozenset(
    {
        "_count",
        "_total",
        "_format",
        "_pretty",
        "_summary",
        "_elements",
        "_sort",
        "_include",
        "_revinclude",
        "_contained",
    }
)


@dataclass(frozen=True)
class SearchPage:
    """Page ``number`` (from 1) of attempt ``attempt`` (from 1) at a search."""

    page: Page
    number: int
    attempt: int


@dataclass(frozen=True)
class PagingRules:
    """``attempts`` counts how often a search may be begun, the first time included."""

    page_size: int = 500
    longest_url: int = 2000
    attempts: int = 3


def encode(parameters: Parameters) -> str:
    """The query text of ``parameters``; the separators FHIR itself uses stay readable."""
    return urlencode(parameters, safe=":/,", quote_via=quote)


def not_applied(parameters: Parameters, self_link: str | None, *, posted: bool) -> tuple[str, ...]:
    """The names of parameters that the server's ``self`` link does not repeat: it did not apply them.

    Without a ``self`` link nothing can be said; neither when a POSTed search answers with a link without parameters.
    A name counts with all its modifiers, and as often as it was asked (``date=ge…&date=le…``).
    """
    if self_link is None:
        return ()
    applied = [name.split(":")[0] for name, _ in parse_qsl(urlsplit(self_link).query, keep_blank_values=True)]
    if posted and not applied:
        return ()
    missing = []
    for name, _ in parameters:
        plain = name.split(":")[0]
        if plain in _RESULT_PARAMETERS:
            continue
        if plain in applied:
            applied.remove(plain)
        else:
            missing.append(name)
    return tuple(dict.fromkeys(missing))


def bundle_judge(reply: Reply) -> tuple[Page, str]:
    """The page in a reply and the address that gave it; what is no Bundle is worth asking again for."""
    reason = ""
    try:
        return read_page(reply.body), reply.url
    except UnusableBody as unusable:
        reason = unusable.reason
    raise TransientFault(reason, 200)


class Paging:
    """One search of ``type`` with ``parameters``. Iterate it once for its pages, then read the rest.

    Iteration raises `RequestFault` (``reason``, and here ``failed_page``) when the search cannot be ended. When it is
    begun again the pages of the new attempt come with a higher ``attempt`` and stand alone: a fresh snapshot.
    """

    def __init__(
        self,
        transport: Transport,
        base: str,
        type_: str,
        parameters: Parameters,
        rules: PagingRules,
    ) -> None:
        self._transport, self._base, self._rules = transport, base.rstrip("/"), rules
        self.type, self.parameters = type_, parameters
        self.attempt = 0
        self.pages = 0
        self.failed_page = 1
        self.total: int | None = None
        self.total_exact = False
        self.not_applied: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[SearchPage]:
        while True:
            self.attempt += 1
            expired: GoneFault | None = None
            try:
                yield from self._attempt()
            except GoneFault as gone:
                expired = gone
            if expired is None:
                return
            if self.failed_page == 1 or self.attempt >= self._rules.attempts:
                raise RequestFault(_reason(expired, self.failed_page), expired.status)
            self._transport.say(f"a search of {self.type} expired at page {self.failed_page}; it is begun again")

    def _attempt(self) -> Iterator[SearchPage]:
        addresses: set[bytes] = set()
        id_sets: set[bytes] = set()
        self.total, self.total_exact = None, False
        number, self.failed_page = 1, 1
        request, page, url = self._first()
        addresses.add(_digest(request.url, *map(str, request.form or ())))
        while True:
            self.pages += 1
            self._look_at_total(page)
            ids = sorted(f"{entry.type}/{entry.id}" for entry in page.entries if entry.id)
            seen = _digest(*ids)
            if ids and seen in id_sets:
                raise RequestFault("page-loop")
            id_sets.add(seen)
            yield SearchPage(page, number, self.attempt)
            if page.next_link is None:
                return
            number += 1
            self.failed_page = number
            page, url = self._next(page.next_link, url, addresses)

    def _first(self) -> tuple[Request, Page, str]:
        """The first page; a server that refuses ``_count`` or ``_total`` is asked without them."""
        asked: Parameters = (*self.parameters, ("_total", "accurate"), ("_count", str(self._rules.page_size)))
        request = self._request(asked)
        refused = False
        try:
            page, url = self._transport.ask(request, bundle_judge)
        except RefusedFault as fault:
            if fault.status != 400:
                raise
            refused = True
        if refused:
            asked = self.parameters
            request = self._request(asked)
            page, url = self._transport.ask(request, bundle_judge)
        posted = request.form is not None
        self.not_applied = not_applied(self.parameters, page.self_link, posted=posted)
        echoed = dict(parse_qsl(urlsplit(page.self_link or "").query))
        self.total_exact = echoed.get("_total") == "accurate" and not refused
        return request, page, url

    def _request(self, parameters: Parameters) -> Request:
        url = f"{self._base}/{self.type}?{encode(parameters)}"
        if len(url) <= self._rules.longest_url:
            return Request(url)
        return Request(f"{self._base}/{self.type}/_search", form=parameters)

    def _next(self, link: str, url: str, addresses: set[bytes]) -> tuple[Page, str]:
        meant = candidates(link, self._base, url)
        if _digest(meant[0]) in addresses:
            raise RequestFault("page-loop")
        addresses.add(_digest(meant[0]))
        first_fault: RequestFault | None = None
        for candidate in meant:
            try:
                page, answered = self._transport.ask(Request(candidate), bundle_judge)
            except (GoneFault, RefusedFault) as fault:
                first_fault = first_fault or fault
                continue
            return page, answered
        raise first_fault or RequestFault("no-address")

    def _look_at_total(self, page: Page) -> None:
        if page.total is not None:
            self.total = page.total


def _reason(gone: GoneFault, page: int) -> str:
    if page == 1:
        return gone.reason
    return "expired" if gone.status == 410 else "page-missing"


def _digest(*texts: str) -> bytes:
    return hashlib.blake2b("\x00".join(texts).encode(), digest_size=16).digest()
