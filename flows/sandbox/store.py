"""A folder of NDJSON held for serving: bytes stay on disk (memory-mapped), only addresses and indexes are in memory.

What is written while the sandbox serves stands behind the folder's rows, in memory; rows are never reused, so a search
under way keeps showing what it found.
"""

from __future__ import annotations

import gzip
import mmap
import shutil
import tempfile
import threading
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson
import zstandard

from flows.sandbox import compartment
from flows.sandbox.indexes import Index, Rows, new_index
from flows.sandbox.parameters import SearchParameter, parameters_of
from mappings.errors import DefinitionError, Problem

SUFFIXES = (".ndjson", ".ndjson.gz", ".ndjson.zst")
_WHITE = b" \t\r\n"


class TypeTable:
    """The resources of one type: where each line is, and the indexes made so far.

    ``lock`` is held while rows are found or written, so that one search sees one state.
    """

    def __init__(self, resource_type: str, buffers: list[mmap.mmap | bytes]) -> None:
        self.resource_type = resource_type
        self.parameters = parameters_of(resource_type)
        self.row_of_id: dict[str, int] = {}
        self.id_of_row: list[str | None] = []
        self.lock = threading.RLock()
        self._buffers = buffers
        self._file = array("L")
        self._start = array("Q")
        self._end = array("Q")
        self._superseded: set[int] = set()
        self._indexes: dict[str, Index] = {}
        membership = compartment.parameter(resource_type)
        self._indexable = {**self.parameters, **({membership.name: membership} if membership else {})}

    def add(self, file: int, start: int, end: int, resource_id: str | None) -> None:
        """Add one line. A later line of the same id takes the place of the earlier one, as a PUT would."""
        row = len(self._start)
        self._file.append(file)
        self._start.append(start)
        self._end.append(end)
        self.id_of_row.append(resource_id)
        if resource_id is None:
            return
        before = self.row_of_id.get(resource_id)
        if before is not None:
            self._superseded.add(before)
        self.row_of_id[resource_id] = row

    def put(self, resource_id: str, text: bytes) -> int:
        """Write a resource, a new one or a new version; returns its row. Indexes are made anew when next needed."""
        with self.lock:
            self._buffers.append(text)
            self.add(len(self._buffers) - 1, 0, len(text), resource_id)
            self._indexes.clear()
            return len(self._start) - 1

    def remove(self, resource_id: str) -> None:
        """Take a resource out of what is found and read. Raises KeyError where there is none."""
        with self.lock:
            self._superseded.add(self.row_of_id.pop(resource_id))
            self._indexes.clear()

    def __len__(self) -> int:
        return len(self._start) - len(self._superseded)

    def text(self, row: int) -> bytes:
        """The resource's bytes exactly as they stand in the file."""
        return self._buffers[self._file[row]][self._start[row] : self._end[row]]

    def all_rows(self) -> Rows:
        """Every current row in file order."""
        rows = np.arange(len(self._start), dtype=np.int64)
        if self._superseded:
            rows = np.delete(rows, list(self._superseded))
        return rows

    def index(self, name: str) -> Index:
        """The index of a parameter, made at its first use."""
        self.prepare([name])
        return self._indexes[name]

    def prepare(self, names: Sequence[str]) -> None:
        """Make all the indexes named that are not there yet, reading the type's lines once."""
        with self.lock:
            missing = [self._indexable[name] for name in names if name not in self._indexes]
            if missing:
                self._indexes.update(self._build(missing))

    def _build(self, parameters: Sequence[SearchParameter]) -> dict[str, Index]:
        made = {parameter.name: new_index(parameter, len(self._start)) for parameter in parameters}
        adders = [index.add for index in made.values()]
        for row in range(len(self._start)):
            if row in self._superseded:
                continue
            resource = orjson.loads(self.text(row))
            for add in adders:
                add(row, resource)
        return made


class Store:
    """All resources of a folder, by type. Close it to let go of the files."""

    def __init__(self, folder: Path) -> None:
        """Read the folder. Raises DefinitionError where it holds no NDJSON or a line is not a resource."""
        self.folder = folder
        self.tables: dict[str, TypeTable] = {}
        self._buffers: list[mmap.mmap | bytes] = []
        self._files: list[BinaryIO] = []
        try:
            for path in _ndjson_files(folder):
                self._load(path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the memory maps and files."""
        for buffer in self._buffers:
            if isinstance(buffer, mmap.mmap):
                buffer.close()
        for file in self._files:
            file.close()

    def table(self, resource_type: str) -> TypeTable:
        """The table of a type, an empty one where the folder holds none of it."""
        found = self.tables.get(resource_type)
        return TypeTable(resource_type, []) if found is None else found

    def written_table(self, resource_type: str) -> TypeTable:
        """The table of a type to write into, made where the folder holds none of it."""
        return self.tables.setdefault(resource_type, TypeTable(resource_type, self._buffers))

    def _load(self, path: Path) -> None:
        file = _plain(path)
        self._files.append(file)
        file.seek(0, 2)
        if file.tell() == 0:
            return
        buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        number = len(self._buffers)
        self._buffers.append(buffer)
        for line, start, end in _lines(buffer):
            try:
                resource = orjson.loads(buffer[start:end])
                resource_type = resource["resourceType"]
            except (orjson.JSONDecodeError, KeyError, TypeError):
                problem = Problem("this line is not a FHIR resource in JSON", line=line, file=path.name)
                raise DefinitionError("The sandbox cannot serve this folder.", (problem,)) from None
            table = self.tables.get(resource_type)
            if table is None:
                table = self.tables[resource_type] = TypeTable(resource_type, self._buffers)
            table.add(number, start, end, resource.get("id"))


def _ndjson_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DefinitionError(f"{folder} is not a folder.")
    # The bulk log is NDJSON too, but holds no resources.
    found = sorted(
        path for path in folder.iterdir() if path.name.endswith(SUFFIXES) and not path.name.startswith("log.ndjson")
    )
    if not found:
        raise DefinitionError(f"{folder} holds no NDJSON file ({', '.join(SUFFIXES)}).")
    return found


def _plain(path: Path) -> BinaryIO:
    """The file itself, or an unnamed temporary file with its uncompressed bytes."""
    if path.name.endswith(".ndjson"):
        return path.open("rb")
    spool: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the store keeps it open
    try:
        with path.open("rb") as packed:
            if path.name.endswith(".gz"):
                with gzip.GzipFile(fileobj=packed) as stream:
                    shutil.copyfileobj(stream, spool, 1 << 20)
            else:
                zstandard.ZstdDecompressor().copy_stream(packed, spool)
    except (OSError, EOFError, zstandard.ZstdError):
        spool.close()
        raise DefinitionError(f"{path.name} cannot be unpacked.") from None
    spool.flush()
    return spool


def _lines(buffer: mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """(line number, start, end) of every line that is not blank, white space around it left off."""
    start, number, size = 0, 0, len(buffer)
    while start < size:
        stop = buffer.find(b"\n", start)
        if stop < 0:
            stop = size
        number += 1
        low, high = start, stop
        while high > low and buffer[high - 1] in _WHITE:
            high -= 1
        while low < high and buffer[low] in _WHITE:
            low += 1
        if low < high:
            yield number, low, high
        start = stop + 1
