"""One request to one site: credential, pace, redirects, retries. Returns the whole body or raises a named fault.

Redirects are followed by hand, because every hop is judged by the origin rules again. Sessions belong to one thread and
one origin, so that a cookie never reaches another origin.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any, Literal
from urllib.parse import urljoin

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from flows.client.auth import Authorisation, NoAuthorisation
from flows.client.faults import GoneFault, OriginFault, RefusedFault, RequestFault, TransientFault
from flows.client.origins import Origins, origin_of
from flows.client.pace import TokenBucket
from flows.client.retry import RetryRules, retry_after_seconds, retrying, worth_retrying
from mappings.errors import SourceError

_MOST_REDIRECTS = 5
_CHUNK = 1 << 18  # bytes read at once; the library's own 10 kB cost a third more time a page
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REPEATS_AFTER_REDIRECT = frozenset({307, 308})

Method = Literal["GET", "POST"]


@dataclass(frozen=True)
class Request:
    """What to ask. ``form`` makes it a POST of a urlencoded body."""

    url: str
    form: tuple[tuple[str, str], ...] | None = None
    accept: str = "application/fhir+json"

    @property
    def method(self) -> Method:
        return "GET" if self.form is None else "POST"


@dataclass(frozen=True)
class Reply:
    """A whole body that came with 200; ``url`` is the address that answered, after redirects."""

    body: bytes
    url: str
    headers: Mapping[str, str]


class _OneHeader(AuthBase):
    """Sets exactly the given Authorization header; being there, it keeps requests from looking into ~/.netrc."""

    def __init__(self, header: str | None) -> None:
        self._header = header

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers.pop("Authorization", None)
        if self._header is not None:
            prepared.headers["Authorization"] = self._header
        return prepared


class _NoAddresses(logging.Filter):
    """urllib3 writes whole addresses into its log; a search address may name patients."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        return False


