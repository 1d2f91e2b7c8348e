"""A file of an export over HTTP: whole, a part of it, or as gzip, with the validators the settings allow."""

from __future__ import annotations

from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from flows.sandbox.bulk.settings import BulkSettings

_SMALLEST = 1  # bytes: even a small file is sent as gzip, so that a client's unpacking is tried


class _File(FileResponse):
    chunk_size = 1 << 18


class _FileAnswer(Response):
    """Starlette's FileResponse does the ranges; this takes away what the settings do not allow."""

    def __init__(self, inner: FileResponse, settings: BulkSettings) -> None:
        super().__init__()
        self._inner, self._settings = inner, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope)
        conditional = self._settings.validators == "none" and "if-range" in asked
        whole = "range" not in asked or not self._settings.ranges or conditional
        if whole:
            left = [(name, value) for name, value in scope["headers"] if name not in (b"range", b"if-range")]
            scope = {**scope, "headers": left}
        packed = whole and self._settings.compress and "gzip" in asked.get("accept-encoding", "")

        async def passed_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._trim(MutableHeaders(raw=message["headers"]), packed)
            await send(message)

        if not Path(self._inner.path).exists():
            # The job was ended after its file was looked up.
            await Response(status_code=404)(scope, receive, send)
        elif packed:
            await GZipMiddleware(self._inner, minimum_size=_SMALLEST, compresslevel=1)(scope, receive, passed_on)
        else:
            await self._inner(scope, receive, passed_on)

    def _trim(self, headers: MutableHeaders, packed: bool) -> None:
        if not self._settings.ranges:
            del headers["accept-ranges"]
        if self._settings.validators in ("none", "last-modified"):
            del headers["etag"]
        elif packed and "etag" in headers:
            # The bytes sent are other ones than a range would be of: only a weak tag is true of both.
            headers["etag"] = "W/" + headers["etag"]
        if self._settings.validators in ("none", "etag"):
            del headers["last-modified"]


def file_answer(path: Path, tag: str, settings: BulkSettings) -> Response:
    """The answer to a request for ``path``; ``tag`` is its strong ETag, in quotes."""
    return _FileAnswer(_File(path, headers={"ETag": tag}, media_type="application/fhir+ndjson"), settings)
