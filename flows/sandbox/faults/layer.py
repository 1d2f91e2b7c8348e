"""The fault layer: an ASGI application around the sandbox's that lets a script's faults happen."""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Receive, Scope, Send

from flows.sandbox import bundles
from flows.sandbox.answers import FHIR_JSON, RefusalError
from flows.sandbox.faults import connection
from flows.sandbox.faults.asked import Asked, describe, matches
from flows.sandbox.faults.connection import Answer
from flows.sandbox.faults.in_files import FILE_EFFECTS, rewritten
from flows.sandbox.faults.in_pages import AGAIN, PAGE_EFFECTS, Made
from flows.sandbox.faults.script import Fault, Script
from flows.sandbox.page_parts import REWRITE, PageParts
from flows.sandbox.state import State

HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
_WHOLE_FILE = (b"range", b"if-range", b"accept-encoding")


@dataclass(frozen=True)
class Happened:
    """A fault that happened: its place in the script, the request it met, and the resources (``Type/id``) that this
    answer lost or changed where the fault is about single ones."""

    fault: int
    asked: Asked
    lost: tuple[str, ...] = ()


class FaultLayer:
    """``happened`` tells what a script did, in order: what a run may miss can be held against it."""

    def __init__(self, app: ASGIApp, state: State, script: Script) -> None:
        self._app, self._state, self.script = app, state, script
        self.happened: list[Happened] = []
        self._met = [0] * len(script.faults)
        self._left = [fault.times for fault in script.faults]
        self._lock = threading.Lock()
        self._records = {index: _record(state, fault) for index, fault in enumerate(script.faults)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with a fault where one is due."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        asked = describe(self._state, scope)
        scope, entries_of_empty_page = _without_mark(scope)
        due = [] if entries_of_empty_page else self._due(asked)
        made = {index: Made(partial(self._note, index, asked)) for index in due}
        try:
            await self._answer(made, asked, scope, receive, send)
        finally:
            with self._lock:
                for index, one in made.items():
                    self._left[index] += not one.happened  # it did not apply here, and is not used up

    def _due(self, asked: Asked) -> list[int]:
        """The first fault that is due, and every bad record beside it; all that wait for such a request have met one.

        A bad record waits at every page and would keep the others from ever happening.
        """
        due: list[int] = []
        taken = False
        with self._lock:
            for index, fault in enumerate(self.script.faults):
                if not self._is_meant(index, fault, asked):
                    continue
                self._met[index] += 1
                # Seeded by place and count: whatever else was asked in between, the draw is the same.
                chance = random.Random(f"{self.script.seed}:{index}:{self._met[index]}").random()  # noqa: S311
                ready = self._met[index] >= fault.nth and chance < fault.probability
                record = fault.what == "bad-record"
                if ready and (record or not taken) and (fault.times == 0 or self._left[index] > 0):
                    self._left[index] -= 1
                    due.append(index)
                    taken = taken or not record
        return due

    def _is_meant(self, index: int, fault: Fault, asked: Asked) -> bool:
        if not matches(asked, fault.on):
            return False
        if fault.what == "export-partial":
            return True
        if fault.what == "bad-record" and asked.kind == "read":
            return f"{asked.type}/{asked.id}" == self._records[index]
        return fault.type in ("", asked.type) and fault.number in (0, asked.number)

    async def _answer(self, made: Mapping[int, Made], asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the faults that are due: those in a page are put into it, of the others there is one at most."""
        inside = [index for index in made if self._is_inside(index, asked)]
        others = [index for index in made if index not in inside]
        if inside:

            def rewrite(parts: PageParts) -> None:
                for index in inside:
                    self._change_page(index, parts, made[index])

            scope = {**scope, REWRITE: rewrite}
        if others:
            await self._let_happen(self.script.faults[others[0]], made[others[0]], asked, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_inside(self, index: int, asked: Asked) -> bool:
        what = self.script.faults[index].what
        return asked.kind in ("first-page", "later-page") and (what in PAGE_EFFECTS or what == "bad-record")

    def _change_page(self, index: int, parts: PageParts, made: Made) -> None:
        fault = self.script.faults[index]
        if fault.what in PAGE_EFFECTS:
            PAGE_EFFECTS[fault.what](parts, fault, made)
        elif self._records[index] in parts.keys:
            made.it(self._records[index])
            raise RefusalError(500, "exception", "A record cannot be read.")

    async def _let_happen(
        self, fault: Fault, made: Made, asked: Asked, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if fault.what in FILE_EFFECTS:
            said = await connection.captured(self._app, _leaving(scope, *_WHOLE_FILE), receive)
            if said.status == 200:
                said = replace(said, body=rewritten(said.body, fault, made))
            await connection.send_whole(send, said)
        elif fault.what in _CHANGES:
            with suppress(RefusalError):  # the export is not known any more: nothing to change
                _CHANGES[fault.what](self, fault, asked, made)
            if fault.what == "restart":
                await connection.reset(receive, send)
            else:
                await self._app(scope, receive, send)
        elif (own := self._own_answer(fault)) is not None:
            made.it()
            await connection.send_whole(send, own)
        else:
            await self._cut(fault, made, scope, receive, send)

    def _note(self, index: int, asked: Asked, lost: tuple[str, ...]) -> None:
        """Note what happens, before the answer leaves: whoever has the answer finds it noted."""
        with self._lock:
            self.happened.append(Happened(index, asked, lost))

    def _own_answer(self, fault: Fault) -> Answer | None:
        match fault.what:
            case "status":
                code = "throttled" if fault.status == 429 else "exception"
                return _outcome(fault.status, code, list(self._waits(fault)))
            case "page-expired":
                status = fault.status if fault.status in (404, 410) else 410
                return _outcome(status, "processing")
            case "unauthorized":
                return _outcome(401, "login", [("www-authenticate", 'Bearer realm="sandbox", error="invalid_token"')])
            case "html":
                return connection.answer(200, HTML, "text/html; charset=utf-8")
            case "empty":
                return connection.answer(200, b"", FHIR_JSON)
            case "outcome":
                return _outcome(200, fault.code)
            case "bad-record":  # read by itself
                return _outcome(500, "exception")
        return None

    def _waits(self, fault: Fault) -> Iterator[tuple[str, str]]:
        if fault.retry_after is not None:
            yield "retry-after", fault.retry_after
        if fault.retry_after_date is not None:
            at = self._state.clock.now() + timedelta(seconds=fault.retry_after_date)
            yield "retry-after", format_datetime(at, usegmt=True)
        if fault.retry_after_ms is not None:
            yield "x-ms-retry-after-ms", str(fault.retry_after_ms)

    async def _cut(self, fault: Fault, made: Made, scope: Scope, receive: Receive, send: Send) -> None:
        """Faults that need the true answer and how it is sent: reset, trickle, body-cut, gzip-cut."""
        if fault.what == "reset" and fault.keep == 0:
            made.it()
            return await connection.reset(receive, send)
        if fault.what == "gzip-cut":
            scope = _leaving(scope, b"accept-encoding", b"range", b"if-range")
        said = await connection.captured(self._app, scope, receive)
        made.it()
        if fault.what == "gzip-cut":
            packed = gzip.compress(said.body, 1, mtime=0)
            short = replace(said, body=packed[: int(len(packed) * fault.keep)])
            return await connection.send_whole(send, short.having((b"content-encoding", b"gzip")))
        sent = min(len(said.body), int(len(said.body) * fault.keep) if fault.at is None else fault.at)
        if fault.what == "reset":
            await connection.reset(receive, send, said, sent)
        elif fault.what == "trickle":
            await connection.send_pieces(send, said, fault.piece)
        elif fault.announced:
            await connection.send_cut(receive, send, said, sent)
        else:
            await connection.send_whole(send, replace(said, body=said.body[:sent]))

    def _fail_export(self, _: Fault, asked: Asked, made: Made) -> None:
        self._state.jobs.get(asked.job).failed = bundles.outcome("fatal", "exception", "The export failed.")
        made.it()

    def _expire_export(self, _: Fault, asked: Asked, made: Made) -> None:
        self._state.jobs.end(asked.job)
        made.it()

    def _expire_files(self, _: Fault, asked: Asked, made: Made) -> None:
        self._state.jobs.get(asked.job).addresses.clear()
        made.it()

    def _withhold_file(self, fault: Fault, asked: Asked, made: Made) -> None:
        job = self._state.jobs.get(asked.job)
        outputs = [file for file in job.files if file.kind == "output" and fault.type in ("", file.resource_type)]
        chosen = [file for file in outputs if fault.number in (0, file.number)]
        if chosen and job.withhold(chosen[0].resource_type, chosen[0].number):
            made.it(f"{chosen[0].resource_type} file {chosen[0].number}")

    def _restart(self, _: Fault, __: Asked, made: Made) -> None:
        self._state.forget()
        made.it()


_CHANGES = {
    "export-fails": FaultLayer._fail_export,
    "export-expired": FaultLayer._expire_export,
    "files-expired": FaultLayer._expire_files,
    "export-partial": FaultLayer._withhold_file,
    "restart": FaultLayer._restart,
}


def _record(state: State, fault: Fault) -> str:
    """``Type/id`` of the record a ``bad-record`` names by its row, counted round where the type has fewer."""
    ids = state.store.table(fault.type).id_of_row if fault.what == "bad-record" else []
    return f"{fault.type}/{ids[(fault.row - 1) % len(ids)]}" if ids else ""


def _outcome(status: int, code: str, headers: list[tuple[str, str]] | None = None) -> Answer:
    return connection.answer(status, bundles.outcome("error", code, "A fault on order."), FHIR_JSON, headers or ())


def _leaving(scope: Scope, *names: bytes) -> Scope:
    """The same request without some headers."""
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] not in names]}


def _without_mark(scope: Scope) -> tuple[Scope, bool]:
    """The request without the mark of an empty page's entries, and whether it was there."""
    query = scope["query_string"].decode("latin-1")
    if AGAIN not in query:
        return scope, False
    left = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != AGAIN]
    return {**scope, "query_string": urlencode(left).encode()}, True
