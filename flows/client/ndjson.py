"""Reading through a downloaded NDJSON file: is it whole, and how many lines does it hold."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Reading:
    """``lines`` that are not blank, ``bytes`` uncompressed. ``fault`` is empty, ``truncated``, ``html`` or
    ``operation-outcome``."""

    lines: int
    bytes: int
    fault: str


def is_gzip(path: Path) -> bool:
    """Whether the file is gzip by its first bytes; NDJSON never begins so."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP


def read_through(path: Path, outcomes: bool = False) -> Reading:
    """Read a file to its end. ``outcomes``: OperationOutcomes are what it should hold."""
    lines = size = 0
    last = b""
    fault = ""
    try:
        with _open(path) as stream:
            for line in stream:
                size += len(line)
                if text := line.strip(b" \t\r\n"):
                    lines += 1
                    last = line
                    if lines == 1 and text[:1] == b"<":
                        fault = "html"
    except (OSError, EOFError, zlib.error):
        fault = "truncated"
    if fault:
        return Reading(lines, size, fault)
    if last and not last.endswith(b"\n") and _json(last) is None:
        fault = "truncated"
    elif lines == 1 and not outcomes:
        only = _json(last)
        if isinstance(only, dict) and only.get("resourceType") == "OperationOutcome":
            fault = "operation-outcome"
    return Reading(lines, size, fault)


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file that was cut, each with its end; what follows the last line end is left out."""
    try:
        with _open(path) as stream:
            for line in stream:
                if line.endswith(b"\n"):
                    yield line
    except (OSError, EOFError, zlib.error):
        return


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if is_gzip(path) else path.open("rb")


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
