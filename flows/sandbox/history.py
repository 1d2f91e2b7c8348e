"""Edits, deletions and merges while the sandbox serves, and the versions they leave behind.

The folder's resources are the first state. A resource without ``meta.lastUpdated`` counts as stored when the server
started, one without ``meta.versionId`` as version 1.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from flows.sandbox import compartment
from flows.sandbox.clock import Clock, instant
from flows.sandbox.indexes import TokenIndex, split_reference
from flows.sandbox.instants import interval_of_text
from flows.sandbox.store import Store, TypeTable

_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Version:
    """One version of a resource; ``row`` holds its text, also that of the state before a deletion (``DELETE``).

    ``order`` counts what was written, since several versions may have one time; 0 is the folder.
    """

    resource_type: str
    id: str
    version: str
    at: str
    method: str
    row: int
    order: int = 0


class History:
    """What was written since the server started, over the folder's resources."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.started = clock.now()
        self._versions: dict[tuple[str, str], list[Version]] = {}
        self._sealed: datetime | None = None
        self._stamped: datetime | None = None
        self._written = 0
        self._lock = threading.RLock()

    def put(self, resource: Mapping[str, Any]) -> str:
        """Create a resource or a new version of it; the server sets ``meta.versionId`` and ``meta.lastUpdated``.

        A Decimal keeps its digits. Returns the version. Raises ValueError without ``resourceType`` or ``id``.
        """
        resource_type, resource_id = resource.get("resourceType"), resource.get("id")
        if not isinstance(resource_type, str) or not isinstance(resource_id, str):
            raise ValueError("a resource has a resourceType and an id")
        with self._lock:
            table = self.store.written_table(resource_type)
            known = self._known(table, resource_id)
            version, at = self._next(known), instant(self._stamp())
            meta = {**(resource.get("meta") or {}), "versionId": version, "lastUpdated": at}
            text = orjson.dumps({**resource, "meta": meta}, default=_digits)
            row = table.put(resource_id, text)
            created = not known or known[-1].method == "DELETE"
            self._note(known, Version(resource_type, resource_id, version, at, "POST" if created else "PUT", row))
            return version

    def delete(self, resource_type: str, resource_id: str) -> None:
        """Delete a resource: reading it is then 410. Raises KeyError where there is none."""
        with self._lock:
            table = self.store.table(resource_type)
            row = table.row_of_id[resource_id]
            known = self._known(table, resource_id)
            at = instant(self._stamp())
            table.remove(resource_id)
            self._note(known, Version(resource_type, resource_id, self._next(known), at, "DELETE", row))

    def merge(self, duplicate: str, survivor: str, *, move: bool = True) -> None:
        """Merge one Patient into another: ``link`` replaced-by and ``active`` false on the one, replaces on the other.

        With ``move`` every reference to the duplicate in its compartment becomes one to the survivor (new versions).
        """
        with self._lock:
            patients = self.store.table("Patient")
            old = orjson.loads(patients.text(patients.row_of_id[duplicate]))
            new = orjson.loads(patients.text(patients.row_of_id[survivor]))
            self.put({**old, "active": False, "link": [*old.get("link", []), _link(survivor, "replaced-by")]})
            self.put({**new, "link": [*new.get("link", []), _link(duplicate, "replaces")]})
            if move:
                for resource_type in sorted(set(self.store.tables) & set(compartment.ELEMENTS) - {"Patient"}):
                    table = self.store.table(resource_type)
                    members = table.index(compartment.NAME)
                    assert isinstance(members, TokenIndex)
                    for row in members.find(f"Patient/{duplicate}").tolist():
                        self.put(_repointed(orjson.loads(table.text(row)), duplicate, survivor))

    @contextmanager
    def still(self) -> Iterator[None]:
        """Nothing is written while this lasts: what is read inside is of one state."""
        with self._lock:
            yield

    def seal(self) -> datetime:
        """The time of a snapshot taken now; whatever is written later is also dated later, as a client relies on."""
        with self._lock:
            self._sealed = max([self.clock.now(), *self._times()])
            return self._sealed

    def is_deleted(self, resource_type: str, resource_id: str) -> bool:
        """Whether there was such a resource and its newest version is a deletion."""
        versions = self._versions.get((resource_type, resource_id))
        return versions is not None and versions[-1].method == "DELETE"

    def of_instance(self, resource_type: str, resource_id: str) -> list[Version]:
        """Every version of one resource, newest first; none where it was never there."""
        with self._lock:
            return self._known(self.store.table(resource_type), resource_id)[::-1]

    def of_type(self, resource_type: str, since: str = "") -> list[Version]:
        """Every version of every resource of a type, newest first; those at or after the instant ``since``."""
        table = self.store.table(resource_type)
        with self._lock:
            ids = dict.fromkeys([*table.row_of_id, *(id_ for type_, id_ in self._versions if type_ == resource_type)])
            every = [version for resource_id in ids for version in self._known(table, resource_id)]
        low = _low(since)
        kept = [version for version in every if low is None or (_low(version.at) or 0) >= low]
        return sorted(kept, key=lambda version: (_low(version.at) or 0, version.order), reverse=True)

    def deletions(self, types: Iterable[str], since: str) -> list[Version]:
        """What was deleted after the instant ``since`` and is not there again, oldest first."""
        low, wanted = _low(since) or 0, set(types)
        with self._lock:
            newest = [versions[-1] for versions in self._versions.values()]
        found = [v for v in newest if v.method == "DELETE" and v.resource_type in wanted and (_low(v.at) or 0) > low]
        return sorted(found, key=lambda version: (_low(version.at) or 0, version.resource_type, version.id))

    def _known(self, table: TypeTable, resource_id: str) -> list[Version]:
        """The versions so far, oldest first: those noted, or the folder's one."""
        noted = self._versions.get((table.resource_type, resource_id))
        if noted is not None:
            return noted
        row = table.row_of_id.get(resource_id)
        if row is None:
            return []
        meta = orjson.loads(table.text(row)).get("meta") or {}
        at, version = meta.get("lastUpdated") or instant(self.started), str(meta.get("versionId") or "1")
        return [Version(table.resource_type, resource_id, version, at, "POST", row)]

    def _note(self, known: list[Version], version: Version) -> None:
        self._written += 1
        self._versions[(version.resource_type, version.id)] = [*known, replace(version, order=self._written)]

    def _next(self, known: list[Version]) -> str:
        """A whole number above every number so far, so that no two versions share one."""
        return str(max([len(known), *(_number(version.version) for version in known)]) + 1)

    def _stamp(self) -> datetime:
        now = self.clock.now()
        self._stamped = now if self._sealed is None else max(now, self._sealed + _TICK)
        return self._stamped

    def _times(self) -> list[datetime]:
        """The newest snapshot and the newest write: no later snapshot is older than either."""
        return [moment for moment in (self._sealed, self._stamped) if moment is not None]


def _digits(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value).__name__)


def _low(text: str) -> int | None:
    interval = interval_of_text(text)
    return interval[0] if interval else None


def _number(version: str) -> int:
    return int(version) if version.isdecimal() else 0


def _link(patient: str, kind: str) -> dict[str, Any]:
    return {"other": {"reference": f"Patient/{patient}"}, "type": kind}


def _repointed(node: Any, old: str, new: str) -> Any:
    """The same resource with every literal reference to one Patient leading to another."""
    if isinstance(node, list):
        return [_repointed(item, old, new) for item in node]
    if not isinstance(node, dict):
        return node
    changed = {name: _repointed(value, old, new) for name, value in node.items()}
    text = changed.get("reference")
    if isinstance(text, str) and split_reference(text) == ("Patient", old):
        changed["reference"] = f"Patient/{new}"
    return changed
