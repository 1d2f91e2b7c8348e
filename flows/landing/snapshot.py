"""The current snapshot of a site: one line a resource, in files by type, and how the next one is made from it.

A snapshot is written beside the one before it and never changed. Files in which nothing changes are the same files
(hard links): a night costs what changed, not what is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from flows.landing.fates import Asking, applied
from flows.landing.holdings import Holdings
from flows.landing.writer import LandedFile, NdjsonWriter, sync_folder
from flows.run_folder import private_folder, write_json
from mappings.errors import UnusableDataError

NAME = "manifest.json"
FORMAT = 1
_INDEX = "index-events.json"
_FILE_BYTES = 256 << 20
_LINES = 1_000
_LINES_OF = {
    "held": "SELECT at, size FROM held WHERE type = ? AND file = ? ORDER BY at",
    "came": "SELECT at, size FROM came WHERE type = ? AND file = ? ORDER BY at",
}


@dataclass(frozen=True)
class Snapshot:
    """A snapshot as it lies in ``folder``."""

    folder: Path
    files: tuple[LandedFile, ...]

    @property
    def sha256(self) -> str:
        """One hash over all files: what a run names."""
        said = [[file.name, file.lines, file.sha256] for file in sorted(self.files)]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @property
    def lines(self) -> dict[str, int]:
        """Resources by type."""
        counts: dict[str, int] = {}
        for file in self.files:
            counts[file.type] = counts.get(file.type, 0) + file.lines
        return counts


def read_snapshot(folder: Path) -> Snapshot:
    """The snapshot in a folder. Raises `UnusableDataError` where it is none."""
    try:
        said: dict[str, Any] = json.loads((folder / NAME).read_bytes())
        return Snapshot(folder, tuple(LandedFile(**file) for file in said["files"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnusableDataError(f"the snapshot in {folder} cannot be read; move it away to begin anew") from error


def fill(holdings: Holdings, snapshot: Snapshot | None) -> None:
    """Read a snapshot into tables. Raises `UnusableDataError` where a file is not what the snapshot's manifest says."""
    if snapshot is None:
        return
    for file in snapshot.files:
        path = snapshot.folder / file.name
        if not path.is_file() or holdings.hold(path, file.type) != file.sha256:
            raise UnusableDataError(
                f"{file.name} in {snapshot.folder} was changed since it was written; move the snapshot away to begin "
                "anew"
            )
    index = json.loads((snapshot.folder / _INDEX).read_bytes())
    holdings.keep("index_held", index)
    holdings.sql.execute(
        "INSERT OR IGNORE INTO known SELECT patient FROM held JOIN index_held USING (type, key) WHERE patient <> ''"
    )


