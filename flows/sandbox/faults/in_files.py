"""Faults in the lines of an export's file; every other line keeps its bytes."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from flows.sandbox.faults.in_pages import Made, retyped
from flows.sandbox.faults.script import Fault


def invalid_line(lines: list[bytes], fault: Fault, made: Made) -> None:
    """Cut a line short, so that it is no JSON."""
    place = fault.entry - 1
    if place < len(lines):
        made.it(_key(lines[place]))
        lines[place] = lines[place][: max(1, len(lines[place]) // 2)]


def wrong_type(lines: list[bytes], fault: Fault, made: Made) -> None:
    """Give one resource another type."""
    place = fault.entry - 1
    if place < len(lines):
        key = _key(lines[place])
        changed = retyped(lines[place], key.partition("/")[0], fault.becomes)
        if changed is not None:
            lines[place] = changed
            made.it(key)


def _key(line: bytes) -> str:
    resource = orjson.loads(line)
    return f"{resource['resourceType']}/{resource.get('id', '')}"


FILE_EFFECTS: dict[str, Callable[[list[bytes], Fault, Made], None]] = {
    "invalid-line": invalid_line,
    "wrong-type": wrong_type,
}


def rewritten(body: bytes, fault: Fault, made: Made) -> bytes:
    """The file's bytes after the fault."""
    lines = body.rstrip(b"\n").split(b"\n")
    FILE_EFFECTS[fault.what](lines, fault, made)
    return b"".join(line + b"\n" for line in lines)