def _silence_addresses() -> None:
    logger = logging.getLogger("urllib3.connectionpool")
    if not any(isinstance(each, _NoAddresses) for each in logger.filters):
        logger.addFilter(_NoAddresses())


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
        requests_per_second: float | None = None,
        rules: RetryRules | None = None,
        timeout: tuple[float, float] = (10.0, 120.0),
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        say: Callable[[str], None] = lambda _: None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
    ) -> None:
        _silence_addresses()
        self.origins = origins
        self.rules = rules or RetryRules()
        self._authorisation = authorisation or NoAuthorisation()
        self.say = say
        self._timeout, self._sleep, self._now, self._verify, self._cert = timeout, sleep, now, verify, cert
        self._bucket = TokenBucket(requests_per_second, clock=clock, sleep=sleep)
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()
        self._renewals = 0
        self._given_up = 0  # requests in a row that failed after every retry
        self.authorised = False
        self.replies = 0

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()
            self._local = threading.local()

    def ask(self, request: Request, judge: Callable[[Reply], Any], *, opening: bool = False) -> Any:
        """Send ``request`` and give what ``judge`` makes of the reply, asking again as the retry rules say.

        ``judge`` raises a `TransientFault` for a body that is worth asking again for. Raises `SourceError` when the
        credential is refused, `RequestFault` for the rest. ``opening`` is the first request to a server: a server that
        cannot be reached at all is not waited for as long.
        """
        unreachable = 0

        def once() -> Any:
            nonlocal unreachable
            fault: RequestFault | None = None
            try:
                return judge(self._send(request))
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
            result = retrying(self.rules, self._sleep, self.say)(once)
        except TransientFault:
            with self._lock:
                self._given_up += 1
            raise
        self._given_up = 0
        return result

    # One try, with its redirects

    def _send(self, request: Request) -> Reply:
        url, method, form = request.url, request.method, request.form
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._exchange(url, method, form, request.accept)
            if response.status not in _REDIRECTS:
                return self._judged(response, url)
            target = response.headers.get("Location", "")
            if not target:
                raise RefusedFault("redirect-without-address", response.status)
            url = urljoin(url, target)
            if response.status not in _REPEATS_AFTER_REDIRECT:
                method, form = "GET", None
        raise RefusedFault("too-many-redirects")

    def _exchange(self, url: str, method: Method, form: tuple[tuple[str, str], ...] | None, accept: str) -> _Response:
        permission = self.origins.permission(url)
        if permission == "not-named":
            raise OriginFault(origin_of(url) or "of an address that is not http")
        with_credential = permission == "with-credential"
        renewals = self._renewals
        response = self._once(url, method, form, accept, with_credential)
        if response.status == 401 and with_credential and self.authorised and self._renew(renewals):
            response = self._once(url, method, form, accept, with_credential)
        if response.status in (401, 403):
            how = "with" if with_credential else "without"
            raise SourceError(
                f"{origin_of(url)} answered {response.status} to a request {how} the credential of the sites file"
            )
        if with_credential and response.status < 400:
            self.authorised = True
        return response

    def _renew(self, seen: int) -> bool:
        """Renew once for all threads that met the same 401."""
        with self._lock:
            if self._renewals == seen:
                if not self._authorisation.renew():
                    return False
                self._renewals += 1
            return True

    def _once(
        self, url: str, method: Method, form: tuple[tuple[str, str], ...] | None, accept: str, with_credential: bool
    ) -> _Response:
        # The place in the queue first: a token may end while its request waits.
        self._bucket.take()
        header = self._authorisation.header() if with_credential else None
        # A client certificate says who asks, so it goes where the sites file lets the credential go.
        cert = self._cert if self.origins.permission(url) == "with-credential" else None
        reason = "unreachable"
        try:
            with self._session(url).request(
                method,
                url,
                data=None if form is None else list(form),
                headers={"Accept": accept, "User-Agent": "bedside", "Prefer": "handling=strict"},
                auth=_OneHeader(header),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
                verify=self._verify,
                cert=cert,
            ) as response:
                reason = "dropped"
                body = b"".join(response.iter_content(_CHUNK))
                return _Response(response.status_code, body, response.headers)
        except requests.exceptions.SSLError:
            reason = "tls"
        except requests.exceptions.ConnectTimeout:
            reason = "unreachable"
        except requests.exceptions.Timeout:
            reason = "timeout"
        except requests.exceptions.ConnectionError as error:
            # A server that accepted the connection and hung up is there; one that refused it is not.
            reason = "dropped" if reason == "dropped" or _was_connected(error) else "unreachable"
        except (requests.exceptions.RequestException, HTTPError, HTTPException, OSError, ValueError):
            reason = "dropped"
        # Raised here and not above: the library's own error holds the address, and with it perhaps a patient.
        raise TransientFault(reason)

    def _session(self, url: str) -> requests.Session:
        mine: dict[str, requests.Session] = self._local.__dict__
        origin = origin_of(url) or ""
        if origin not in mine:
            mine[origin] = requests.Session()
            with self._lock:
                self._sessions.append(mine[origin])
        return mine[origin]

    def _judged(self, response: _Response, url: str) -> Reply:
        status = response.status
        if status == 200:
            self.replies += 1
            return Reply(response.body, url, response.headers)
        if worth_retrying(status):
            wait = retry_after_seconds(response.headers, self._now())
            raise TransientFault(f"http-{status}", status, wait)
        if status in (404, 410):
            raise GoneFault(f"http-{status}", status)
        raise RefusedFault(f"http-{status}", status)


@dataclass(frozen=True)
class _Response:
    status: int
    body: bytes
    headers: Mapping[str, str]  # its names in any case


def _was_connected(error: BaseException) -> bool:
    """Whether a connection stood before it broke (the chain of causes says so)."""
    seen: set[int] = set()
    chain: list[Any] = [error]
    while chain:
        each = chain.pop()
        if id(each) in seen or not isinstance(each, BaseException):
            continue
        seen.add(id(each))
        # HTTPException: RemoteDisconnected, IncompleteRead
        if isinstance(each, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, HTTPException)):
            return True
        chain += [*each.args, each.__cause__, each.__context__, getattr(each, "reason", None)]
    return False
