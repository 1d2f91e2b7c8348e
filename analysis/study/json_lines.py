"""On which line of a JSON text each value stands, so that a fault in a code list can be found by eye."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

_MARK = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def json_lines(text: str) -> dict[str, int]:
    """Lines by path, as ``compose.include[0].concept[1].code``, of a text that is JSON; an object's key is its line."""
    lines: dict[str, int] = {}
    marks = _marks(text)
    mark, line = next(marks)
    _value(mark, line, "", marks, lines)
    return lines


def line_at(lines: Mapping[str, int], path: str) -> int | None:
    """The line of a path, or of the nearest thing around it that is there."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path)


def _marks(text: str) -> Iterator[tuple[str, int]]:
    line, last = 1, 0
    for match in _MARK.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        yield match[0], line


def _value(mark: str, line: int, path: str, marks: Iterator[tuple[str, int]], lines: dict[str, int]) -> None:
    lines.setdefault(path, line)
    if mark == "{":
        for mark, line in marks:
            if mark == "}":
                return
            if mark != ",":
                inner = f"{path}.{json.loads(mark)}".lstrip(".")
                lines[inner] = line
                next(marks)  # the colon
                mark, line = next(marks)
                _value(mark, line, inner, marks, lines)
    elif mark == "[":
        n = 0
        for mark, line in marks:
            if mark == "]":
                return
            if mark != ",":
                _value(mark, line, f"{path}[{n}]", marks, lines)
                n += 1
