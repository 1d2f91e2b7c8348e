"""The pages of one search, kept on disk until it is their turn to be landed.

Searches run side by side and end in any order. Each writes its own journal, and the journals are landed in the order of
the plan: the same answers give the same landing whatever the threads did, and memory stays small. A record has a
checksum: what a killed process left half-written is cut off, and its successor goes on after the last whole page.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from flows.client.paging import PageMark

_FRAME = re.compile(rb"([0-9a-f]{8}) (\d{1,12}) (\d{1,15})\n")
_LONGEST_FRAME = 64


class Item(NamedTuple):
    """One entry with what was read from its parsed form while it was at hand.

    ``leave_out`` is the reason it was not asked for, or empty; ``patient`` the key of its patient where the cohort is
    made from it; ``refers_to`` the keys of resources to fetch after it.
    """

    type: str
    id: str
    version: str
    mode: str
    leave_out: str
    patient: str
    refers_to: tuple[tuple[str, str], ...]
    text: bytes


@dataclass(frozen=True)
class Entries:
    """The entries of a page, a column for each part of an `Item`: what is done with all of them is done at once.

    ``lines`` are the texts, each with a line end; ``sizes`` their lengths with it.
    """

    types: Sequence[str]
    ids: Sequence[str]
    versions: Sequence[str]
    modes: Sequence[str]
    leave_outs: Sequence[str]
    patients: Sequence[str]
    refers_to: Sequence[tuple[tuple[str, str], ...]]
    sizes: Sequence[int]
    lines: bytes

    @classmethod
    def of(cls, items: Sequence[Item]) -> Entries:
        """The columns of some items."""
        types, ids, versions, modes, leave_outs, patients, refers_to, texts = (
            zip(*items, strict=True) if items else [()] * 8
        )
        lines = b"".join([text + b"\n" for text in texts])
        return cls(types, ids, versions, modes, leave_outs, patients, refers_to, [len(t) + 1 for t in texts], lines)

    @property
    def texts(self) -> list[bytes]:
        """Each resource's own bytes."""
        ends = list(accumulate(self.sizes))
        return [self.lines[end - size : end - 1] for end, size in zip(ends, self.sizes, strict=True)]

    @property
    def items(self) -> list[Item]:
        """The entries one by one."""
        columns = (self.types, self.ids, self.versions, self.modes, self.leave_outs, self.patients, self.refers_to)
        return [Item(*each) for each in zip(*columns, self.texts, strict=True)]

    def packed(self) -> list[object]:
        """All columns but the lines, to be written as JSON."""
        texts = (self.types, self.ids, self.versions, self.modes, self.leave_outs, self.patients)
        refers_to = self.refers_to if any(self.refers_to) else 0
        return [*map(_packed, texts), refers_to, self.sizes]

    @classmethod
    def unpacked(cls, packed: Sequence[Any], lines: bytes) -> Entries:
        """What `packed` wrote, with the lines."""
        *texts, refers_to, sizes = packed
        columns = [[text] * len(sizes) if isinstance(text, str) else text for text in texts]
        keys = [tuple((type_, id_) for type_, id_ in each) for each in refers_to] if refers_to else [()] * len(sizes)
        types, ids, versions, modes, leave_outs, patients = columns
        return cls(types, ids, versions, modes, leave_outs, patients, keys, sizes, lines)


def _packed(column: Sequence[str]) -> object:
    """A column whose texts are all the same is written as one."""
    return column[0] if column and column.count(column[0]) == len(column) else column


@dataclass(frozen=True)
class JournalPage:
    """One page as it was kept; ``empty_entries`` counts entries without a resource."""

    mark: PageMark
    entries: Entries
    empty_entries: int


@dataclass(frozen=True)
class Ending:
    """How a search ended: without a fault, or for a ``reason``.

    ``split``: it is made again in two halves, since the server fails whenever it is asked for the whole.
    """

    reason: str = ""
    split: bool = False

    @property
    def final(self) -> bool:
        """Whether a later process takes it as it is; what failed otherwise is tried again."""
        return not self.reason or self.split


class PageJournal:
    """A file of pages: opened where an earlier process left it, read when the search is landed, then removed.

    ``asked`` says for what. Pages that came for anything else are thrown away: a search of the same number may be about
    other ids by now, since more patients are known or fewer.
    """

    def __init__(self, path: Path, asked: str) -> None:
        self._path = path
        self.marks: list[PageMark] = []
        self.ending: Ending | None = None
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._out: BinaryIO = os.fdopen(handle, "r+b", buffering=1 << 18)
        whole = 0
        for head, _, end in _records(self._out):
            if whole == 0 and head.get("asked") != asked:
                break
            whole = end
            self._note(head)
        self._out.seek(whole)
        self._out.truncate(whole)
        if whole == 0:
            self._write({"asked": asked}, b"")

    def _note(self, head: dict[str, Any]) -> None:
        if "asked" in head:
            return
        if "ending" in head:
            self.ending = Ending(**head["ending"])
        else:
            self.marks.append(_mark(head["mark"]))
            self.ending = None

    def add(self, mark: PageMark, entries: Entries, empty_entries: int) -> None:
        """Append one page; it is in the hands of the operating system when this returns."""
        self._write({"mark": asdict(mark), "entries": entries.packed(), "empty": empty_entries}, entries.lines)
        self.marks.append(mark)

    def end(self, ending: Ending) -> None:
        """Note that the search has ended."""
        self._write({"ending": asdict(ending)}, b"")
        self.ending = ending

    def _write(self, head: dict[str, Any], body: bytes) -> None:
        packed = orjson.dumps(head)
        checksum = zlib.crc32(body, zlib.crc32(packed))
        self._out.write(b"%08x %d %d\n" % (checksum, len(packed), len(body)))
        self._out.write(packed)
        self._out.write(body)
        self._out.flush()

    def close(self) -> None:
        """Let go of the file."""
        self._out.close()

    def read(self) -> Iterator[JournalPage]:
        """All pages in the order they came."""
        with self._path.open("rb", buffering=1 << 18) as stream:
            for head, body, _ in _records(stream):
                if "mark" in head:
                    yield _page(head, body)

    def remove(self) -> None:
        """Delete the file."""
        self._out.close()
        self._path.unlink(missing_ok=True)


def _records(stream: BinaryIO) -> Iterator[tuple[dict[str, Any], bytes, int]]:
    """(head, body, position after it) of every record up to the first that is not whole."""
    stream.seek(0)
    end = 0
    while frame := _FRAME.fullmatch(stream.readline(_LONGEST_FRAME)):
        head, body = stream.read(int(frame[2])), stream.read(int(frame[3]))
        whole = (len(head), len(body)) == (int(frame[2]), int(frame[3]))
        if not whole or zlib.crc32(body, zlib.crc32(head)) != int(frame[1], 16):
            return
        end += len(frame[0]) + len(head) + len(body)
        yield orjson.loads(head), body, end


def _mark(said: dict[str, Any]) -> PageMark:
    return PageMark(**{**said, "not_applied": tuple(said["not_applied"])})


def _page(head: dict[str, Any], body: bytes) -> JournalPage:
    return JournalPage(_mark(head["mark"]), Entries.unpacked(head["entries"], body), head["empty"])