def write_snapshot(
    holdings: Holdings,
    asking: Asking,
    before: Snapshot | None,
    delta: Path,
    delta_files: Sequence[LandedFile],
    to: Path,
) -> Snapshot:
    """Write the snapshot after an extract into the new folder ``to``, which appears when it is whole.

    ``delta`` is the extract's landing; everything in ``holdings`` is settled. Raises `UnusableDataError` where the
    counts do not balance.
    """
    part = to.with_name(f"{to.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(to, ignore_errors=True)
    private_folder(part)
    made: list[LandedFile] = []
    counts = applied(holdings)
    for type_ in counts:
        writer = _TypeFiles(holdings, type_, part, delta)
        if type_ in asking.since and before is not None:
            made += writer.brought_up_to_date(before)
        else:
            made += writer.anew(delta_files)
    snapshot = Snapshot(part, tuple(sorted(made)))
    for type_, count in counts.items():
        if not count.balanced or snapshot.lines.get(type_, 0) != count.now:
            raise UnusableDataError(f"the snapshot's counts of {type_} do not balance; nothing is published")
    index = [list(row) for row in holdings.sql.execute("SELECT type, key FROM index_now ORDER BY type, key")]
    write_json(part / _INDEX, index)
    write_json(part / NAME, {"format": FORMAT, "files": [asdict(file) for file in snapshot.files]})
    sync_folder(part)
    part.rename(to)
    sync_folder(to.parent)
    return Snapshot(to, snapshot.files)


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system has no hard links or is another."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        target.chmod(0o600)


class _TypeFiles:
    """Writes the files of one type into ``folder``."""

    def __init__(self, holdings: Holdings, type_: str, folder: Path, delta: Path) -> None:
        self._holdings, self._type, self._folder, self._delta = holdings, type_, folder, delta
        self._files: list[LandedFile] = []
        self._delta_streams: dict[str, BinaryIO] = {}

    def anew(self, delta_files: Sequence[LandedFile]) -> list[LandedFile]:
        """From the extract alone, which asked for the type whole: of each id the newest version."""
        for file in (file for file in delta_files if file.type == self._type):
            kept = self._lines_of("came", file.name)
            if len(kept) == file.lines:
                self._same(self._delta, file)
            else:
                with (self._delta / file.name).open("rb") as source:
                    self._close(self._copied(self._writer(file.name), source, kept))
        return self._files

    def brought_up_to_date(self, before: Snapshot) -> list[LandedFile]:
        """From the snapshot before and what came since."""
        try:
            self._bring_up_to_date(before)
        finally:
            for stream in self._delta_streams.values():
                stream.close()
        return self._files

    def _bring_up_to_date(self, before: Snapshot) -> None:
        files = [file for file in before.files if file.type == self._type]
        added = self._holdings.sql.execute(
            "SELECT c.file, c.at, c.size FROM came c LEFT JOIN held h USING (type, key) "
            "WHERE type = ? AND h.key IS NULL ORDER BY c.file, c.at",
            (self._type,),
        ).fetchall()
        writer: NdjsonWriter | None = None
        for file in files:
            grows = bool(added) and file is files[-1] and file.bytes < _FILE_BYTES
            changes = self._changes(file.name)
            if not changes and not grows:
                self._same(before.folder, file)
                continue
            with (before.folder / file.name).open("rb") as source:
                writer = self._copied(self._writer(file.name), source, self._lines_of("held", file.name), changes)
            if not grows:
                self._close(writer)
                writer = None
        number = 1 + max((int(file.name.split(".")[1]) for file in files), default=-1)
        for name, at, size in added:
            if writer is None or writer.bytes >= _FILE_BYTES:
                if writer is not None:
                    self._close(writer)
                writer = self._writer(f"{self._type}.{number:03d}.ndjson")
                number += 1
            writer.write(self._line(name, at, size) + b"\n", 1)
        if writer is not None:
            self._close(writer)

    def _changes(self, file: str) -> dict[int, tuple[str, int, int] | None]:
        """By place in a file of the snapshot: where the line is that takes its place, None where none does."""
        rows = self._holdings.sql.execute(
            "SELECT h.at, c.file, c.at, c.size FROM held h LEFT JOIN came c USING (type, key) "
            "LEFT JOIN gone g USING (type, key) WHERE h.type = ? AND h.file = ? "
            "AND (g.key IS NOT NULL OR c.digest <> h.digest)",
            (self._type, file),
        )
        return {place: None if name is None else (name, at, size) for place, name, at, size in rows}

    def _lines_of(self, table: str, file: str) -> list[tuple[int, int]]:
        return self._holdings.sql.execute(_LINES_OF[table], (self._type, file)).fetchall()

    def _copied(
        self,
        writer: NdjsonWriter,
        source: BinaryIO,
        lines: Sequence[tuple[int, int]],
        changes: Mapping[int, tuple[str, int, int] | None] | None = None,
    ) -> NdjsonWriter:
        changes = changes or {}
        for batch in _batches(lines):
            texts = []
            for at, size in batch:
                change = changes.get(at, ())
                if change == ():
                    source.seek(at)
                    texts.append(source.read(size))
                elif change:
                    texts.append(self._line(*change))
            if texts:
                writer.write(b"\n".join([*texts, b""]), len(texts))
        return writer

    def _line(self, file: str, at: int, size: int) -> bytes:
        stream = self._delta_streams.get(file)
        if stream is None:
            stream = self._delta_streams[file] = (self._delta / file).open("rb")
        stream.seek(at)
        return stream.read(size)

    def _writer(self, name: str) -> NdjsonWriter:
        return NdjsonWriter(self._folder, self._folder, name, self._type)

    def _same(self, folder: Path, file: LandedFile) -> None:
        link_or_copy(folder / file.name, self._folder / file.name)
        self._files.append(file)

    def _close(self, writer: NdjsonWriter) -> None:
        made = writer.close()
        if made.lines:
            self._files.append(made)
        else:
            (self._folder / made.name).unlink()


def _batches(lines: Sequence[tuple[int, int]]) -> Iterator[Sequence[tuple[int, int]]]:
    for start in range(0, len(lines), _LINES):
        yield lines[start : start + _LINES]
