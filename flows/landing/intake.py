"""Where every received entry goes: landed, a duplicate, not asked for, or an outcome. Counted by type."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from flows.landing.manifest import TypeCount
from flows.landing.writer import LandedFile, TypeWriters

UNKNOWN = "Unknown"
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,40}")
_SAFE_CODE = re.compile(r"[A-Za-z0-9-]{1,40}")
_MOST_OUTCOMES = 1000


class Intake:
    """Lands entries of one site into a folder (``None``: only counts) and keeps the arrival half of the ledger.

    A duplicate is the same type, id and version; where a server gives no version, the same text.
    """

    def __init__(self, folder: Path | None) -> None:
        self._writers = TypeWriters(folder) if folder is not None else None
        self._seen: set[bytes] = set()
        self.types: dict[str, TypeCount] = {}
        self.outcomes: list[dict[str, object]] = []

    def count(self, type_: str) -> TypeCount:
        """The counts of ``type_``."""
        return self.types.setdefault(type_, TypeCount())

    def land(self, type_: str, id_: str, version: str, text: bytes, *, match: bool = True) -> bool:
        """Take one resource that was asked for; ``False`` when it is a duplicate."""
        key = identity(type_, id_, version, text)  # by the type as said: what may not name a file may still differ
        type_ = file_type(type_)
        count = self.count(type_)
        count.received += 1
        count.matches += match
        if key in self._seen:
            count.duplicates += 1
            return False
        self._seen.add(key)
        if self._writers is not None:
            self._writers.write(type_, text)
        count.landed += 1
        return True

    def leave_out(self, type_: str, reason: str, *, match: bool = False) -> None:
        """Take one resource that was not asked for."""
        count = self.count(file_type(type_))
        count.received += 1
        count.matches += match
        count.leave_out(reason)

    def outcome(self, searched: str, text: bytes, search: int) -> None:
        """Take an OperationOutcome entry: severity and code are kept; its sentences may name patients."""
        count = self.count(searched)
        count.received += 1
        count.outcomes += 1
        for severity, code in _issues(text):
            if len(self.outcomes) < _MOST_OUTCOMES:
                self.outcomes.append({"severity": severity, "code": code, "type": searched, "search": search})

    def close(self) -> tuple[LandedFile, ...]:
        """Close the files; what was written."""
        return self._writers.close() if self._writers is not None else ()

    def discard(self) -> None:
        """Drop files not closed yet."""
        if self._writers is not None:
            self._writers.discard()


def file_type(type_: str) -> str:
    """A type name that may become a file name; anything else is ``Unknown``."""
    return type_ if _TYPE.fullmatch(type_) else UNKNOWN


def identity(type_: str, id_: str, version: str, text: bytes) -> bytes:
    """The key by which a resource is recognised when it comes again."""
    parts = (type_, id_, version).__repr__().encode()
    return hashlib.blake2b(parts + (b"" if id_ and version else text), digest_size=16).digest()


def _issues(text: bytes) -> list[tuple[str, str]]:
    found = []
    issues = json.loads(text).get("issue")
    for issue in issues if isinstance(issues, list) else ():
        if isinstance(issue, dict):
            words = [issue.get("severity"), issue.get("code")]
            severity, code = (w if isinstance(w, str) and _SAFE_CODE.fullmatch(w) else "" for w in words)
            found.append((severity, code))
    return found
