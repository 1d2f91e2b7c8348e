"""One file of an export, streamed to disk as it is sent, and resumed at the byte where it broke off.

What has come lies in ``<stem>.part``, and beside it in ``<stem>.part.json`` what the server called it (ETag,
Last-Modified, encoding, length), so that another process can go on with it too. A whole file becomes ``<stem>.ndjson``
or ``<stem>.ndjson.gz``. It is kept compressed where it came compressed: a range counts the bytes that were sent.

Resumed is only what the server can prove to be the same (If-Range, RFC 9110 13.1.5: a strong ETag, else the date) and
answers with 206 from the right byte. Everything else is begun again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.client.faults import GoneFault, RefusedFault, RequestFault, TransientFault
from flows.client.ndjson import Reading, is_gzip, read_through, whole_lines
from flows.client.transport import Request, Stream, Transport

_ENCODINGS = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip"}
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
# So much must come for a try not to count: a server that drops every connection is not asked for ever.
_ADVANCE = 1 << 16
_ACCEPT = "application/fhir+ndjson"


@dataclass(frozen=True)
class Wanted:
    """A file to fetch. ``count`` is how many resources it should hold (None: unknown); ``outcomes``: it may be a
    single OperationOutcome, which in another file's place is an error."""

    url: str
    with_credential: bool
    count: int | None = None
    outcomes: bool = False

    def short(self, reading: Reading) -> bool:
        """Whether fewer lines came than the server said."""
        return self.count is not None and reading.lines < self.count


@dataclass(frozen=True)
class Downloaded:
    """A file on disk: ``lines`` that are not blank, ``bytes`` uncompressed. ``fault`` is empty or the reason why it
    is not whole (then only whole lines are there)."""

    path: Path
    lines: int
    bytes: int
    fault: str = ""


@dataclass(frozen=True)
class _Known:
    """What the server said of the bytes that lie there."""

    etag: str = ""
    modified: str = ""
    encoding: str = ""
    total: int | None = None

    @property
    def validator(self) -> str:
        return self.modified if not self.etag or self.etag.startswith("W/") else self.etag


