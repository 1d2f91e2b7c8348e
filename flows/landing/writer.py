"""Write NDJSON so that a reader sees a whole file or none, and know its lines, bytes and hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_BUFFER = 1 << 20


@dataclass(frozen=True, order=True)
class LandedFile:
    """One file of the manifest; ``bytes`` and ``sha256`` are of the file as it lies there."""

    name: str
    type: str
    lines: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Growing:
    """A file that is being written, as far as it is known to have come."""

    name: str
    type: str
    lines: int
    bytes: int


class NdjsonWriter:
    """One NDJSON file, written in ``workshop`` and moved to ``folder`` when closed. Mode 0600.

    ``grown`` is what an earlier process is known to have written of it: it goes on from there.
    """

    def __init__(self, workshop: Path, folder: Path, name: str, type_: str, grown: Growing | None = None) -> None:
        self._path = folder / name
        self._part = workshop / name
        self._type = type_
        self._hash = hashlib.sha256()
        self.lines = self.bytes = 0
        if grown is not None and not self._part.exists() and self._path.exists():
            self._path.replace(self._part)  # it was full and moved after what is known of it
        handle = os.open(self._part, os.O_RDWR | os.O_CREAT | (0 if grown else os.O_TRUNC), 0o600)
        self._out: BinaryIO = os.fdopen(handle, "r+b", buffering=_BUFFER)
        if grown is not None:
            self._go_on(grown)

    def _go_on(self, grown: Growing) -> None:
        left = grown.bytes
        while left and (block := self._out.read(min(left, _BUFFER))):
            self._hash.update(block)
            left -= len(block)
        self._out.seek(grown.bytes)
        self._out.truncate(grown.bytes)
        self.lines, self.bytes = grown.lines, grown.bytes

    def write(self, lines: bytes, n: int) -> None:
        """Add ``n`` resources, each with a line end."""
        self._out.write(lines)
        self._hash.update(lines)
        self.lines += n
        self.bytes += len(lines)

    def sync(self) -> Growing:
        """Make what is written survive a crash, and say how far it is."""
        self._out.flush()
        os.fsync(self._out.fileno())
        return Growing(self._part.name, self._type, self.lines, self.bytes)

    def close(self) -> LandedFile:
        """Make the file durable and visible."""
        self.sync()
        self._out.close()
        self._part.replace(self._path)
        sync_folder(self._path.parent)
        return LandedFile(self._path.name, self._type, self.lines, self.bytes, self._hash.hexdigest())

    def discard(self) -> None:
        """Let go of the file as it is."""
        self._out.close()


@dataclass(frozen=True)
class Written:
    """Where the files of a site stand: those that are closed, and how far the open ones are."""

    closed: tuple[LandedFile, ...] = ()
    growing: tuple[Growing, ...] = ()


class TypeWriters:
    """The files ``<Type>.<n>.ndjson`` of one site; a file past ``max_bytes`` is closed and the next begun.

    They grow in ``workshop`` and appear in ``folder`` when whole. ``before`` is what an earlier process has written.
    """

    def __init__(self, workshop: Path, folder: Path, before: Written | None = None, max_bytes: int = 256 << 20) -> None:
        self._workshop, self._folder, self._max_bytes = workshop, folder, max_bytes
        before = before or Written()
        self._closed = list(before.closed)
        self._open = {each.type: NdjsonWriter(workshop, folder, each.name, each.type, each) for each in before.growing}
        self._numbers: dict[str, int] = {}
        for type_ in [*(file.type for file in before.closed), *self._open]:
            self._numbers[type_] = self._numbers.get(type_, 0) + 1

    def write(self, type_: str, texts: Sequence[bytes]) -> None:
        """Add resources of ``type_`` (a FHIR type name, or ``Unknown``); none holds a line end."""
        self.write_lines(type_, b"\n".join([*texts, b""]), len(texts))

    def write_lines(self, type_: str, lines: bytes, n: int) -> None:
        """Add ``n`` resources of ``type_`` that have line ends already."""
        writer = self._open.get(type_)
        if writer is None:
            number = self._numbers.get(type_, 0)
            self._numbers[type_] = number + 1
            name = f"{type_}.{number:03d}.ndjson"
            writer = self._open[type_] = NdjsonWriter(self._workshop, self._folder, name, type_)
        writer.write(lines, n)
        if writer.bytes >= self._max_bytes:
            self._closed.append(self._open.pop(type_).close())

    def sync(self) -> Written:
        """Make all that is written survive a crash, and say where it stands."""
        growing = tuple(writer.sync() for _, writer in sorted(self._open.items()))
        return Written(tuple(sorted(self._closed)), growing)

    def close(self) -> tuple[LandedFile, ...]:
        """Close all files and say what was written, by name."""
        self._closed += [writer.close() for writer in self._open.values()]
        self._open.clear()
        return tuple(sorted(self._closed))

    def discard(self) -> None:
        """Let go of what is not closed yet."""
        for writer in self._open.values():
            writer.discard()
        self._open.clear()


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
