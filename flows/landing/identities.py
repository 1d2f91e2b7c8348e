"""A growing set of 16-byte hashes in little memory: what has been landed already.

A Python set takes some hundred bytes for each. Here the latest ones lie in such a set and the others in sorted arrays,
16 bytes each, whose sizes double up to a largest (a log-structured merge: each hash is sorted a few times, and a merge
takes little memory beside them).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

WIDTH = 16
"""Bytes of one hash: at 128 bits two different resources of any hospital do not share one by chance."""
_Words = np.ndarray[Any, np.dtype[np.uint64]]


class Identities:
    """The set. ``recent`` is how many hashes are held as Python objects before they are packed, ``largest`` how many
    there may be in an array that is merged with another."""

    def __init__(self, packed: bytes = b"", recent: int = 1 << 17, largest: int = 1 << 20) -> None:
        self._most_recent, self._largest = recent, largest
        self._recent: set[bytes] = set()
        self._levels: list[_Words] = []
        if packed:
            self._levels.append(_sorted(np.frombuffer(packed, dtype=np.uint64).reshape(-1, 2)))

    def add(self, hashes: Sequence[bytes]) -> list[bool]:
        """Add hashes in their order; which of them were new."""
        if not self._levels:
            before = len(self._recent)
            if self._recent.isdisjoint(hashes):
                self._recent.update(hashes)
                if len(self._recent) == before + len(hashes):  # as nearly always
                    self._pack_many()
                    return [True] * len(hashes)
                self._recent.difference_update(hashes)
        known = self._packed(hashes)
        new = []
        for each, packed in zip(hashes, known, strict=True):
            is_new = not packed and each not in self._recent
            if is_new:
                self._recent.add(each)
            new.append(is_new)
        self._pack_many()
        return new

    def _packed(self, hashes: Sequence[bytes]) -> list[bool]:
        if not self._levels or not hashes:
            return [False] * len(hashes)
        asked = np.frombuffer(b"".join(hashes), dtype=np.uint64).reshape(-1, 2)
        found = np.zeros(len(asked), dtype=bool)
        for level in self._levels:
            first = level[:, 0]
            at = np.searchsorted(first, asked[:, 0])
            # Two different hashes with one first half are as good as never met, but they would be followed up here.
            open_ = np.flatnonzero(at < len(level))
            while len(open_):
                open_ = open_[first[at[open_]] == asked[open_, 0]]
                found[open_[level[at[open_], 1] == asked[open_, 1]]] = True
                at[open_] += 1
                open_ = open_[(at[open_] < len(level)) & ~found[open_]]
        return [bool(each) for each in found]

    def _pack_many(self) -> None:
        if len(self._recent) < self._most_recent:
            return
        newest = np.frombuffer(b"".join(self._recent), dtype=np.uint64).reshape(-1, 2)
        self._recent = set()
        while self._levels and len(self._levels[-1]) <= min(2 * len(newest), self._largest):
            newest = np.concatenate([self._levels.pop(), newest])
        self._levels.append(_sorted(newest))


class DistinctIds:
    """How many different texts there are; few are held as they are, many as hashes."""

    def __init__(self, few: int = 1 << 17) -> None:
        self._few = few
        self._texts: set[str] = set()
        self._hashes: Identities | None = None
        self.count = 0

    def add(self, texts: Sequence[str]) -> None:
        """Hear of some."""
        if self._hashes is None:
            self._texts.update(texts)
            self.count = len(self._texts)
            if self.count > self._few:
                self._hashes = Identities()
                self._hashes.add([_hash(text) for text in self._texts])
                self._texts.clear()
        else:
            self.count += sum(self._hashes.add([_hash(text) for text in texts]))


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=WIDTH).digest()


def _sorted(pairs: _Words) -> _Words:
    ordered: _Words = np.ascontiguousarray(pairs[np.argsort(pairs[:, 0], kind="stable")])
    return ordered
