"""Follow one search to its end, however the server pages, and know when it is not the end.

Rules (each has a test of its name): ``next`` is followed as given; an address seen twice or a page whose non-empty set
of ids was seen is a page loop; an empty page with ``next`` goes on; 404 or 410 on a later page means the search has
expired and is begun again; a parameter missing in the ``self`` link was not applied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from flows.client.bundle import Page, UnusableBody, read_page
from flows.client.faults import GoneFault, RefusedFault, RequestFault, TransientFault
from flows.client.origins import candidates
from flows.client.servers import USUAL
from flows.client.transport import Reply, Request, Transport

Parameters = tuple[tuple[str, str], ...]

_NO_FORM = frozenset({404, 405, 415})

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
class PageMark:
    """Where a search stands after a page: enough for another process to go on from it.

    ``url`` is the address that answered, ``asked`` and ``ids`` are hashes of the address asked and of the page's ids.
    It holds what a server puts into its links, which may name patients: it belongs beside the resources.
    """

    attempt: int
    number: int
    url: str
    next_link: str | None
    asked: str
    ids: str
    total: int | None
    total_exact: bool
    not_applied: tuple[str, ...]
    posted: bool


@dataclass(frozen=True)
class SearchPage:
    """Page ``number`` (from 1) of attempt ``attempt`` (from 1) at a search."""

    page: Page
    mark: PageMark

    @property
    def number(self) -> int:
        return self.mark.number

    @property
    def attempt(self) -> int:
        return self.mark.attempt


@dataclass(frozen=True)
class PagingRules:
    """``attempts`` counts how often a search may be begun, the first time included.

    ``page_size`` left out is what is known of the server's software. ``post``: every search is POSTed.
    """

    page_size: int | None = None
    post: bool = False
    longest_url: int = 2000
    attempts: int = 3

    def request(self, base: str, type_: str, parameters: Parameters) -> Request:
        """A search by GET, or by POST where that is wanted or the address would be too long."""
        url = f"{base}/{type_}?{encode(parameters)}"
        if len(url) <= self.longest_url and not self.post:
            return Request(url)
        return Request(f"{base}/{type_}/_search", form=parameters)


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
    ``before`` are the marks of pages that came to an earlier process: what follows them is asked for.
    """

    def __init__(
        self,
        transport: Transport,
        base: str,
        type_: str,
        parameters: Parameters,
        rules: PagingRules,
        before: Sequence[PageMark] = (),
    ) -> None:
        self._transport, self._base, self._rules = transport, base.rstrip("/"), rules
        self.type, self.parameters = type_, parameters
        self._before = before
        self.attempt = before[-1].attempt if before else 0
        self.pages = len(before)
        self.failed_page = before[-1].number + 1 if before else 1
        self.total: int | None = None
        self.total_exact = False
        self.not_applied: tuple[str, ...] = ()
        self._posted = False
        self._addresses: set[str] = set()
        self._id_sets: set[str] = set()

    def __iter__(self) -> Iterator[SearchPage]:
        begun = 0
        while True:
            begun += 1
            expired: GoneFault | None = None
            try:
                yield from self._going_on() if begun == 1 and self._before else self._attempt()
            except GoneFault as gone:
                expired = gone
            if expired is None:
                return
            if self.failed_page == 1 or begun >= self._rules.attempts:
                raise RequestFault(_reason(expired, self.failed_page), expired.status)
            self._transport.say(f"a search of {self.type} expired at page {self.failed_page}; it is begun again")

    def _attempt(self) -> Iterator[SearchPage]:
        self.attempt += 1
        self._addresses, self._id_sets = set(), set()
        self.total, self.total_exact = None, False
        self.failed_page = 1
        request, page, url = self._first()
        asked = _digest(request.url, *map(str, request.form or ()))
        self._addresses.add(asked)
        yield from self._pages(page, url, asked, 1)

    def _going_on(self) -> Iterator[SearchPage]:
        last = self._before[-1]
        of_attempt = [mark for mark in self._before if mark.attempt == last.attempt]
        self._addresses = {mark.asked for mark in of_attempt}
        self._id_sets = {mark.ids for mark in of_attempt if mark.ids}
        self.total, self.total_exact = last.total, last.total_exact
        self.not_applied, self._posted = last.not_applied, last.posted
        self.failed_page = last.number + 1
        if last.next_link is not None:
            page, url, asked = self._next(last.next_link, last.url)
            yield from self._pages(page, url, asked, last.number + 1)

    def _pages(self, page: Page, url: str, asked: str, number: int) -> Iterator[SearchPage]:
        while True:
            self.pages += 1
            self.total = self.total if page.total is None else page.total
            ids = sorted(map("/".join, zip(page.types, page.ids, strict=True)))
            seen = _digest(*ids) if any(page.ids) else ""
            if seen and seen in self._id_sets:
                raise RequestFault("page-loop")
            self._id_sets.add(seen)
            yield SearchPage(page, self._mark(page, number, url, asked, seen))
            if page.next_link is None:
                return
            number += 1
            self.failed_page = number
            page, url, asked = self._next(page.next_link, url)

    def _mark(self, page: Page, number: int, url: str, asked: str, ids: str) -> PageMark:
        return PageMark(
            attempt=self.attempt,
            number=number,
            url=url,
            next_link=page.next_link,
            asked=asked,
            ids=ids,
            total=self.total,
            total_exact=self.total_exact,
            not_applied=self.not_applied,
            posted=self._posted,
        )

    def _first(self) -> tuple[Request, Page, str]:
        """The first page; a server that refuses ``_count`` or ``_total`` is asked without them."""
        asked: Parameters = (*self.parameters, ("_total", "accurate"), ("_count", str(self._rules.page_size or USUAL)))
        request, refused = self._rules.request(self._base, self.type, asked), False
        try:
            request, page, url = self._either_way(request, asked)
        except RefusedFault as fault:
            if fault.status != 400:
                raise
            refused = True
        if refused:
            asked = self.parameters
            request, page, url = self._either_way(self._rules.request(self._base, self.type, asked), asked)
        self._posted = request.form is not None
        self.not_applied = not_applied(self.parameters, page.self_link, posted=self._posted)
        echoed = dict(parse_qsl(urlsplit(page.self_link or "").query))
        self.total_exact = echoed.get("_total") == "accurate" and not refused
        return request, page, url

    def _either_way(self, request: Request, asked: Parameters) -> tuple[Request, Page, str]:
        """A first page, and the request that brought it. What was POSTed only because it is long is asked for by GET
        where the server takes no form (Google)."""
        try:
            return request, *self._transport.ask(request, bundle_judge)
        except (RefusedFault, GoneFault) as fault:
            if request.form is None or self._rules.post or fault.status not in _NO_FORM:
                raise
        request = Request(f"{self._base}/{self.type}?{encode(asked)}")
        return request, *self._transport.ask(request, bundle_judge)

    def _next(self, link: str, url: str) -> tuple[Page, str, str]:
        meant = candidates(link, self._base, url)
        asked = _digest(meant[0])
        if asked in self._addresses:
            raise RequestFault("page-loop")
        self._addresses.add(asked)
        first_fault: RequestFault | None = None
        for request in self._ways(meant):
            try:
                page, answered = self._transport.ask(request, bundle_judge)
            except (GoneFault, RefusedFault) as fault:
                first_fault = first_fault or fault
                continue
            return page, answered, asked
        raise first_fault or RequestFault("no-address")

    def _ways(self, addresses: Sequence[str]) -> Iterator[Request]:
        """By GET; of a POSTed search also by POST, since some servers (Firely) answer its pages only so."""
        for url in addresses:
            yield Request(url)
        if self._posted:
            for url in addresses:
                yield Request(url, form=())


def _reason(gone: GoneFault, page: int) -> str:
    if page == 1:
        return gone.reason
    return "expired" if gone.status == 410 else "page-missing"


def _digest(*texts: str) -> str:
    return hashlib.blake2b("\x00".join(texts).encode(), digest_size=16).hexdigest()
