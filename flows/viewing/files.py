"""Which files a view reads, and how: lines go to the engine as they lie there, Bundles and documents are spooled first.

A line that holds no resource is never passed over: it is a fault with file and line, or, where acceptance follows,
it is handed on to be quarantined.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import orjson

from flows.landing.folder import UNKNOWN, SourceFile, open_file, type_in_name
from flows.landing.writer import TypeWriters
from flows.viewing.documents import MisreadDocument, Resource, resources
from mappings.errors import DefinitionError, SourceError, UnusableDataError

Kind = Literal["lines", "documents", "empty"]
T = TypeVar("T")

_HEAD = 1 << 16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_TYPE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]+)"')
_NAME = re.compile(r"[A-Z][A-Za-z]{1,60}")
_ENDING = re.compile(r"\.(ndjson|jsonl|json)(\.gz|\.zst)?$")
_PLAIN_PATH = re.compile(r"[\w./ @+=~-]+")
_FRAME, _SKIPPABLE = 0xFD2FB528, 0x184D2A50


def one_file(path: Path) -> SourceFile:
    """A file a user names as the source.

    Raises:
        SourceError: there is no such file.
        DefinitionError: its ending is not one that is read.
    """
    if not path.is_file():
        raise SourceError(f"there is no file or folder {path}")
    if not _ENDING.search(path.name):
        raise DefinitionError(f"{path.name} ends neither in .ndjson nor in .jsonl or .json (plain, .gz or .zst)")
    return SourceFile(path, path.name, type_in_name(path.name))


def sorted_out(files: Sequence[SourceFile], type_: str) -> tuple[list[SourceFile], list[SourceFile]]:
    """(files of lines for the engine, files to be spooled) among those that may hold resources of a type."""
    direct, spooled = [], []
    for file in files:
        if not file.bundles and file.type not in (type_, UNKNOWN, "Bundle"):
            continue
        kind = _kind(file, unpack=type_ != "Bundle")
        if kind == "lines" and file.type in (type_, UNKNOWN, "Bundle"):
            direct.append(file)
        elif kind == "documents":
            spooled.append(file)
    return direct, spooled


def _kind(file: SourceFile, unpack: bool) -> Kind:
    """What a file is, by its ending and its beginning."""
    (head,) = _reading(file, lambda stream: iter([stream.read(_HEAD)]))
    marked = head.startswith(_BYTE_ORDER_MARK)  # the engines do not read one
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip(_BLANK)
    if not text and len(head) < _HEAD:
        return "empty"
    line, ended, rest = text.partition(b"\n")
    type_ = _line_type(line) if ended or len(head) < _HEAD else _first_type(line)
    if marked or (unpack and type_ == "Bundle"):
        return "documents"
    if file.bundles:  # a document by its ending; lines if a second one begins behind the first
        return "lines" if type_ and rest.lstrip(_BLANK).startswith(b"{") else "documents"
    return "lines"


def _line_type(line: bytes) -> str:
    """The resource type of a line; empty where it holds no resource."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return ""
    type_ = found.get("resourceType") if isinstance(found, dict) else None
    return type_ if isinstance(type_, str) else ""


def _first_type(piece: bytes) -> str:
    found = _TYPE.search(piece)
    return found[1].decode() if found else ""


def lines_of(file: SourceFile) -> Iterator[tuple[int, bytes]]:
    """(number, text) of each line that is not blank.

    Raises:
        UnusableDataError: the file cannot be read to its end.
    """
    for number, raw in enumerate(_reading(file, iter), 1):
        line = (raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw).strip(_BLANK)
        if line:
            yield number, line


def resources_of(file: SourceFile, unpack: bool) -> Iterator[tuple[str, Resource]]:
    """(where, resource) of each resource in a file of documents.

    Raises:
        UnusableDataError: the file cannot be read to its end, or holds something else.
    """
    for number, made in enumerate(_reading(file, lambda stream: resources(stream, unpack)), 1):
        yield f"{file.label}, resource {number}", made


def _reading(file: SourceFile, read: Callable[[BinaryIO], Iterator[T]]) -> Iterator[T]:
    """What ``read`` gives of an open file; what goes wrong with the file is said in our words."""
    fault = ""
    try:
        with open_file(file.path) as stream:
            yield from read(stream)
            return
    except MisreadDocument as misread:
        fault = misread.reason
    except EOFError:
        fault = "ends too early"
    except (OSError, zlib.error):
        fault = "cannot be read"
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("zstandard", "zstd"):
            raise
        fault = "cannot be unpacked"
    raise UnusableDataError(f"{file.label} {fault}")


