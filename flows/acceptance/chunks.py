"""One chunk of one landing file judged: the work of a worker process."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from flows.acceptance.decimals import keep_digits, may_change
from flows.acceptance.findings import Finding, Judge, JudgesTogether
from flows.landing.folder import open_file

CHUNK_BYTES = 2 << 20
# Resources judged at once: more of them no longer fit the processor's cache.
TOGETHER = 16

Verdict = tuple[tuple[Finding, ...], str | None]


@dataclass(frozen=True)
class Chunk:
    """Whole lines of one landing file: ``lines``, or None where they are the file's ``size`` bytes from ``start``."""

    resource_type: str
    path: Path
    start: int
    size: int
    lines: bytes | None = None

    def read(self) -> bytes:
        """The lines."""
        if self.lines is not None:
            return self.lines
        with self.path.open("rb") as stream:
            stream.seek(self.start)
            return stream.read(self.size)


@dataclass(frozen=True)
class Rejected:
    """A line that failed, by its number in the chunk."""

    line: int
    text: bytes
    findings: tuple[Finding, ...]


@dataclass
class Judged:
    """What became of a chunk: the accepted copy, the accepted lines' numbers in the chunk, and eight-byte hashes of
    their ids, all in order; and what failed. Numbers count from 1. ``accepted`` is the chunk where the copy is what
    stands in the landing file: that need not travel between processes."""

    landed: int
    accepted: bytes | Chunk
    lines: array[int] = field(default_factory=lambda: array("I"))
    keys: bytearray = field(default_factory=bytearray)
    rewritten: int = 0
    rejected: list[Rejected] = field(default_factory=list)


def chunks_of(resource_type: str, path: Path) -> Iterator[Chunk]:
    """The file in pieces of whole lines, about ``CHUNK_BYTES`` each; of a compressed one the lines themselves."""
    compressed = path.suffix in (".gz", ".zst")
    start = 0
    with open_file(path) as stream:
        if not compressed:
            end = stream.seek(0, os.SEEK_END)
            while start < end:
                stream.seek(min(start + CHUNK_BYTES, end) - 1)
                stream.readline()
                stop = stream.tell()
                yield Chunk(resource_type, path, start, stop - start)
                start = stop
            return
        while lines := stream.read(CHUNK_BYTES):
            if not lines.endswith(b"\n"):
                lines += stream.readline()
            yield Chunk(resource_type, path, start, len(lines), lines)
            start += len(lines)


_judge: Judge | None = None


def start_worker(new_judge: Callable[[], Judge]) -> None:
    """Make this process's judge; called once in each worker."""
    global _judge
    _judge = new_judge()


def judge_in_worker(chunk: Chunk) -> Judged:
    """Judge a chunk with the process's own judge."""
    if _judge is None:
        raise RuntimeError("start_worker has not run in this process")
    return judge_chunk(chunk, _judge)


def judge_chunk(chunk: Chunk, judge: Judge) -> Judged:
    """Judge every line of a chunk."""
    content = chunk.read()
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    done = Judged(len(lines), chunk)
    accepted: list[bytes] = []
    # Asked once of all lines together: most files have no such number, or few.
    digits_at_risk = may_change(content)
    for number, (text, (findings, resource_id)) in enumerate(
        zip(lines, judge_lines(chunk.resource_type, lines, judge), strict=True), 1
    ):
        if findings:
            done.rejected.append(Rejected(number, text, findings))
            continue
        kept = keep_digits(text) if digits_at_risk else text
        done.rewritten += kept is not text
        accepted.append(kept)
        done.lines.append(number)
        done.keys += key_of(resource_id, chunk.start + number)
    if done.rejected or done.rewritten or chunk.lines is not None or not content.endswith(b"\n"):
        done.accepted = b"".join(kept + b"\n" for kept in accepted)
    return done


def judge_lines(resource_type: str, lines: Sequence[bytes], judge: Judge) -> Iterator[Verdict]:
    """The verdict on each line of a file that should hold ``resource_type``; on several at once where all are valid."""
    together = judge.all_surely_valid if isinstance(judge, JudgesTogether) else None
    for start in range(0, len(lines), TOGETHER):
        some = lines[start : start + TOGETHER]
        if together is not None:
            try:
                resources = [orjson.loads(text) for text in some]
            except orjson.JSONDecodeError:
                resources = []
            if resources and together(resource_type, resources):
                yield from [((), resource.get("id")) for resource in resources]
                continue
        for text in some:
            yield judge_line(resource_type, text, judge)


def judge_line(resource_type: str, text: bytes, judge: Judge) -> Verdict:
    """(findings, id) of one line of a file that should hold ``resource_type``."""
    try:
        resource: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return (Finding("not-json", resource_type, "structure"),), None
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return (Finding("not-a-resource", f"{resource_type}.resourceType", "structure"),), None
    if resource["resourceType"] != resource_type:
        return (Finding("wrong-type-for-file", f"{resource_type}.resourceType", "invalid"),), None
    return tuple(judge(resource_type, resource, text)), resource.get("id")


def key_of(resource_id: str | None, number: int) -> bytes:
    """Eight bytes that are equal for equal ids; a line without id gets some of its own, by a number of its file's."""
    text = f"\0{number}" if resource_id is None else resource_id
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
