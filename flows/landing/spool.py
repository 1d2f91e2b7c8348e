"""The entries of one search, kept on disk until it is their turn to be landed.

Searches run side by side and end in any order. Each writes its own spool, and the spools are landed in the order of the
plan: the same answers give the same landing whatever the threads did, and memory stays small.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.client.bundle import Entry


@dataclass(frozen=True, slots=True)
class Spooled:
    """One entry with what was read from its parsed form while it was at hand.

    ``leave_out`` is the reason it was not asked for, or empty; ``patient`` the key of its patient where the cohort is
    made from it; ``refers_to`` the keys of resources to fetch after it.
    """

    attempt: int
    type: str
    id: str
    version: str
    mode: str
    leave_out: str
    patient: str
    refers_to: tuple[tuple[str, str], ...]
    text: bytes


class Spool:
    """A file of entries: written once, read once, then removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._out = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=1 << 18)

    def add(
        self,
        entry: Entry,
        attempt: int = 1,
        leave_out: str = "",
        patient: str = "",
        refers_to: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Append one entry."""
        head = [attempt, entry.type, entry.id, entry.version, entry.mode, leave_out, patient, refers_to]
        self._out.write(json.dumps(head).encode() + b"\n" + entry.text + b"\n")

    def close(self) -> None:
        """End writing."""
        self._out.close()

    def read(self) -> Iterator[Spooled]:
        """All entries in the order they came."""
        with self._path.open("rb") as lines:
            for head in lines:
                attempt, type_, id_, version, mode, leave_out, patient, refers_to = json.loads(head)
                refers = tuple((kind, key) for kind, key in refers_to)
                text = next(lines).rstrip(b"\n")
                yield Spooled(attempt, type_, id_, version, mode, leave_out, patient, refers, text)

    def remove(self) -> None:
        """Delete the file."""
        self._out.close()
        self._path.unlink(missing_ok=True)
