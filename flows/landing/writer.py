"""Write NDJSON so that a reader sees a whole file or none, and know its lines, bytes and hash."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

_BUFFER = 1 << 20


@dataclass(frozen=True, order=True)
class LandedFile:
    """One file of the manifest; ``bytes`` and ``sha256`` are of the file as it lies there."""

    name: str
    type: str
    lines: int
    bytes: int
    sha256: str


class NdjsonWriter:
    """One NDJSON file: written as ``<name>.part``, renamed when closed. Mode 0600.

    Used as a context manager; an exception inside leaves no file.
    """

    def __init__(self, folder: Path, name: str, type_: str) -> None:
        self._path = folder / name
        self._part = folder / f"{name}.part"
        self._type = type_
        self._hash = hashlib.sha256()
        self.lines = 0
        self.bytes = 0
        handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._out: BinaryIO = os.fdopen(handle, "wb", buffering=_BUFFER)

    def write(self, line: bytes) -> None:
        """Add one resource; ``line`` holds no line end."""
        data = line + b"\n"
        self._out.write(data)
        self._hash.update(data)
        self.lines += 1
        self.bytes += len(data)

    def close(self) -> LandedFile:
        """Make the file durable and visible."""
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()
        self._part.replace(self._path)
        sync_folder(self._path.parent)
        return LandedFile(self._path.name, self._type, self.lines, self.bytes, self._hash.hexdigest())

    def discard(self) -> None:
        """Leave nothing behind."""
        self._out.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._out.closed:
            return
        if kind is None:
            self.close()
        else:
            self.discard()


class TypeWriters:
    """The files ``<Type>.<n>.ndjson`` of one site; a file past ``max_bytes`` is closed and the next begun."""

    def __init__(self, folder: Path, max_bytes: int = 256 << 20) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._open: dict[str, NdjsonWriter] = {}
        self._numbers: dict[str, int] = {}
        self._closed: list[LandedFile] = []

    def write(self, type_: str, line: bytes) -> None:
        """Add one resource of ``type_`` (a FHIR type name, or ``Unknown``)."""
        writer = self._open.get(type_)
        if writer is None:
            number = self._numbers.get(type_, 0)
            self._numbers[type_] = number + 1
            writer = self._open[type_] = NdjsonWriter(self._folder, f"{type_}.{number:03d}.ndjson", type_)
        writer.write(line)
        if writer.bytes >= self._max_bytes:
            self._closed.append(self._open.pop(type_).close())

    def close(self) -> tuple[LandedFile, ...]:
        """Close all files and say what was written, by name."""
        self._closed += [writer.close() for writer in self._open.values()]
        self._open.clear()
        return tuple(sorted(self._closed))

    def discard(self) -> None:
        """Drop what is not closed yet."""
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
