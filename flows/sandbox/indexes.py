"""Indexes over one type's rows: tokens and references by value, dates as intervals."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from flows.sandbox.instants import Interval, interval_of, interval_of_text
from flows.sandbox.parameters import SearchParameter

Rows = np.ndarray[Any, np.dtype[np.int64]]

_NONE = np.empty(0, dtype=np.int64)
_REFERENCE = re.compile(r"(?:https?://[^?#]*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]+)?")
_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb)?(\d.*)")


class UnusableValueError(ValueError):
    """A search value that the parameter's kind cannot read; the server answers 400 without echoing it."""


def split_reference(text: str) -> tuple[str, str] | None:
    """(type, id) of a relative, absolute or versioned literal reference; None for any other kind."""
    match = _REFERENCE.fullmatch(text)
    return (match[1], match[2]) if match else None


def _values(node: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(node, list):
        for item in node:
            yield from _values(item, path)
    elif not path:
        yield node
    elif isinstance(node, dict) and path[0] in node:
        yield from _values(node[path[0]], path[1:])


def _unescaped(text: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", text)


class TokenIndex:
    """Rows by code and system; a reference is kept likewise, its id as code and its type as system."""

    def __init__(self, parameter: SearchParameter) -> None:
        self._paths = [tuple(path.split(".")) for path in parameter.paths]
        self._reference = parameter.kind == "reference"
        self._target = parameter.target
        self._rows: dict[str, dict[str, array[int]]] = {}

    def add(self, row: int, resource: dict[str, Any]) -> None:
        for path in self._paths:
            if path[0] not in resource:
                continue
            for value in _values(resource, path):
                for system, code in self._keys(value):
                    rows = self._rows.setdefault(code, {}).setdefault(system, array("q"))
                    if not rows or rows[-1] != row:
                        rows.append(row)

    def _keys(self, value: Any) -> Iterator[tuple[str, str]]:
        if self._reference:
            text = value.get("reference") if isinstance(value, dict) else None
            key = split_reference(text) if isinstance(text, str) else None
            if key and self._target in ("", key[0]):
                yield key
        elif isinstance(value, bool):
            yield "", str(value).lower()
        elif isinstance(value, str):
            yield "", value
        elif isinstance(value, dict):
            # CodeableConcept, Coding or Identifier
            for coding in value.get("coding", (value,)):
                code = coding.get("code", coding.get("value"))
                if isinstance(code, str):
                    yield coding.get("system", ""), code

    def find(self, text: str) -> Rows:
        """Rows of one search value: ``code``, ``system|code``, ``|code``, ``system|``; for references ``id``,
        ``Type/id`` or an absolute address."""
        if self._reference:
            key = split_reference(text)
            return self._under(text, None) if key is None else self._under(key[1], key[0])
        system, bar, code = text.partition("|")
        if not bar:
            return self._under(_unescaped(system), None)
        if code:
            return self._under(_unescaped(code), _unescaped(system))
        wanted = _unescaped(system)
        return _union([rows[wanted] for rows in self._rows.values() if wanted in rows])

    def _under(self, code: str, system: str | None) -> Rows:
        systems = self._rows.get(code, {})
        if system is not None:
            return _union([systems[system]] if system in systems else [])
        return _union(list(systems.values()))

    def every(self) -> Rows:
        """Rows that hold any value of this parameter."""
        return _union([rows for systems in self._rows.values() for rows in systems.values()])

    def any_of(self, references: Iterable[tuple[str, str]]) -> Rows:
        """Rows that refer to one of the (type, id) given."""
        parts = [self._rows[code][system] for system, code in references if system in self._rows.get(code, {})]
        return _union(parts)

    def targeted(self) -> Iterator[tuple[str, str]]:
        """(type, id) of everything that is referred to."""
        return ((system, code) for code, systems in self._rows.items() for system in systems)

    def targets(self, resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """(type, id) of every literal reference that a resource holds in this parameter."""
        for path in self._paths:
            for value in _values(resource, path):
                yield from self._keys(value)


class DateIndex:
    """An interval for each row; a row without a readable date is found by no search value."""

    def __init__(self, parameter: SearchParameter, size: int) -> None:
        self._paths = [tuple(path.split(".")) for path in parameter.paths]
        self.low = np.full(size, 1, dtype=np.int64)
        self.high = np.zeros(size, dtype=np.int64)

    def add(self, row: int, resource: dict[str, Any]) -> None:
        found: list[Interval] = []
        for path in self._paths:
            if path[0] in resource:
                found += [interval for value in _values(resource, path) if (interval := interval_of(value))]
        if found:
            self.low[row] = min(low for low, _ in found)
            self.high[row] = max(high for _, high in found)

    def find(self, text: str) -> Rows:
        """Rows of one search value with its prefix (R4, search, date: ranges compared with ranges).

        ``ge`` and ``le`` also find a range that only overlaps the value, as HAPI does.
        Raises UnusableValueError where the value is no date.
        """
        match = _PREFIX.fullmatch(text)
        wanted = interval_of_text(match[2]) if match else None
        if match is None or wanted is None:
            raise UnusableValueError
        prefix, (low, high) = match[1] or "eq", wanted
        inside = (self.low >= low) & (self.high <= high)
        chosen = {
            "eq": inside,
            "ne": ~inside,
            "gt": self.high > high,
            "ge": self.high > low,
            "lt": self.low < low,
            "le": self.low < high,
            "sa": self.low >= high,
            "eb": self.high <= low,
        }[prefix]
        return np.flatnonzero(chosen & (self.low < self.high)).astype(np.int64)

    def starts(self) -> Rows:
        """The low end of each row's interval, for sorting; rows without a date sort first."""
        return np.where(self.low < self.high, self.low, np.iinfo(np.int64).min)


Index = TokenIndex | DateIndex


def new_index(parameter: SearchParameter, size: int) -> Index:
    """An empty index of the parameter's kind for ``size`` rows."""
    return DateIndex(parameter, size) if parameter.kind == "date" else TokenIndex(parameter)


def _union(parts: list[array[int]]) -> Rows:
    if not parts:
        return _NONE
    if len(parts) == 1:
        return np.array(parts[0], dtype=np.int64)
    return np.unique(np.concatenate([np.array(part, dtype=np.int64) for part in parts]))
