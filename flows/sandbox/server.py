"""The sandbox over HTTP: ``serve`` for tests and runs, ``run`` for ``bedside sandbox DIR``."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.sandbox.access import Access
from flows.sandbox.tokens import TokenAccess, dated
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

BASE_PATH = "/fhir"


@dataclass(frozen=True)
class Limits:
    """Page size without ``_count``, the cap on ``_count``, and how long (seconds) a search's pages are kept."""

    page_size: int = 100
    max_page_size: int = 1_000
    page_lifetime: float = 3_600.0


@contextmanager
def serve(
    folder: str | Path,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    access: Access | TokenAccess | None = None,
    limits: Limits | None = None,
    wrap: Callable[[ASGIApp], ASGIApp] | None = None,
) -> Iterator[str]:
    """Serve a folder of NDJSON in a background thread; yields the FHIR base address, ready to be asked.

    ``port`` 0 takes a free one. ``access`` asks for basic or bearer credentials, or for tokens of its own endpoint.
    ``wrap`` puts another ASGI application around the server's (faults in tests). Raises DefinitionError where the
    folder cannot be served.
    """
    import uvicorn

    from flows.sandbox.application import application
    from flows.sandbox.store import Store

    with Store(Path(folder)) as store, _listening(host, port) as listener:
        app: ASGIApp = application(store, access, limits or Limits())
        server = uvicorn.Server(_config(wrap(app) if wrap else app, access))
        # The socket listens before the thread starts: a request made now waits for its answer and is not refused.
        thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
        thread.start()
        try:
            yield _address(listener)
        finally:
            server.should_exit = True
            thread.join()


def run(
    folder: str | Path,
    host: str = "127.0.0.1",
    port: int = 8090,
    *,
    access: Access | TokenAccess | None = None,
    limits: Limits | None = None,
    announce: Callable[[str, dict[str, int]], None] | None = None,
) -> None:
    """Serve a folder until interrupted. ``announce`` is told the base address and the number of resources by type.

    Raises DefinitionError where the folder cannot be served or the port is taken.
    """
    import uvicorn

    from flows.sandbox.application import application
    from flows.sandbox.store import Store

    with Store(Path(folder)) as store, _listening(host, port) as listener:
        server = uvicorn.Server(_config(application(store, access, limits or Limits()), access))
        if announce is not None:
            announce(_address(listener), {name: len(table) for name, table in sorted(store.tables.items())})
        server.run(sockets=[listener])


def _config(app: ASGIApp, access: Access | TokenAccess | None) -> uvicorn.Config:  # type: ignore[name-defined]  # noqa: F821
    import uvicorn

    date_header = True
    if isinstance(access, TokenAccess) and access.clock_skew:
        app, date_header = dated(app, access.now), False
    # No access log: an address may hold a patient's id.
    return uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        date_header=date_header,
    )


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    # The protocol is named, since asyncio turns Nagle's algorithm off (40 ms an answer) only where it is.
    with socket.socket(
        socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    ) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
        except OSError as error:
            raise DefinitionError(f"Cannot listen on {host} port {port}: {error.strerror}.") from None
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{BASE_PATH}"
