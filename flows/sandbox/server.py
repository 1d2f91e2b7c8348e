"""The sandbox over HTTP: ``serve`` for tests and runs, ``run`` for ``bedside sandbox DIR``."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.sandbox.access import Access
from flows.sandbox.tokens import TokenAccess, dated
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from flows.sandbox.bulk.settings import BulkSettings
    from flows.sandbox.clock import Clock
    from flows.sandbox.faults import Script
    from flows.sandbox.faults.layer import FaultLayer
    from flows.sandbox.history import History
    from flows.sandbox.state import State

BASE_PATH = "/fhir"


@dataclass(frozen=True)
class Limits:
    """Page size without ``_count``, the cap on ``_count``, and how long (seconds) a search's pages are kept."""

    page_size: int = 100
    max_page_size: int = 1_000
    page_lifetime: float = 3_600.0


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox: its address, its clock, and the resources it serves, which can be edited while it runs."""

    base: str
    state: State
    faults: FaultLayer | None = None

    @property
    def clock(self) -> Clock:
        """The server's time: set it or move it on, and pages, files and jobs grow old without waiting."""
        return self.state.clock

    @property
    def history(self) -> History:
        """Every version of every resource."""
        return self.state.history

    def put(self, resource: Mapping[str, Any]) -> str:
        """Create or change a resource, as ``PUT`` would; returns the version (see ``History.put``)."""
        return self.state.history.put(resource)

    def delete(self, resource_type: str, resource_id: str) -> None:
        """Delete a resource. Raises KeyError where there is none."""
        self.state.history.delete(resource_type, resource_id)

    def merge(self, duplicate: str, survivor: str, *, move: bool = True) -> None:
        """Merge one Patient into another (see ``History.merge``)."""
        self.state.history.merge(duplicate, survivor, move=move)

    def restart(self) -> None:
        """Forget searches and exports under way, as a server does that starts anew; the resources stay."""
        self.state.forget()


@contextmanager
def sandbox(
    folder: str | Path,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    access: Access | TokenAccess | None = None,
    limits: Limits | None = None,
    bulk: BulkSettings | None = None,
    clock: Clock | None = None,
    faults: Script | None = None,
    wrap: Callable[[ASGIApp], ASGIApp] | None = None,
) -> Iterator[Sandbox]:
    """Serve a folder of NDJSON in a background thread; yields the running server, ready to be asked.

    ``port`` 0 takes a free one. ``access`` asks for basic or bearer credentials. ``clock`` is the server's time, the
    machine's unless given. ``faults`` are what goes wrong, and ``wrap`` puts another ASGI application around the
    server's, inside of the faults. Raises DefinitionError where the folder cannot be served.
    """
    import uvicorn

    with _prepared(folder, access, limits, bulk, clock) as state, _listening(host, port) as listener:
        app, layer = _application(state, faults, wrap)
        server = uvicorn.Server(_config(app, state))
        # The socket listens before the thread starts: a request made now waits for its answer and is not refused.
        thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
        thread.start()
        try:
            yield Sandbox(_address(listener), state, layer)
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def serve(
    folder: str | Path,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    access: Access | TokenAccess | None = None,
    limits: Limits | None = None,
    bulk: BulkSettings | None = None,
    wrap: Callable[[ASGIApp], ASGIApp] | None = None,
) -> Iterator[str]:
    """As ``sandbox``, for those who need the address only: yields the FHIR base."""
    with sandbox(folder, host, port, access=access, limits=limits, bulk=bulk, wrap=wrap) as running:
        yield running.base


def run(
    folder: str | Path,
    host: str = "127.0.0.1",
    port: int = 8090,
    *,
    access: Access | TokenAccess | None = None,
    limits: Limits | None = None,
    bulk: BulkSettings | None = None,
    faults: Script | None = None,
    announce: Callable[[str, dict[str, int]], None] | None = None,
) -> None:
    """Serve a folder until interrupted. ``announce`` is told the base address and the number of resources by type.

    Raises DefinitionError where the folder cannot be served or the port is taken.
    """
    import uvicorn

    with _prepared(folder, access, limits, bulk, None) as state, _listening(host, port) as listener:
        app, _ = _application(state, faults, None)
        server = uvicorn.Server(_config(app, state))
        if announce is not None:
            announce(_address(listener), {name: len(table) for name, table in sorted(state.store.tables.items())})
        server.run(sockets=[listener])


@contextmanager
def _prepared(
    folder: str | Path,
    access: Access | TokenAccess | None,
    limits: Limits | None,
    bulk: BulkSettings | None,
    clock: Clock | None,
) -> Iterator[State]:
    from flows.sandbox.bulk.settings import BulkSettings
    from flows.sandbox.clock import Clock
    from flows.sandbox.state import State
    from flows.sandbox.store import Store

    with Store(Path(folder)) as store:
        state = State.of(store, access, limits or Limits(), bulk or BulkSettings(), clock or Clock())
        try:
            yield state
        finally:
            state.close()


def _application(
    state: State, faults: Script | None, wrap: Callable[[ASGIApp], ASGIApp] | None
) -> tuple[ASGIApp, FaultLayer | None]:
    from flows.sandbox.application import application

    app: ASGIApp = application(state)
    if _own_date(state):
        assert isinstance(state.access, TokenAccess)
        app = dated(app, state.access.now)
    if wrap is not None:
        app = wrap(app)
    if faults is None:
        return app, None
    from flows.sandbox.faults.layer import FaultLayer

    layer = FaultLayer(app, state, faults)
    return layer, layer


def _own_date(state: State) -> bool:
    """Whether the answers' Date headers are those of a clock that goes wrong."""
    return isinstance(state.access, TokenAccess) and bool(state.access.clock_skew)


def _config(app: ASGIApp, state: State) -> uvicorn.Config:  # type: ignore[name-defined]  # noqa: F821
    import uvicorn

    # No access log: an address may hold a patient's id.
    return uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        date_header=not _own_date(state),
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
