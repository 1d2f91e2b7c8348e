"""Resources out of a stream of JSON documents, in little memory: a Bundle's entries one by one, else the document.

Of a Bundle no more is held than one chunk and one entry, however large it is. Each resource keeps its own text, as
:mod:`flows.client.bundle` does with a page: a new serialisation would change decimals.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeVar, cast

from flows.client.bundle import one_line

CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")
# What is cut off by the end of the window fails within so many characters of it: the longest is a surrogate pair.
_NEAR_THE_END = 64
_OF_A_BUNDLE = ("resource", "fullUrl", "request", "response", "search")

T = TypeVar("T")


class MisreadDocument(ValueError):
    """The stream is no sequence of JSON objects; ``reason`` is a short sentence without a piece of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource's type (empty: none is said) and its text as served, on one line; ``entry``: it came in a Bundle."""

    type: str
    text: bytes
    entry: bool = False


class _Bad(Exception):
    """Something else was expected at ``at``."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at


def resources(stream: BinaryIO, unpack: bool = True, chunk: int = CHUNK) -> Iterator[Resource]:
    """The resources of a stream, in order. ``unpack=False`` gives a Bundle itself, for views of Bundles.

    Raises `MisreadDocument`, and what ``stream`` raises.
    """
    window = _Window(stream, chunk)
    while window.at_value():
        yield from _document(window, unpack)


def _document(window: _Window, unpack: bool) -> Iterator[Resource]:
    window.mark()  # a document that is no Bundle is read again as a whole
    if window.take(_opens) != "{":
        raise MisreadDocument("holds something that is no JSON object")
    bundle = False
    read = _first_name
    while (name := window.take(read)) is not None:
        read = _name
        if unpack and name == "entry" and window.peek() == "[" and (bundle or window.trial(_begins_as_bundle)):
            bundle = True
            window.release()
            yield from _entries(window)
            continue
        value = window.take(_value)
        if name == "resourceType" and unpack and value == "Bundle":
            bundle = True
            window.release()
        elif name == "resourceType" and bundle:
            raise MisreadDocument("has entries like a Bundle and is none")
        elif name == "resourceType":
            break
    if not bundle:
        window.back()
        yield _resource(*window.take(_spanned))


def _entries(window: _Window) -> Iterator[Resource]:
    window.take(_opens)
    read = _first_entry
    while (found := window.take(read)) is not None:
        read = _entry
        for value, text in found:
            if value.get("resourceType") == "Bundle":
                yield from resources(io.BytesIO(text.encode()))
            else:
                yield replace(_resource(value, text), entry=True)


def _resource(value: Any, text: str) -> Resource:
    type_ = value.get("resourceType") if isinstance(value, dict) else None
    return Resource(type_ if isinstance(type_, str) else "", one_line(text))


class _Window:
    """A piece of the text of a stream, and the place up to which it has been read.

    What lies before that place, or before the mark where one is set, is forgotten when more is read.
    """

    def __init__(self, stream: BinaryIO, chunk: int) -> None:
        self._stream, self._chunk = stream, chunk
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False
        self._mark: int | None = None

    def mark(self) -> None:
        """Keep everything from here on, to come back to it."""
        self._mark = self._at

    def release(self) -> None:
        """Forget the mark."""
        self._mark = None

    def back(self) -> None:
        """Go back to the mark."""
        assert self._mark is not None
        self._at, self._mark = self._mark, None

    def at_value(self) -> bool:
        """Whether anything but white space follows."""
        return self.peek() != ""

    def peek(self) -> str:
        """The next character that is no white space, or an empty text at the end."""
        while True:
            self._at = _skip(self._text, self._at)
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more(self._chunk)

    def trial(self, parse: Callable[[str, int], tuple[T, int]]) -> T:
        """What ``parse`` reads here, without going on. A mark is set."""
        assert self._mark is not None
        ahead = self._at - self._mark
        value = self.take(parse)
        self._at = self._mark + ahead
        return value

    def take(self, parse: Callable[[str, int], tuple[T, int]]) -> T:
        """What ``parse`` reads here, going on behind it; more of the stream is read as far as that needs."""
        size = self._chunk
        while True:
            try:
                value, end = parse(self._text, self._at)
                # A number at the very end may go on, also where it seems to end before a cut-off ".", "e" or "e+".
                if end + 2 < len(self._text) or self._ended:
                    self._at = end
                    return value
            except (_Bad, StopIteration, json.JSONDecodeError) as error:
                if self._ended or self._hopeless(error):
                    raise MisreadDocument("is no JSON, or is cut off") from None
            except RecursionError:
                raise MisreadDocument("is nested too deep") from None
            self._more(size)
            size *= 2  # so that a long entry is not parsed again for each of its chunks

    def _hopeless(self, error: Exception) -> bool:
        """Whether more text would not help: the fault lies well before the end of the window."""
        if isinstance(error, json.JSONDecodeError):
            if error.msg.startswith("Unterminated string"):
                return False
            at = error.pos
        else:
            at = error.at if isinstance(error, _Bad) else cast(int, cast(StopIteration, error).value)
        return at + _NEAR_THE_END < len(self._text)

    def _more(self, size: int) -> None:
        read = self._stream.read(size)
        self._ended = not read
        keep = self._at if self._mark is None else self._mark
        try:
            self._text = self._text[keep:] + self._decoder.decode(read, final=self._ended)
        except UnicodeDecodeError:
            raise MisreadDocument("is not UTF-8 text") from None
        self._at -= keep
        self._mark = None if self._mark is None else 0


def _refuse(_: str) -> Any:
    raise json.JSONDecodeError("not a JSON number", "", 0)


# A whole number may be longer than Python makes one of.
_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_int=str)
_value: Callable[[str, int], tuple[Any, int]] = cast(Any, _DECODER).scan_once


def _skip(text: str, at: int) -> int:
    return cast("re.Match[str]", _SPACE.match(text, at)).end()


def _opens(text: str, at: int) -> tuple[str, int]:
    return text[at : at + 1], at + 1


def _spanned(text: str, at: int) -> tuple[tuple[Any, str], int]:
    value, end = _value(text, at)
    return (value, text[at:end]), end


def _first_name(text: str, at: int) -> tuple[str | None, int]:
    """The name of an object's first member and the place of its value; None where the object ends."""
    at = _skip(text, at)
    if text[at : at + 1] == "}":
        return None, at + 1
    if text[at : at + 1] != '"':
        raise _Bad(at)
    name, at = _value(text, at)
    at = _skip(text, at)
    if text[at : at + 1] != ":":
        raise _Bad(at)
    return name, _skip(text, at + 1)


