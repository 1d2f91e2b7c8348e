"""Where in a TOML text each key and array item stands, so that a fault can be named with its line.

``tomllib`` reads values and forgets lines. This reads lines and forgets values: it walks a text that tomllib has
already accepted, so it need not judge it. A path is a tuple of keys and positions, as in the parsed document:
``("criterion", 2, "require", "window")``.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from mappings.errors import DefinitionError, Problem

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\r\n#]+")
_ENDS = ('"""', "'''", '"', "'")


def parse(text: str, file: str) -> tuple[dict[str, Any], dict[Path, int]]:
    """The parsed document and the line (from 1) of every path in it; tables stand at their header or first key.

    Raises:
        DefinitionError: the text is not TOML; the problem has the line.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{file} cannot be read:", (_syntax_problem(str(error), text, file),)) from None
    return document, line_index(text)


def _syntax_problem(message: str, text: str, file: str) -> Problem:
    found = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", message)
    line = None
    if found:
        line = int(found[1]) if found[1] else text.rstrip().count("\n") + 1
        message = message[: found.start()].rstrip()
    if message == "Cannot overwrite a value":
        message = "this key is already set further up"
    return Problem(f"this is not TOML: {message[:1].lower()}{message[1:]}", line=line, file=file)


def line_index(text: str) -> dict[Path, int]:
    """The line (from 1) of every table, key and array item of a valid TOML text."""
    return _Walk(text).lines


def line_of(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line of a path, or of the nearest enclosing one that the text has; None for the document itself."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Walk:
    """One pass over the text; ``at`` is the position, ``lines`` what has been seen."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}  # arrays of tables: their length so far
        self._newlines = [i for i, character in enumerate(text) if character == "\n"]
        self._document()

    def _line(self) -> int:
        return bisect_left(self._newlines, self.at) + 1

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found is not None  # the text is valid TOML and the patterns name its parts
        self.at = found.end()
        return found[0]

    def _take(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def _document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            line = self._line()
            if self._take("[["):
                table = self._header(self._key(), line, again=True)
                self._take("]]")
            elif self._take("["):
                table = self._header(self._key(), line, again=False)
                self._take("]")
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self, key: tuple[str, ...], line: int, again: bool) -> Path:
        """The path a header opens: a name that is an array of tables means its last item."""
        path: Path = ()
        for depth, part in enumerate(key, 1):
            path = (*path, part)
            if again and depth == len(key):
                self._tables[path] = self._tables.get(path, 0) + 1
            self.lines.setdefault(path, line)
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
                self.lines.setdefault(path, line)
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self._take("=")
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> tuple[str, ...]:
        parts = []
        while True:
            self._skip(_SPACE)
            quoted = self.text[self.at] in "\"'"
            # The escapes of a quoted key are tomllib's to read.
            parts.append(next(iter(tomllib.loads(self._string() + "=0"))) if quoted else self._skip(_BARE))
            self._skip(_SPACE)
            if not self._take("."):
                return tuple(parts)

    def _value(self, path: Path) -> None:
        if self._take("["):
            self._items(path)
        elif self._take("{"):
            self._skip(_BLANK)
            while not self._take("}"):
                self._pair(path)
                self._skip(_BLANK)
                self._take(",")
                self._skip(_BLANK)
        elif self.text[self.at] in "\"'":
            self._string()
        else:
            self._skip(_SCALAR)

    def _items(self, path: Path) -> None:
        position = 0
        self._skip(_BLANK)
        while not self._take("]"):
            self.lines[(*path, position)] = self._line()
            self._value((*path, position))
            self._skip(_BLANK)
            self._take(",")
            self._skip(_BLANK)
            position += 1

    def _string(self) -> str:
        start = self.at
        end = next(quote for quote in _ENDS if self._take(quote))
        while not self._take(end):
            self.at += 2 if self.text[self.at] == "\\" and '"' in end else 1
        while len(end) == 3 and self._take(end[0]):
            pass  # a multi-line string may end in up to two quotes of its own
        return self.text[start : self.at]
