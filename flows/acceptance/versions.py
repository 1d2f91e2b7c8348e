"""Several versions of one resource in one landing: the newest stays accepted, the others are superseded."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from flows.acceptance.findings import Finding
from flows.acceptance.outputs import OutputFile
from flows.landing.folder import open_file
from flows.landing.instants import read_instant

SUPERSEDED = Finding("superseded-version", "Resource.meta.versionId", "duplicate")

Age = tuple[float, int, int, int]


@dataclass
class AcceptedFile:
    """A landing file and its accepted copy: ``lines`` are the landing's numbers of the copy's lines, ``keys``
    eight-byte hashes of their ids."""

    landing: Path
    path: Path
    lines: array[int] = field(default_factory=lambda: array("I"))
    keys: bytearray = field(default_factory=bytearray)


def supersede(files: Sequence[AcceptedFile]) -> Iterator[tuple[str, int, bytes]]:
    """Take all but the newest version of each id out of the accepted copies of one type.

    Yields (landing file, line, text as landed) of each line taken out, in landing's order. Costs nothing where no id
    comes twice; else the files concerned are read again.
    """
    older = _older_versions(files, _repeated_lines(files))
    for number, file in enumerate(files):
        gone = {line for of, line in older if of == number}
        if gone:
            yield from _take_out(file, gone)


def _repeated_lines(files: Sequence[AcceptedFile]) -> list[set[int]]:
    """For each file, the landing numbers of lines whose id's hash comes more than once."""
    import numpy as np

    hashes = [np.frombuffer(bytes(file.keys), dtype=np.uint64) for file in files]
    ordered = np.sort(np.concatenate(hashes)) if hashes else np.empty(0, dtype=np.uint64)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return [set() for _ in files]
    return [
        set(np.array(file.lines)[np.isin(found, repeated)].tolist()) for file, found in zip(files, hashes, strict=True)
    ]


def _older_versions(files: Sequence[AcceptedFile], candidates: Sequence[set[int]]) -> set[tuple[int, int]]:
    newest: dict[str, Age] = {}
    older: set[tuple[int, int]] = set()
    for number, (file, wanted) in enumerate(zip(files, candidates, strict=True)):
        if not wanted:
            continue
        for line, text in _landed(file.landing):
            if line not in wanted:
                continue
            resource_id, age = _identity(text, number, line)
            if resource_id is None:
                continue
            before = newest.get(resource_id)
            if before is not None:
                older.add(min(before, age)[2:])
            newest[resource_id] = age if before is None else max(before, age)
    return older


def _take_out(file: AcceptedFile, gone: set[int]) -> Iterator[tuple[str, int, bytes]]:
    numbers = iter(file.lines)
    expected = next(numbers, None)
    with file.path.open("rb") as copy, OutputFile(file.path) as out:
        for line, text in _landed(file.landing):
            if line != expected:
                continue
            kept = copy.readline()
            expected = next(numbers, None)
            if line in gone:
                yield file.landing.name, line, text
            else:
                out.write(kept)
    if len(gone) == len(file.lines):
        file.path.unlink()


def _landed(path: Path) -> Iterator[tuple[int, bytes]]:
    with open_file(path) as stream:
        for number, line in enumerate(stream, 1):
            yield number, line.removesuffix(b"\n")


def _identity(text: bytes, file: int, line: int) -> tuple[str | None, Age]:
    """(id, age). Of two lines with one id the greater age is the newer: by ``meta.lastUpdated``, then by a
    whole-number ``meta.versionId``, then by position, the later line being the server's later answer."""
    resource: dict[str, Any] = orjson.loads(text)
    meta = resource.get("meta") or {}
    version = str(meta.get("versionId", ""))
    number = int(version) if re.fullmatch(r"[0-9]{1,18}", version) else -1
    return resource.get("id"), (_moment(meta.get("lastUpdated")), number, file, line)


def _moment(text: object) -> float:
    moment = read_instant(text)
    return float("-inf") if moment is None else moment.timestamp()