class Spool:
    """The resources of one type out of any files, as NDJSON in a folder; the others are counted.

    ``lenient``: what holds no resource is written too, for acceptance to quarantine.
    """

    def __init__(self, folder: Path, type_: str, lenient: bool) -> None:
        folder.mkdir(mode=0o700)
        self._writers, self._folder = TypeWriters(folder, folder), folder
        self._type, self._lenient = type_, lenient
        self.others: Counter[str] = Counter()
        self.not_fhir: list[str] = []

    def documents(self, file: SourceFile) -> None:
        """Take what a file of Bundles or documents holds."""
        for where, made in resources_of(file, unpack=self._type != "Bundle"):
            if file.bundles and not made.type and not made.entry:
                self.not_fhir.append(file.label)  # a folder may hold other JSON too
                continue
            self._take(made.type, made.text, where)

    def lines(self, file: SourceFile) -> None:
        """Take what a file of lines holds, Bundles among them."""
        for number, line in lines_of(file):
            where = f"{file.label}, line {number}"
            type_ = _line_type(line)
            if type_ == "Bundle" and self._type != "Bundle":
                for made in _inside(line, where):
                    self._take(made.type, made.text, where)
            else:
                self._take(type_, line, where)

    def _take(self, type_: str, text: bytes, where: str) -> None:
        if type_ == self._type:
            self._writers.write(type_, [text])
        elif named_type(type_):
            self.others[type_] += 1
        elif self._lenient:
            self._writers.write(self._type, [text])
        else:
            raise UnusableDataError(f"{where}: no FHIR resource in JSON")

    def close(self) -> list[Path]:
        """The files written."""
        return [self._folder / file.name for file in self._writers.close()]


def _inside(line: bytes, where: str) -> Iterator[Resource]:
    import io

    fault = ""
    try:
        yield from resources(io.BytesIO(line))
        return
    except MisreadDocument as misread:
        fault = misread.reason
    raise UnusableDataError(f"{where} {fault}")


def named_type(type_: str | None) -> bool:
    """Whether a text looks like a resource type: anything else might be a value and is not shown."""
    return type_ is not None and _NAME.fullmatch(type_) is not None


def engine_paths(files: Iterable[tuple[str, Path]], links: Path) -> list[str]:
    """The paths of (label, file) pairs for an engine: what it would take for a pattern, or pass over, gets a link.

    Raises:
        UnusableDataError: a zstd file is cut off, which an engine may not notice.
    """
    made = []
    for number, (label, file) in enumerate(files):
        path = file.absolute()
        if path.suffix == ".zst" and not whole_frames(path):
            raise UnusableDataError(f"{label} ends too early")
        if not _PLAIN_PATH.fullmatch(str(path)) or path.name.startswith(("_", ".")):
            links.mkdir(mode=0o700, exist_ok=True)
            link = links / f"{len(list(links.iterdir()))}-{number}{''.join(path.suffixes[-2:])}"
            link.symlink_to(path)
            path = link
        made.append(str(path))
    return made


def whole_frames(path: Path) -> bool:
    """Whether a zstd file ends where a frame ends. Only the blocks' heads are read (RFC 8878, section 3.1)."""
    import zstandard

    size = path.stat().st_size
    with path.open("rb") as stream:
        at = 0
        while at < size:
            stream.seek(at)
            head = stream.read(18)  # the longest head of a frame
            magic = int.from_bytes(head[:4], "little")
            if magic & 0xFFFFFFF0 == _SKIPPABLE:
                if len(head) < 8:
                    return False
                at += 8 + int.from_bytes(head[4:8], "little")
                continue
            try:
                described = zstandard.get_frame_parameters(head)
                at += zstandard.frame_header_size(head)
            except zstandard.ZstdError:
                return magic != _FRAME and len(head) >= 4  # no zstd at all: the engine says so
            last = False
            while not last:
                stream.seek(at)
                block = int.from_bytes(stream.read(3).ljust(3, b"\0"), "little")
                last, kind, length = bool(block & 1), block >> 1 & 3, block >> 3
                at += 3 + (1 if kind == 1 else length)
                if at > size:
                    return False
            at += 4 if described.has_checksum else 0
    return at == size
