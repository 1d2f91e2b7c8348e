"""Where every received entry goes: landed, a duplicate, not asked for, or an outcome. Counted by type."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from itertools import compress
from typing import NamedTuple

from flows.client.outcomes import coded
from flows.landing.identities import WIDTH, Identities
from flows.landing.manifest import TypeCount
from flows.landing.page_journal import Entries
from flows.landing.writer import LandedFile, TypeWriters, Written

UNKNOWN = "Unknown"
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,40}")
_MOST_OUTCOMES = 1000
_MANY = 1 << 16


class Resource(NamedTuple):
    """What is needed of a resource to land it."""

    type: str
    id: str
    version: str
    text: bytes


class Intake:
    """Lands entries of one site through ``writers`` (``None``: only counts): the arrival half of the ledger.

    A duplicate is the same type, id and version; where a server gives no version, the same text. ``fresh`` are the
    hashes of what was landed since somebody last took them from there to keep them, which ``put_away`` does when they
    have become many.
    """

    def __init__(
        self,
        writers: TypeWriters | None,
        identities: Identities | None = None,
        put_away: Callable[[], None] = lambda: None,
    ) -> None:
        self._writers, self._put_away = writers, put_away
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
        self._keep_few()
        return new

    def land_lines(self, type_: str, entries: Entries) -> None:
        """Take a page of matches of one type, as `land` does."""
        if all(entries.ids) and all(entries.versions):
            known = zip(entries.ids, entries.versions, strict=True)
            hashes = [known_identity(type_, id_, version) for id_, version in known]
        else:
            each = zip(entries.ids, entries.versions, entries.texts, strict=True)
            hashes = [identity(type_, id_, version, text) for id_, version, text in each]
        new = self._identities.add(hashes)
        type_ = file_type(type_)
        count, n, landed = self.count(type_), len(new), sum(new)
        count.received += n
        count.matches += n
        count.landed += landed
        count.duplicates += n - landed
        self.fresh += hashes if landed == n else compress(hashes, new)
        if self._writers is not None and 0 < landed == n:
            self._writers.write_lines(type_, entries.lines, n)
        elif self._writers is not None and landed:
            self._writers.write(type_, list(compress(entries.texts, new)))
        self._keep_few()

    def _keep_few(self) -> None:
        if len(self.fresh) >= _MANY:
            self._put_away()

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
        for severity, code in coded(json.loads(text), ""):
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
    if id_ and version:
        return known_identity(type_, id_, version)
    # The id, if any, is in the text. One zero, where a known identity has two.
    return hashlib.blake2b(type_.encode("utf-8", "surrogatepass") + b"\0" + text, digest_size=WIDTH).digest()


def known_identity(type_: str, id_: str, version: str) -> bytes:
    """The key of a resource with id and version."""
    parts = f"{type_}\0{id_}\0{version}"
    if parts.count("\0") != 2:  # not to be told apart at the zeros, which FHIR does not allow in them
        parts = repr((type_, id_, version))
    return hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=WIDTH).digest()
