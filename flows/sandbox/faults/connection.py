"""Answers as they leave the server: whole, in pieces, ended early, or cut by a reset connection."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

_RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST


@dataclass(frozen=True)
class Answer:
    """A whole answer in memory."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def without(self, *names: bytes) -> Answer:
        """The same answer without some headers (names in small letters)."""
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() not in names))

    def having(self, *pairs: tuple[bytes, bytes]) -> Answer:
        """The same answer with these headers in place of those of the same names."""
        kept = self.without(*(name for name, _ in pairs))
        return replace(kept, headers=(*kept.headers, *pairs))


def answer(status: int, body: bytes, media_type: str, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """An answer of one's own."""
    every = [("content-type", media_type), *headers]
    return Answer(status, tuple((name.encode(), value.encode()) for name, value in every), body)


async def captured(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    """What the application answers, whole."""
    start: dict[str, Any] = {}
    parts: list[bytes] = []

    async def keep(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    return Answer(start["status"], tuple((bytes(n), bytes(v)) for n, v in start["headers"]), b"".join(parts))


async def send_whole(send: Send, said: Answer) -> None:
    """Send an answer with the length it has."""
    await _start(send, said, len(said.body))
    await send({"type": "http.response.body", "body": said.body})


async def send_pieces(send: Send, said: Answer, size: int) -> None:
    """Send an answer in pieces of ``size`` bytes."""
    await _start(send, said, len(said.body))
    for at in range(0, len(said.body), size):
        if _transport(send).is_closing():
            return
        await send({"type": "http.response.body", "body": said.body[at : at + size], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_cut(receive: Receive, send: Send, said: Answer, sent: int) -> None:
    """Announce the whole, send ``sent`` bytes of it and close the connection in good order."""
    await _start(send, said, len(said.body))
    await send({"type": "http.response.body", "body": said.body[:sent], "more_body": True})
    _transport(send).close()
    await _gone(receive)


async def reset(receive: Receive, send: Send, said: Answer | None = None, sent: int = 0) -> None:
    """Reset the connection (TCP RST): at once, or after ``sent`` bytes of an answer's body."""
    if said is not None:
        await _start(send, said, len(said.body))
        await send({"type": "http.response.body", "body": said.body[:sent], "more_body": True})
    transport = _transport(send)
    with suppress(OSError):  # the other side may have gone first
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
    await _gone(receive)


async def _start(send: Send, said: Answer, length: int) -> None:
    ready = said.without(b"transfer-encoding").having((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": ready.status, "headers": list(ready.headers)})


def _transport(send: Send) -> Any:
    """The connection itself. ASGI has no way to it; uvicorn's ``send`` is a method of what has."""
    return send.__self__.transport  # type: ignore[attr-defined]


async def _gone(receive: Receive) -> None:
    """Wait until the server knows that the connection is gone; else it would complain of an unfinished answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
