"""A search: its parameters read, those not understood set aside, and the rows it finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import orjson

from flows.sandbox.indexes import DateIndex, Rows, TokenIndex, UnusableValueError, split_reference
from flows.sandbox.parameters import parameters_of
from flows.sandbox.store import Store, TypeTable

Pairs = Sequence[tuple[str, str]]
Total = Literal["accurate", "none"]

_COMMA = re.compile(r"(?<!\\),")
# Accepted and without effect: every answer is JSON, on one line.
_WITHOUT_EFFECT = frozenset({"_format", "_pretty"})
_JSON_FORMATS = frozenset({"json", "application/json", "application/fhir+json"})


class SearchError(Exception):
    """The request is wrong: HTTP 400 with an OperationOutcome. The text names parameters, never their values."""


@dataclass(frozen=True)
class Include:
    """``_include`` or ``_revinclude``: a reference parameter of ``source``, optionally only towards ``target``."""

    source: str
    parameter: str
    target: str = ""


@dataclass
class Query:
    """A search as understood. ``applied`` are the parameters the ``self`` link shows."""

    resource_type: str
    filters: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    count: int | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    count_only: bool = False
    total: Total = "accurate"
    ids_only: bool = False
    includes: list[Include] = field(default_factory=list)
    revincludes: list[Include] = field(default_factory=list)
    applied: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def parse(table: TypeTable, pairs: Pairs, strict: bool) -> Query:
    """Read a search on one type.

    Raises SearchError for a value that cannot be read and, with ``strict``, for a parameter not supported.
    """
    query = Query(table.resource_type)
    for name, value in pairs:
        if value == "":
            continue  # R4: a parameter without a value is no parameter
        if _apply(query, table, name, value):
            query.applied.append((name, value))
        elif name not in _WITHOUT_EFFECT:
            query.ignored.append(name)
    if strict and query.ignored:
        names = ", ".join(sorted(set(query.ignored)))
        raise SearchError(f"Not supported for {table.resource_type}: {names}")
    return query


def _apply(query: Query, table: TypeTable, name: str, value: str) -> bool:
    """Take one parameter into the query; False where it is not supported."""
    match name:
        case "_count":
            query.count = _whole_number(name, value)
        case "_summary":
            if value != "count":
                return False
            query.count_only = True
        case "_total":
            if value not in ("none", "estimate", "accurate"):
                raise SearchError("_total is none, estimate or accurate")
            query.total = "none" if value == "none" else "accurate"
        case "_elements":
            # Cutting other elements would mean writing the resource anew, and its numbers with it.
            if set(value.split(",")) - {"id", "meta", "resourceType"}:
                return False
            query.ids_only = True
        case "_sort":
            return _apply_sort(query, value)
        case "_include" | "_revinclude":
            return _apply_include(query, name, value)
        case "_format":
            if value not in _JSON_FORMATS:
                raise SearchError("_format: only JSON is served")
            return False
        case _:
            return _apply_filter(query, table, name, value)
    return True


def _apply_filter(query: Query, table: TypeTable, name: str, value: str) -> bool:
    bare, _, modifier = name.partition(":")
    values = tuple(part for part in _COMMA.split(value) if part)
    if bare == "_id" and not modifier:
        query.filters.append(("_id", values))
        return True
    parameter = table.parameters.get(bare)
    if parameter is None:
        return False
    if modifier:
        # A type as modifier, subject:Patient=p1, says the same as subject=Patient/p1.
        if parameter.kind != "reference" or not modifier.isalpha() or not modifier[0].isupper():
            return False
        values = tuple(value if split_reference(value) else f"{modifier}/{value}" for value in values)
    query.filters.append((bare, values))
    return True


def _apply_sort(query: Query, value: str) -> bool:
    keys = [(key.removeprefix("-"), key.startswith("-")) for key in value.split(",")]
    if any(key not in ("_lastUpdated", "_id") for key, _ in keys):
        return False
    query.sort = tuple(keys)
    return True


def _apply_include(query: Query, name: str, value: str) -> bool:
    parts = value.split(":")
    if len(parts) not in (2, 3):
        raise SearchError(f"{name} is Type:parameter or Type:parameter:TargetType")
    include = Include(*parts)
    parameter = parameters_of(include.source).get(include.parameter)
    if parameter is None or parameter.kind != "reference":
        return False
    if name == "_include":
        if include.source != query.resource_type:
            return False
        query.includes.append(include)
    else:
        query.revincludes.append(include)
    return True


def _whole_number(name: str, value: str) -> int:
    if not re.fullmatch(r"\d{1,9}", value):
        raise SearchError(f"{name} is a whole number")
    return int(value)


def find(table: TypeTable, query: Query) -> Rows:
    """The rows a query matches, in its order: file order unless it asks for another."""
    with table.lock:
        return _found(table, query)


def _found(table: TypeTable, query: Query) -> Rows:
    names = [name for name, _ in query.filters if name != "_id"]
    sorted_by_time = any(key == "_lastUpdated" for key, _ in query.sort)
    table.prepare([*names, *(["_lastUpdated"] if sorted_by_time else [])])
    rows: Rows | None = None
    for name, values in query.filters:
        found = _matching(table, name, values)
        rows = found if rows is None else np.intersect1d(rows, found, assume_unique=True)
    rows = table.all_rows() if rows is None else rows
    for key, descending in reversed(query.sort):
        rows = _sorted(table, rows, key, descending)
    return rows


def _matching(table: TypeTable, name: str, values: Iterable[str]) -> Rows:
    if name == "_id":
        found = {table.row_of_id[value] for value in values if value in table.row_of_id}
        return np.array(sorted(found), dtype=np.int64)
    index = table.index(name)
    try:
        parts = [index.find(value) for value in values]
    except UnusableValueError:
        raise SearchError(f"{name}: a value is not a date with an optional prefix") from None
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)


def _sorted(table: TypeTable, rows: Rows, key: str, descending: bool) -> Rows:
    if key == "_id":
        ordered = sorted(rows.tolist(), key=lambda row: table.id_of_row[row] or "", reverse=descending)
        return np.array(ordered, dtype=np.int64)
    index = table.index("_lastUpdated")
    assert isinstance(index, DateIndex)
    moments = index.starts()[rows]
    return rows[np.argsort(-moments if descending else moments, kind="stable")]


def included(
    store: Store, query: Query, resources: Sequence[bytes], matched: set[tuple[str, str]]
) -> list[tuple[str, int]]:
    """(type, row) of what ``_include`` and ``_revinclude`` add to one page of matches, each once."""
    added: dict[tuple[str, int], None] = {}
    if query.includes:
        indexes = [(include, table_index(store, include)) for include in query.includes]
        for text in resources:
            resource = orjson.loads(text)
            for include, index in indexes:
                for target_type, target_id in index.targets(resource):
                    target = store.tables.get(target_type)
                    if target is None or include.target not in ("", target_type):
                        continue
                    row = target.row_of_id.get(target_id)
                    if row is not None and (target_type, target_id) not in matched:
                        added[(target_type, row)] = None
    for include in query.revincludes:
        table = store.tables.get(include.source)
        if table is None or include.target not in ("", query.resource_type):
            continue
        index = table_index(store, include)
        for resource_type, resource_id in sorted(matched):
            for row in index.find(f"{resource_type}/{resource_id}").tolist():
                added[(include.source, row)] = None
    return list(added)


def table_index(store: Store, include: Include) -> TokenIndex:
    """The reference index an include goes by."""
    index = store.table(include.source).index(include.parameter)
    assert isinstance(index, TokenIndex)
    return index