class Download:
    """Fetches one file below ``stem``. ``check`` is called with every piece; what it raises ends the download."""

    def __init__(self, transport: Transport, stem: Path, check: Callable[[], None] = lambda: None) -> None:
        self._transport, self._stem, self._check = transport, stem, check
        self._part = stem.with_name(stem.name + ".part")
        self._note = stem.with_name(stem.name + ".part.json")
        self._torn = stem.with_name(stem.name + ".torn")
        self._furthest = 0
        self._seen: tuple[str, int, int] | None = None

    def fetch(self, wanted: Wanted) -> Downloaded:
        """The file, whole, or with the reason why it is not.

        Raises `GoneFault` when the server has it no more at this address (404, 410, and 401 or 403 without
        credential), with what has come left for another address; `SourceError` when the credential is refused.
        """
        fault: RequestFault | None = None
        try:
            reading: Reading = self._transport.stream(
                lambda: self._request(wanted), lambda stream: self._take(stream, wanted), lambda: self._furthest
            )
        except GoneFault:
            raise
        except RequestFault as caught:
            fault = caught
        if fault is None:
            return self._whole(reading, "fewer-than-count" if wanted.short(reading) else reading.fault)
        if isinstance(fault, RefusedFault) and fault.status in (401, 403):
            raise GoneFault(fault.reason, fault.status)
        return self.salvage(fault.reason)

    def new_address(self) -> None:
        """The file has another address now. Only an ETag says that it is the same file there."""
        known = self._known()
        if known is None or not known.etag or known.etag.startswith("W/"):
            self._begin_again()

    def salvage(self, reason: str) -> Downloaded:
        """Give up: keep the whole lines that have come."""
        path = self._stem.with_name(self._stem.name + ".ndjson")
        lines = size = 0
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as out:
            for line in self._whole_lines():
                out.write(line)
                size += len(line)
                lines += bool(line.strip())
        self._begin_again()
        self._torn.unlink(missing_ok=True)
        return Downloaded(path, lines, size, reason)

    def _whole_lines(self) -> Iterator[bytes]:
        if self._size():
            return iter(()) if self._is_page() else whole_lines(self._part)
        return whole_lines(self._torn) if self._torn.exists() else iter(())

    def _is_page(self) -> bool:
        """Whether it is a login page or an error in a file's place: nothing of it is a resource."""
        return read_through(self._part).fault in ("html", "operation-outcome")

    # One try

    def _request(self, wanted: Wanted) -> Request:
        headers = [("Accept-Encoding", "gzip")]
        size, known = self._size(), self._known()
        if size and known is not None and known.validator:
            headers += [("Range", f"bytes={size}-"), ("If-Range", known.validator)]
        elif size:
            self._begin_again()
        return Request(
            wanted.url,
            accept=_ACCEPT,
            headers=tuple(headers),
            statuses=(200, 206, 416),
            with_credential=wanted.with_credential,
            may_be_refused=True,
        )

    def _take(self, stream: Stream, wanted: Wanted) -> Reading:
        encoding = _ENCODINGS.get(stream.headers.get("Content-Encoding", "").strip().lower())
        if encoding is None:
            raise RefusedFault("content-encoding", stream.status)
        known = self._known() or _Known()
        if stream.status == 416:
            if known.total is None or self._size() != known.total:
                self._begin_again()
                raise TransientFault("range-refused", 416)
        else:
            known = self._continue(stream, known, encoding) if stream.status == 206 else self._begin(stream, encoding)
            self._write(stream, append=stream.status == 206)
        if known.total is not None and self._size() != known.total:
            if self._size() > known.total:
                self._begin_again()
            raise TransientFault("cut", stream.status)
        return self._judged(wanted)

    def _begin(self, stream: Stream, encoding: str) -> _Known:
        self._begin_again()
        length = stream.headers.get("Content-Length", "")
        known = _Known(
            stream.headers.get("ETag", ""),
            stream.headers.get("Last-Modified", ""),
            encoding,
            int(length) if length.isdecimal() else None,
        )
        handle = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(asdict(known), out)
        return known

    def _continue(self, stream: Stream, known: _Known, encoding: str) -> _Known:
        """The part goes on, if this is the same file from the right byte."""
        found = _RANGE.fullmatch(stream.headers.get("Content-Range", "").strip())
        total = None if found is None or found[3] == "*" else int(found[3])
        etag = stream.headers.get("ETag", "")
        other = total is not None and known.total is not None and total != known.total
        if (
            found is None
            or int(found[1]) != self._size()
            or encoding != known.encoding
            or other
            or (etag and known.etag and etag != known.etag)
        ):
            self._begin_again()
            raise TransientFault("another-range", 206)
        return _Known(known.etag, known.modified, known.encoding, known.total if total is None else total)

    def _write(self, stream: Stream, *, append: bool) -> None:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
        with os.fdopen(os.open(self._part, flags, 0o600), "wb", buffering=1 << 16) as out:
            size = out.seek(0, os.SEEK_END)
            for chunk in stream.chunks:
                self._check()
                out.write(chunk)
                size += len(chunk)
                self._furthest = max(self._furthest, size // _ADVANCE)

    def _judged(self, wanted: Wanted) -> Reading:
        """What came is whole by its length. One that is not whole by its content is fetched once more: the same again
        is what the server has. A page in its place, or a gzip without its end, is asked for as any bad answer is."""
        reading = read_through(self._part, wanted.outcomes)
        problem = reading.fault or ("fewer-than-count" if wanted.short(reading) else "")
        if problem:
            seen = (problem, reading.lines, self._size())
            known_before, self._seen = self._seen, seen
            torn = problem == "truncated" and is_gzip(self._part)
            if torn or problem in ("html", "operation-outcome") or known_before != seen:
                if torn:  # kept for the case that nothing better comes
                    self._part.replace(self._torn)
                self._begin_again()
                raise TransientFault(problem, 200)
        return reading

    def _whole(self, reading: Reading, fault: str) -> Downloaded:
        if reading.fault == "truncated" and is_gzip(self._part):
            return self.salvage("truncated")
        path = self._stem.with_name(self._stem.name + (".ndjson.gz" if is_gzip(self._part) else ".ndjson"))
        with self._part.open("rb") as stream:
            os.fsync(stream.fileno())
        self._part.replace(path)
        self._begin_again()
        self._torn.unlink(missing_ok=True)
        return Downloaded(path, reading.lines, reading.bytes, fault)

    # What lies there

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _known(self) -> _Known | None:
        try:
            said: Mapping[str, object] = json.loads(self._note.read_bytes())
            return _Known(**said)  # type: ignore[arg-type]
        except (OSError, ValueError, TypeError):
            return None

    def _begin_again(self) -> None:
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
