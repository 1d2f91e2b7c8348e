"""The kick-off request of an export, read and checked: GET with parameters, or POST with a Parameters resource."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

import orjson

from flows.sandbox import compartment, search
from flows.sandbox.answers import RefusalError
from flows.sandbox.indexes import split_reference
from flows.sandbox.instants import interval_of_text
from flows.sandbox.parameters import KNOWN_TYPES
from flows.sandbox.search import Pairs, Query
from flows.sandbox.store import Store

Level = Literal["system", "patient", "group"]

FORMATS = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
# A comma also stands between the values of one query's parameter: only one before ``Type?`` begins the next query.
_NEXT_QUERY = re.compile(r",(?=[A-Z][A-Za-z]+\?)")
_NOT_IN_FILTERS = ("_include", "_revinclude", "_sort", "_count", "_total", "_summary", "_elements")


@dataclass
class Kickoff:
    """An export as understood. ``patients`` is None where no list was given; ``ignored`` are the parameters that a
    lenient request had and this server does not apply."""

    level: Level
    url: str
    group: str = ""
    types: tuple[str, ...] | None = None
    since: str = ""
    filters: dict[str, list[Query]] = field(default_factory=dict)
    patients: frozenset[str] | None = None
    ids_only: bool = False
    ignored: list[str] = field(default_factory=list)


def posted_pairs(body: bytes) -> Pairs:
    """The parameters of a Parameters resource as pairs of name and text. Raises RefusalError where it is none."""
    try:
        read = orjson.loads(body)
        if read["resourceType"] == "Parameters":
            return [(str(one["name"]), _value(one)) for one in read.get("parameter", [])]
    except (ValueError, AttributeError, KeyError, TypeError):
        pass  # answered below, without the parser's words, which may hold a piece of the body
    raise RefusalError(400, "structure", "The body is no Parameters resource in JSON.")


def _value(parameter: dict[str, Any]) -> str:
    (value,) = [value for name, value in parameter.items() if name.startswith("value")] or [""]
    return str(value["reference"]) if isinstance(value, dict) else str(value)


def understand(store: Store, asked: Kickoff, pairs: Pairs, *, posted: bool, lenient: bool) -> Kickoff:
    """Fill ``asked`` from the parameters. Raises RefusalError for what cannot be applied, unless ``lenient``."""
    reader = _Reader(store, asked, posted, lenient)
    every = _joined(pairs)
    for name, value in every.items():
        reader.take(name, value)
    for query in _NEXT_QUERY.split(every["_typeFilter"]) if "_typeFilter" in every else ():
        reader.filter(query)
    return asked


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Repeated parameters count as one with commas (the guide)."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        if value:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


class _Reader:
    def __init__(self, store: Store, asked: Kickoff, posted: bool, lenient: bool) -> None:
        self.store, self.asked, self.posted, self.lenient = store, asked, posted, lenient

    def take(self, name: str, value: str) -> None:
        match name:
            case "_outputFormat":
                if value not in FORMATS:
                    raise RefusalError(400, "not-supported", "_outputFormat: only NDJSON is written.")
            case "_since":
                if interval_of_text(value) is None:
                    raise RefusalError(400, "invalid", "_since is no instant.")
                self.asked.since = value
            case "_type":
                self._types(value.split(","))
            case "_elements" if all(element.rpartition(".")[2] == "id" for element in value.split(",")):
                self.asked.ids_only = True
            case "patient" if self.posted and self.asked.level != "system":
                self._patients(value.split(","))
            case "_typeFilter":
                pass  # read when the types are known
            case _:
                self._not_applied(name)

    def _types(self, names: Sequence[str]) -> None:
        known = KNOWN_TYPES | set(self.store.tables)
        if self.asked.level != "system":
            known &= set(compartment.ELEMENTS)
        kept = tuple(dict.fromkeys(name for name in names if name in known))
        if set(names) - known:
            self._not_applied("_type")
        self.asked.types = kept

    def _patients(self, references: Sequence[str]) -> None:
        there = self.store.table("Patient").row_of_id
        found = {(split_reference(text) or ("", ""))[1] for text in references}
        if found - there.keys():
            if not self.lenient:
                raise RefusalError(400, "not-found", "patient: some are not on this server.")
            self.asked.ignored.append("patient")
        self.asked.patients = frozenset(found & there.keys())

    def filter(self, text: str) -> None:
        """One query of ``_typeFilter``; several of one type are joined by or."""
        resource_type, _, query = text.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        outside = self.asked.types is not None and resource_type not in self.asked.types
        names = {name.partition(":")[0] for name, _ in pairs}
        if not pairs or outside or names & set(_NOT_IN_FILTERS):
            return self._not_applied("_typeFilter")
        try:
            read = search.parse(self.store.table(resource_type), pairs, strict=not self.lenient)
        except search.SearchError as error:
            raise RefusalError(400, "invalid", f"_typeFilter: {error}") from None
        if read.ignored:
            self.asked.ignored.append("_typeFilter")
        self.asked.filters.setdefault(resource_type, []).append(read)

    def _not_applied(self, name: str) -> None:
        if not self.lenient:
            raise RefusalError(400, "not-supported", f"This server cannot apply {name} here.")
        self.asked.ignored.append(name)
