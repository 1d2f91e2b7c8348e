"""Read a searchset Bundle with the JSON scanner of the standard library, which says where each value ends.

This is the measure of `flows.client.bundle`, about ten times slower: it reads what that leaves to it, and it alone
says why a body is unusable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, cast

from flows.client.page import Entry, Page, UnusableBody, entry_of, page_of

_SPACE = re.compile(r"[ \t\r\n]*")
# The longest runs without white space outside strings; a compact text is one run. Possessive: no way back is tried.
_SOLID = re.compile(r'(?:[^" \t\r\n]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")++')


def _refuse_constant(_: str) -> Any:
    raise ValueError("not a JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Callable[[str, int], tuple[Any, int]] = cast(Any, _DECODER).scan_once


def one_line(text: str) -> bytes:
    """The JSON ``text`` without white space outside strings, as UTF-8. Strings and numbers are not touched."""
    return "".join(_SOLID.findall(text)).encode()


def _skip(text: str, at: int) -> int:
    return cast("re.Match[str]", _SPACE.match(text, at)).end()


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _scan(text, at)
    except StopIteration as nothing:
        raise ValueError("no value") from nothing


def _members(text: str, at: int, take: Callable[[str, int], int]) -> int:
    """Walk the object that begins at ``at``; ``take(name, start)`` reads each value and says where it ends."""
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return at + 1
    while True:
        if text[at : at + 1] != '"':
            raise ValueError("no member name")
        name, at = _value(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise ValueError("no colon")
        at = _skip(text, take(name, _skip(text, at + 1)))
        after = text[at : at + 1]
        at = _skip(text, at + 1)
        if after == "}":
            return at
        if after != ",":
            raise ValueError("no comma")


def _elements(text: str, at: int, take: Callable[[int], int]) -> int:
    """Walk the array that begins at ``at``."""
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        at = _skip(text, take(at))
        after = text[at : at + 1]
        at = _skip(text, at + 1)
        if after == "]":
            return at
        if after != ",":
            raise ValueError("no comma")


class _Reader:
    """Collects what matters of the Bundle while walking its text once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.other: dict[str, Any] = {}
        self.entries: list[Entry] = []
        self.empty = 0

    def bundle_member(self, name: str, at: int) -> int:
        if name == "entry" and self.text[at : at + 1] == "[":
            self.entries, self.empty = [], 0  # of a repeated name the last counts, as in every JSON reader
            return _elements(self.text, at, self.entry)
        self.other[name], end = _value(self.text, at)
        return end

    def entry(self, at: int) -> int:
        if self.text[at : at + 1] != "{":
            raise ValueError("an entry is no object")
        resource: Any = None
        span = (0, 0)
        search: Any = None

        def member(name: str, start: int) -> int:
            nonlocal resource, span, search
            value, end = _value(self.text, start)
            if name == "resource":
                resource, span = value, (start, end)
            elif name == "search":
                search = value
            return end

        end = _members(self.text, at, member)
        if isinstance(resource, dict):
            mode = search.get("mode") if isinstance(search, dict) else None
            text = one_line(self.text[slice(*span)])
            self.entries.append(entry_of(resource, text, mode if isinstance(mode, str) else ""))
        else:
            self.empty += 1
        return end


def _text(body: bytes) -> str | None:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def walk_page(body: bytes) -> Page:
    """Read one page of a search, as `flows.client.bundle.read_page`.

    Raises `UnusableBody` with reason ``empty``, ``html``, ``not-text``, ``not-json`` (also a truncated body),
    ``operation-outcome`` or ``not-a-bundle``.
    """
    text = _text(body)
    if text is None:
        raise UnusableBody("not-text")
    start = _skip(text, 0)
    if start == len(text):
        raise UnusableBody("empty")
    if text[start] == "<":
        raise UnusableBody("html")
    if text[start] != "{":
        raise UnusableBody("not-json")
    reader = _Reader(text)
    failed = False
    try:
        failed = _members(text, start, reader.bundle_member) != len(text)
    except (ValueError, RecursionError):
        failed = True
    if failed:  # outside the except block: the scanner's own error holds the body
        raise UnusableBody("not-json")
    other = reader.other
    if other.get("resourceType") == "OperationOutcome":
        raise UnusableBody("operation-outcome")
    if other.get("resourceType") != "Bundle":
        raise UnusableBody("not-a-bundle")
    return page_of(reader.entries, other.get("link"), other.get("total"), reader.empty, len(body))
