"""Which resources an export holds: by level, patients, types, time and filters.

Patient and Group exports hold the Patient compartment and nothing else; Provenance of a resource in it is part of it,
as the guide asks. A resource without ``meta.lastUpdated`` is exported whatever ``_since`` says, which the guide allows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson

from flows.sandbox import compartment, search
from flows.sandbox.answers import RefusalError
from flows.sandbox.bulk.kickoff import Kickoff
from flows.sandbox.history import History
from flows.sandbox.indexes import DateIndex, Rows, TokenIndex, split_reference
from flows.sandbox.instants import interval_of_text
from flows.sandbox.store import Store, TypeTable

Selection = list[tuple[str, Rows]]


def members(store: Store, group: str) -> frozenset[str]:
    """The ids of a Group's Patients, also of Groups in it; inactive members are left out. Raises RefusalError."""
    groups = store.table("Group")
    if group not in groups.row_of_id:
        raise RefusalError(404, "not-found", "There is no Group of this id.")
    found: set[str] = set()
    waiting, seen = [group], {group}
    while waiting:
        row = groups.row_of_id.get(waiting.pop())
        listed = [] if row is None else orjson.loads(groups.text(row)).get("member", [])
        for member in listed:
            reference = split_reference((member.get("entity") or {}).get("reference") or "")
            if reference is None or member.get("inactive") is True:
                continue
            kind, resource_id = reference
            if kind == "Patient":
                found.add(resource_id)
            elif kind == "Group" and resource_id not in seen:
                seen.add(resource_id)
                waiting.append(resource_id)
    return frozenset(found)


def patients_of(store: Store, asked: Kickoff) -> frozenset[str] | None:
    """The patients whose compartments are exported; None: every patient's. Raises RefusalError."""
    if asked.level != "group":
        return asked.patients
    grouped = members(store, asked.group)
    if asked.patients is None:
        return grouped
    if asked.patients - grouped:
        raise RefusalError(400, "not-found", "patient: some are not in this Group.")
    return asked.patients


def select(store: Store, asked: Kickoff, since_inclusive: bool) -> Selection:
    """(type, rows) of everything the export holds, types in alphabetical order, rows in file order."""
    chosen: Selection = []
    inside: dict[str, Rows] | None = None
    if asked.level != "system":
        # Whether a Provenance belongs to a patient depends on every other type.
        every = asked.types is None or "Provenance" in asked.types
        needed = set(store.tables) if every else set(asked.types or ()) & set(store.tables)
        inside = dict(_compartments(store, patients_of(store, asked), needed))
        if every:
            inside["Provenance"] = _provenance(store, inside)
    for resource_type in sorted(set(store.tables) if asked.types is None else asked.types):
        table = store.table(resource_type)
        with table.lock:
            rows = table.all_rows() if inside is None else inside.get(resource_type, table.all_rows()[:0])
            if asked.since:
                rows = rows[_changed(table, asked.since, since_inclusive)[rows]]
            if resource_type in asked.filters:
                found = [search.find(table, query) for query in asked.filters[resource_type]]
                rows = np.intersect1d(rows, np.concatenate(found))
        if len(rows):
            chosen.append((resource_type, rows))
    return chosen


def deleted(store: Store, history: History, asked: Kickoff) -> list[tuple[str, str]]:
    """(type, id) of what was deleted after ``_since`` and was part of this export when it was last there."""
    types = set(store.tables) if asked.types is None else set(asked.types)
    patients = None if asked.level == "system" else patients_of(store, asked)
    gone = []
    for version in history.deletions(types, asked.since):
        text = store.table(version.resource_type).text(version.row)
        if asked.level == "system" or _belongs(version.resource_type, version.id, text, patients):
            gone.append((version.resource_type, version.id))
    return gone


def _compartments(store: Store, patients: frozenset[str] | None, types: set[str]) -> Iterator[tuple[str, Rows]]:
    for resource_type in types & set(compartment.ELEMENTS):
        table = store.table(resource_type)
        with table.lock:
            index = _references(table, compartment.NAME)
            found = index.every() if patients is None else index.any_of(("Patient", one) for one in sorted(patients))
            if resource_type == "Patient":
                own = table.row_of_id if patients is None else patients & table.row_of_id.keys()
                found = np.union1d(found, np.array([table.row_of_id[one] for one in own], dtype=np.int64))
        yield resource_type, found


def _provenance(store: Store, inside: dict[str, Rows]) -> Rows:
    table = store.table("Provenance")
    with table.lock:
        index = _references(table, "target")
        ids = {name: {store.table(name).id_of_row[row] for row in rows.tolist()} for name, rows in inside.items()}
        wanted = [(kind, one) for kind, one in index.targeted() if one in ids.get(kind, ())]
        return np.union1d(inside.get("Provenance", table.all_rows()[:0]), index.any_of(wanted))


def _references(table: TypeTable, name: str) -> TokenIndex:
    index = table.index(name)
    assert isinstance(index, TokenIndex)
    return index


def _changed(table: TypeTable, since: str, inclusive: bool) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    index = table.index("_lastUpdated")
    assert isinstance(index, DateIndex)
    interval = interval_of_text(since)
    assert interval is not None
    later = index.low >= interval[0] if inclusive else index.low > interval[0]
    unknown = index.low >= index.high
    changed: np.ndarray[tuple[int], np.dtype[np.bool_]] = later | unknown
    return changed


def _belongs(resource_type: str, resource_id: str, text: bytes, patients: frozenset[str] | None) -> bool:
    membership = compartment.parameter(resource_type)
    if membership is None:
        return False
    named = {one for _, one in TokenIndex(membership).targets(orjson.loads(text))}
    if resource_type == "Patient":
        named.add(resource_id)
    return bool(named) if patients is None else bool(named & patients)
