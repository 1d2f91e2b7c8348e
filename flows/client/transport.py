"""One request to one site: credential, pace, redirects, retries. Returns the whole body, or hands over a stream, or
raises a named fault.

Redirects are followed by hand, because every hop is judged by the origin rules again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urljoin

from flows.client.auth import Authorisation, NoAuthorisation
from flows.client.exchange import Exchange, Opened
from flows.client.faults import GoneFault, OriginFault, RefusedFault, RequestFault, TransientFault
from flows.client.manners import Manners
from flows.client.origins import Origins, origin_of
from flows.client.retry import RetryRules, retry_after_seconds, retrying, worth_retrying
from mappings.errors import SourceError

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REPEATS_AFTER_REDIRECT = frozenset({307, 308})
_STRICT = (("Prefer", "handling=strict"),)

Verb = Literal["GET", "POST", "DELETE"]
ANY_STATUS: Collection[int] = range(100, 600)


@dataclass(frozen=True)
class Request:
    """What to ask. ``form`` makes it a POST of a urlencoded body, ``json`` one of a JSON body.

    ``headers`` go with it beside Accept. A reply whose status is not one of ``statuses`` is a fault.
    ``with_credential=False`` keeps the credential back even where the origin would get it.
    ``may_be_refused``: 401 and 403 to a request that went without the credential are a fault of this request (storage
    that signed an address for a time answers so), and not the end of the run.
    """

    url: str
    form: tuple[tuple[str, str], ...] | None = None
    accept: str = "application/fhir+json"
    json: bytes | None = None
    verb: Verb | None = None
    headers: tuple[tuple[str, str], ...] = _STRICT
    statuses: Collection[int] = (200,)
    with_credential: bool = True
    may_be_refused: bool = False

    @property
    def method(self) -> Verb:
        return self.verb or ("GET" if self.form is None and self.json is None else "POST")


@dataclass(frozen=True)
class Reply:
    """A whole body that came with one of the statuses asked for; ``url`` is the address that answered, after
    redirects."""

    body: bytes
    url: str
    headers: Mapping[str, str]
    status: int = 200


@dataclass(frozen=True)
class Stream:
    """A body that is still to come, in pieces as it was sent; iterating raises `TransientFault` where it breaks off."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class Transport:
    """Sends the requests of one site. Safe to use from several threads; close it when done.

    ``sleep``, ``clock`` and ``now`` are handed in so that tests wait for nothing. ``say`` gets sentences for the log:
    rules, counts and origins, never an address with parameters. ``verify`` and ``cert`` are those of requests.
    """

    def __init__(
        self,
        origins: Origins,
        authorisation: Authorisation | None = None,
        *,
        manners: Manners | None = None,
        rules: RetryRules | None = None,
        timeout: tuple[float, float] = (10.0, 120.0),
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        say: Callable[[str], None] = lambda _: None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
    ) -> None:
        self.origins = origins
        self.rules = rules or RetryRules()
        self.sleep, self.now, self.say = sleep, now, say
        self._authorisation = authorisation or NoAuthorisation()
        self._exchanges = Exchange(timeout, verify, cert)
        self._manners = manners or Manners()
        self._lock = threading.Lock()
        self._renewals = 0
        self._given_up = 0  # requests in a row that failed after every retry
        self.authorised = False
        self.replies = 0

    def close(self) -> None:
        """Close every connection."""
        self._exchanges.close()

    def ask(self, request: Request, judge: Callable[[Reply], Any], *, opening: bool = False) -> Any:
        """Send ``request`` and give what ``judge`` makes of the reply, asking again as the retry rules say.

        ``judge`` raises a `TransientFault` for a body that is worth asking again for. Raises `SourceError` when the
        credential is refused, `RequestFault` for the rest. ``opening`` is the first request to a server: a server that
        cannot be reached at all is not waited for as long.
        """
        return self._persist(lambda: judge(self._reply(request)), opening=opening)

    def ask_once(self, request: Request, judge: Callable[[Reply], Any], *, paced: bool = True) -> Any:
        """As `ask`, in one try. ``paced=False`` does not wait for its turn: the last request of a run that stops."""
        with self._manners.slot() if paced else nullcontext():
            return judge(self._reply(request, paced=paced))

    def stream(self, make: Callable[[], Request], take: Callable[[Stream], Any], advanced: Callable[[], object]) -> Any:
        """Send what ``make`` gives and hand the body to ``take`` as it comes; give what ``take`` returns.

        Every try makes its request anew (a download asks for what it has not got yet). Tries between which
        ``advanced`` has changed do not count against the retry rules: as long as a body grows, it is asked for.
        Faults as in `ask`.
        """

        def once() -> Any:
            opened, _ = self._answer(make())
            with opened:
                return take(Stream(opened.status, opened.headers, opened.chunks()))

        return self._persist(once, advanced=advanced)

    def _persist(
        self, once: Callable[[], Any], *, opening: bool = False, advanced: Callable[[], object] = lambda: None
    ) -> Any:
        unreachable = 0

        def one_try() -> Any:
            nonlocal unreachable
            fault: RequestFault | None = None
            try:
                with self._manners.slot():
                    return once()
            except TransientFault as caught:
                fault = caught
                unreachable += fault.reason == "unreachable"
            if opening and unreachable >= self.rules.opening_attempts:
                fault = RequestFault("unreachable")
            raise fault

        with self._lock:
            if self._given_up >= self.rules.give_up_after:
                raise RequestFault("server-given-up")
        try:
            result = retrying(self.rules, self.sleep, self.say, advanced)(one_try)
        except TransientFault:
            with self._lock:
                self._given_up += 1
            raise
        self._given_up = 0
        return result

    # One try, with its redirects

    def _reply(self, request: Request, *, paced: bool = True) -> Reply:
        opened, url = self._answer(request, paced=paced)
        with opened:
            return Reply(opened.body(), url, opened.headers, opened.status)

    def _answer(self, request: Request, *, paced: bool = True) -> tuple[Opened, str]:
        """The answer with a status that was asked for, its body unread, and the address that gave it."""
        url, method, data = self.origins.repaired(request.url), request.method, _data(request)
        for _ in range(_MOST_REDIRECTS + 1):
            opened = self._exchange(request, url, method, data, paced)
            if opened.status not in _REDIRECTS:
                if opened.status in request.statuses:
                    self.replies += 1
                    return opened, url
                opened.close()
                raise self._fault(opened)
            opened.close()
            target = opened.headers.get("Location", "")
            if not target:
                raise RefusedFault("redirect-without-address", opened.status)
            url = self.origins.repaired(urljoin(url, target))
            if opened.status not in _REPEATS_AFTER_REDIRECT:
                method, data = "GET" if method == "POST" else method, None
        raise RefusedFault("too-many-redirects")

    def _exchange(self, request: Request, url: str, method: Verb, data: Any, paced: bool) -> Opened:
        permission = self.origins.permission(url)
        if permission == "not-named":
            raise OriginFault(origin_of(url) or "of an address that is not http")
        with_credential = permission == "with-credential" and request.with_credential
        renewals = self._renewals
        opened = self._once(request, url, method, data, with_credential, paced)
        if opened.status == 401 and with_credential and self.authorised and self._renew(renewals):
            opened.close()
            opened = self._once(request, url, method, data, with_credential, paced)
        if opened.status in (401, 403):
            opened.close()
            if request.may_be_refused and not with_credential:
                raise RefusedFault(f"http-{opened.status}", opened.status)
            how = "with" if with_credential else "without"
            raise SourceError(
                f"{origin_of(url)} answered {opened.status} to a request {how} the credential of the sites file"
            )
        if with_credential and opened.status < 400:
            self.authorised = True
        return opened

    def _renew(self, seen: int) -> bool:
        """Renew once for all threads that met the same 401."""
        with self._lock:
            if self._renewals == seen:
                if not self._authorisation.renew():
                    return False
                self._renewals += 1
            return True

    def _once(self, request: Request, url: str, method: Verb, data: Any, with_credential: bool, paced: bool) -> Opened:
        # The place in the queue first: a token may end while its request waits.
        if paced:
            self._manners.turn()
        header = self._authorisation.header() if with_credential else None
        headers = {"Accept": request.accept, "User-Agent": "bedside", **dict(request.headers)}
        if isinstance(data, bytes):
            headers["Content-Type"] = "application/fhir+json"
        # A client certificate says who asks, so it goes where the sites file lets the credential go.
        shown = self.origins.permission(url) == "with-credential"
        return self._exchanges.send(method, url, headers, header, data, with_certificate=shown)

    def _fault(self, opened: Opened) -> RequestFault:
        status = opened.status
        if worth_retrying(status):
            return TransientFault(f"http-{status}", status, retry_after_seconds(opened.headers, self.now()))
        if status in (404, 410):
            return GoneFault(f"http-{status}", status)
        return RefusedFault(f"http-{status}", status)


def _data(request: Request) -> bytes | list[tuple[str, str]] | None:
    if request.json is not None:
        return request.json
    return None if request.form is None else list(request.form)
