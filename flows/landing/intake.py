"""Where every received entry goes: landed, a duplicate, not asked for, or an outcome. Counted by type."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from flows.landing.identities import WIDTH, Identities
from flows.landing.manifest import TypeCount
from flows.landing.writer import LandedFile, TypeWriters, Written

UNKNOWN = "Unknown"
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,40}")
_SAFE_CODE = re.compile(r"[A-Za-z0-9-]{1,40}")
_MOST_OUTCOMES = 1000


class Resource(NamedTuple):
    """What is needed of a resource to land it."""

    type: str
    id: str
    version: str
    text: bytes


class Intake:
    """Lands entries of one site through ``writers`` (``None``: only counts): the arrival half of the ledger.

    A duplicate is the same type, id and version; where a server gives no version, the same text. ``fresh`` are the
    hashes of what was landed since somebody last took them from there to keep them.
    """

    def __init__(self, writers: TypeWriters | None, identities: Identities | None = None) -> None:
        self._writers = writers
        self._identities = identities or Identities()
        self.fresh: list[bytes] = []
        self.types: dict[str, TypeCount] = {}
        self.outcomes: list[dict[str, object]] = []

    def count(self, type_: str) -> TypeCount:
        """The counts of ``type_``."""
        return self.types.setdefault(type_, TypeCount())

    def land(self, resources: Sequence[Resource], *, match: bool = True) -> list[bool]:
        """Take resources that were asked for, in their order; ``False`` for each that is a duplicate."""
        hashes = [identity(*each) for each in resources]
        new = self._identities.add(hashes)
        lines: dict[str, list[bytes]] = {}
        for resource, hash_, is_new in zip(resources, hashes, new, strict=True):
            # By the type as said above: what may not name a file may still differ.
            type_ = file_type(resource.type)
            count = self.count(type_)
            count.received += 1
            count.matches += match
            if is_new:
                count.landed += 1
                self.fresh.append(hash_)
                lines.setdefault(type_, []).append(resource.text)
            else:
                count.duplicates += 1
        if self._writers is not None:
            for type_, texts in lines.items():
                self._writers.write(type_, texts)
        return new

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

    def sync(self) -> Written:
        """Make what is landed survive a crash, and say where the files stand."""
        return self._writers.sync() if self._writers is not None else Written()

    def close(self) -> tuple[LandedFile, ...]:
        """Close the files; what was written."""
        return self._writers.close() if self._writers is not None else ()

    def discard(self) -> None:
        """Let go of files not closed yet."""
        if self._writers is not None:
            self._writers.discard()


def file_type(type_: str) -> str:
    """A type name that may become a file name; anything else is ``Unknown``."""
    return type_ if _TYPE.fullmatch(type_) else UNKNOWN


def identity(type_: str, id_: str, version: str, text: bytes) -> bytes:
    """The key by which a resource is recognised when it comes again."""
    parts = (type_, id_, version).__repr__().encode()
    return hashlib.blake2b(parts + (b"" if id_ and version else text), digest_size=WIDTH).digest()


def _issues(text: bytes) -> list[tuple[str, str]]:
    found = []
    issues = json.loads(text).get("issue")
    for issue in issues if isinstance(issues, list) else ():
        if isinstance(issue, dict):
            words = [issue.get("severity"), issue.get("code")]
            severity, code = (w if isinstance(w, str) and _SAFE_CODE.fullmatch(w) else "" for w in words)
            found.append((severity, code))
    return found
