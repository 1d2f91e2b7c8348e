"""A folder as a source: NDJSON files and Bundles, plain, gzip or zstd.

A line that is no JSON is not thrown away: it comes as an entry without parsed form, is landed as it stands and left to
acceptance. File names may hold patients' names (one Bundle a patient is common), so a file is named only when its name
begins with a resource type and else by its number in the folder.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from flows.client.bundle import Entry, Page, UnusableBody, entry_of, one_line, read_page
from mappings.elements import is_resource
from mappings.errors import SourceError

_ENDING = re.compile(r"\.(ndjson|jsonl|json)(\.gz|\.zst)?$")
_TYPED = re.compile(r"([A-Z][A-Za-z]{2,40})((?:[.-]\d{1,6})?\.(?:ndjson|jsonl|json)(?:\.gz|\.zst)?)")
_NOT_RESOURCES = frozenset({"log.ndjson", "manifest.json"})

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

UNKNOWN = "Unknown"
NOT_FHIR = "not-fhir"


class FileFault(Exception):
    """A file that cannot be read to its end; ``reason`` is a short word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class SourceFile:
    """One file of the folder; ``label`` may be shown, the path may not."""

    path: Path
    label: str
    type: str

    @property
    def bundles(self) -> bool:
        """Whether it is one JSON document rather than one resource a line."""
        return _is_json(self.path.name)


def _is_json(name: str) -> bool:
    match = _ENDING.search(name)
    return match is not None and match.group(1) == "json"


def files_of(folder: Path) -> tuple[SourceFile, ...]:
    """The files of a folder and its subfolders, in the order of their paths. Hidden ones are left out.

    Raises `SourceError` when there is no such folder or nothing in it to read.
    """
    if not folder.is_dir():
        raise SourceError(f"there is no folder {folder}")
    found = sorted(
        path
        for path in folder.rglob("*")
        if _ENDING.search(path.name)
        and path.name not in _NOT_RESOURCES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    if not found:
        raise SourceError(f"the folder {folder} holds no .ndjson or .json file (plain, .gz or .zst)")
    files = []
    for number, path in enumerate(found, start=1):
        type_ = type_in_name(path.name)
        files.append(SourceFile(path, f"file {number} of {len(found)}" if type_ == UNKNOWN else path.name, type_))
    return tuple(files)


def type_in_name(name: str) -> str:
    """The resource type a file's name begins with, or ``UNKNOWN``."""
    typed = _TYPED.fullmatch(name)
    return typed.group(1) if typed and is_resource(typed.group(1)) else UNKNOWN


def read_file(file: SourceFile) -> Iterator[Entry]:
    """The resources of one file in their order, as served. Raises `FileFault` where it cannot be read on."""
    fault = ""
    try:
        with open_file(file.path) as stream:
            yield from _document(stream) if file.bundles else _lines(stream)
            return
    except UnusableBody as unusable:
        fault = unusable.reason
    except (OSError, EOFError, zlib.error) as error:
        fault = "truncated" if isinstance(error, EOFError) else "unreadable"
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("zstandard", "zstd"):
            raise
        fault = "truncated"
    raise FileFault(fault)


def open_file(path: Path) -> BinaryIO:
    """A file's uncompressed bytes, by its suffix; one that ends too early raises EOFError where it does."""
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return io.BufferedReader(_WholeFrames(path.open("rb")), 1 << 20)
    return path.open("rb")


class _WholeFrames(io.RawIOBase):
    """A zstd stream of one or more frames. The library's reader ends a cut frame without a word; this one raises."""

    def __init__(self, source: BinaryIO) -> None:
        import zstandard

        self._source = source
        self._new = zstandard.ZstdDecompressor
        self._frame = self._new().decompressobj()
        self._ready = b""
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        while not self._ready:
            packed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._begun = self._new().decompressobj(), False
            packed = packed or self._source.read(1 << 17)
            if not packed:
                if self._begun:
                    raise EOFError
                return 0
            self._begun = True
            self._ready = self._frame.decompress(packed)
        block, self._ready = self._ready[: len(view)], self._ready[len(view) :]
        view[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._source.close()
        super().close()


def _lines(stream: BinaryIO) -> Iterator[Entry]:
    for raw in stream:
        line = raw.removeprefix(_BYTE_ORDER_MARK).strip(b" \t\r\n")
        if line:
            yield entry_of_line(line)


def entry_of_line(line: bytes) -> Entry:
    """An entry of one NDJSON line; when it is no JSON object, one without type and parsed form."""
    try:
        resource = json.loads(line.decode())
    except (ValueError, RecursionError):
        resource = None
    if not isinstance(resource, dict):
        return Entry("", "", "", "match", {}, line)
    return entry_of(resource, line)


def _document(stream: BinaryIO) -> Iterator[Entry]:
    """A Bundle's resources, or the one resource that the file is."""
    body = stream.read()
    page: Page | None = None
    try:
        page = read_page(body)
    except UnusableBody as unusable:
        if unusable.reason not in ("not-a-bundle", "operation-outcome"):
            raise
    if page is not None:
        yield from page.entries
        return
    text = body.decode("utf-8-sig").strip()
    entry = entry_of(json.loads(text), one_line(text))
    if not entry.type:
        raise UnusableBody(NOT_FHIR)
    yield entry
