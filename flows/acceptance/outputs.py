"""Output files that appear whole or not at all: written as ``.part``, flushed to disk, then named."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO


class OutputFile:
    """A file being written, made at its first byte; without one, none appears. Readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._stream: BinaryIO | None = None

    def __enter__(self) -> OutputFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._stream is None:
            return
        if kind is None:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        self._stream.close()
        if kind is None:
            self._part.replace(self.path)
        else:
            self._part.unlink(missing_ok=True)

    def write(self, content: bytes | bytearray) -> None:
        """Add bytes."""
        if not content:
            return
        if self._stream is None:
            self._stream = self._part.open("wb")
            self._part.chmod(0o600)
        self._stream.write(content)


def emptied(folder: Path) -> Path:
    """The folder, made if need be, without the NDJSON an earlier acceptance left in it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for pattern in ("*.ndjson", "*.ndjson.part"):
        for old in folder.glob(pattern):
            old.unlink()
    return folder
