"""One HTTP request and its answer, without redirects and retries; what the network does wrong is named.

Sessions belong to one thread and one origin, so that a cookie never reaches another origin. A body is read whole, or
in pieces as it was sent (still compressed), so that a download can be resumed at a byte.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Any, TypeVar

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, ReadTimeoutError

from flows.client.faults import TransientFault
from flows.client.origins import origin_of

_CHUNK = 1 << 18  # bytes read at once; the library's own 10 kB cost a third more time a page

T = TypeVar("T")


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


class Opened:
    """An answer whose body has not been read yet. Names of ``headers`` count in any case. Close it after use."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def body(self) -> bytes:
        """The whole body, uncompressed; the connection is free again. Raises `TransientFault`."""
        content = named(lambda: b"".join(self._response.iter_content(_CHUNK)), connected=True)
        self.close()
        return content

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces as it was sent. Raises `TransientFault` where it breaks off."""
        stream = self._response.raw.stream(_CHUNK, decode_content=False)
        while (chunk := named(lambda: next(stream, None), connected=True)) is not None:
            yield chunk

    def close(self) -> None:
        """Let go of the connection; of a body not read to its end it cannot be used again."""
        self._response.close()

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Exchange:
    """Sends single requests. Safe to use from several threads; close it when done."""

    def __init__(
        self,
        timeout: tuple[float, float],
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
    ) -> None:
        _silence_addresses()
        self._timeout, self._verify, self._cert = timeout, verify, cert
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        authorization: str | None,
        data: bytes | list[tuple[str, str]] | None = None,
        *,
        with_certificate: bool = False,
    ) -> Opened:
        """Send a request; ``data`` is a body, or a form as pairs. Raises `TransientFault` when no answer comes."""
        session = self._session(url)
        response: requests.Response = named(
            lambda: session.request(
                method,
                url,
                data=data,
                headers=dict(headers),
                auth=_OneHeader(authorization),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
                verify=_bundle_of_the_machine() if self._verify is True else self._verify,
                cert=self._cert if with_certificate else None,
            ),
            connected=False,
        )
        return Opened(response)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()
            self._local = threading.local()

    def _session(self, url: str) -> requests.Session:
        mine: dict[str, requests.Session] = self._local.__dict__
        origin = origin_of(url) or ""
        if origin not in mine:
            session = mine[origin] = requests.Session()
            # What requests reads from the environment it reads anew for every request; once for an origin will do.
            session.trust_env = False
            session.proxies = requests.utils.get_environ_proxies(url)
            with self._lock:
                self._sessions.append(session)
        return mine[origin]


def _bundle_of_the_machine() -> bool | str:
    """The authorities named in the environment, as requests looks for them; else its own."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True


def named(call: Callable[[], T], *, connected: bool) -> T:
    """What ``call`` gives; a fault of the network becomes a `TransientFault` with a short word.

    ``connected``: the server has begun to answer, so that a broken connection was dropped by it.
    """
    try:
        return call()
    except requests.exceptions.SSLError:
        reason = "tls"
    except requests.exceptions.ConnectTimeout:
        reason = "unreachable"
    except (requests.exceptions.Timeout, ReadTimeoutError):
        reason = "timeout"
    except requests.exceptions.ConnectionError as error:
        # A server that accepted the connection and hung up is there; one that refused it is not.
        reason = "dropped" if connected or _was_connected(error) else "unreachable"
    except (requests.exceptions.RequestException, HTTPError, HTTPException, OSError, ValueError):
        reason = "dropped"
    # Raised here and not above: the library's own error holds the address, and with it perhaps a patient.
    raise TransientFault(reason)


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