def _name(text: str, at: int) -> tuple[str | None, int]:
    """As `_first_name`, of a later member."""
    at = _skip(text, at)
    if text[at : at + 1] == "}":
        return None, at + 1
    if text[at : at + 1] != ",":
        raise _Bad(at)
    name, end = _first_name(text, at + 1)
    if name is None:
        raise _Bad(end - 1)
    return name, end


def _entry_here(text: str, at: int) -> tuple[list[tuple[Any, str]], int]:
    """The resource of one entry with its text, or none."""
    if text[at : at + 1] != "{":
        raise _Bad(at)
    found: list[tuple[Any, str]] = []
    name, at = _first_name(text, at + 1)
    while name is not None:
        value, end = _value(text, at)
        if name == "resource" and isinstance(value, dict):
            found = [(value, text[at:end])]  # of a repeated name the last counts, as in every JSON reader
        name, at = _name(text, end)
    return found, at


def _first_entry(text: str, at: int) -> tuple[list[tuple[Any, str]] | None, int]:
    at = _skip(text, at)
    return (None, at + 1) if text[at : at + 1] == "]" else _entry_here(text, at)


def _entry(text: str, at: int) -> tuple[list[tuple[Any, str]] | None, int]:
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        return None, at + 1
    if text[at : at + 1] != ",":
        raise _Bad(at)
    return _entry_here(text, _skip(text, at + 1))


def _begins_as_bundle(text: str, at: int) -> tuple[bool, int]:
    """Whether an array called ``entry`` is a Bundle's: a List has one too, with other members."""
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return False, at + 1
    value, end = _value(text, at)
    return isinstance(value, dict) and any(name in value for name in _OF_A_BUNDLE), end
