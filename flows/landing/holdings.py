"""What a snapshot holds and what came since, as tables that are asked with SQL: a scratch file of one extract.

Resources stay in their NDJSON files; a row says where a line lies and what of it decides about its fate. A row's key is
the resource's id, or ``#`` and a hash for what has none. The file is private, survives a killed process, and goes when
the snapshot is published.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from analysis.arrival import REFERRING, patient_of, reference_key, references_in
from flows.landing.instants import earliest_meant, read_instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WHOLE = re.compile(r"[0-9]{1,18}")

_ROW = (
    "type TEXT, key TEXT, version TEXT, updated INTEGER, number INTEGER, seen INTEGER, patient TEXT, refs TEXT, "
    "links TEXT, file TEXT, at INTEGER, size INTEGER, digest BLOB"
)
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE held (ROW, PRIMARY KEY (type, key)) WITHOUT ROWID;
CREATE TABLE came (ROW, PRIMARY KEY (type, key)) WITHOUT ROWID;
CREATE TABLE scanned (file TEXT PRIMARY KEY, upto INTEGER);
CREATE TABLE index_held (type TEXT, key TEXT, PRIMARY KEY (type, key)) WITHOUT ROWID;
CREATE TABLE index_came (type TEXT, key TEXT, PRIMARY KEY (type, key)) WITHOUT ROWID;
CREATE TABLE known (patient TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE cohort (patient TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE listed (search INTEGER, type TEXT, key TEXT, version TEXT, PRIMARY KEY (type, key, search)) WITHOUT ROWID;
CREATE TABLE written (type TEXT, key TEXT, PRIMARY KEY (type, key)) WITHOUT ROWID;
CREATE TABLE deleted (type TEXT, key TEXT, PRIMARY KEY (type, key)) WITHOUT ROWID;
CREATE TABLE turned_down (type TEXT, key TEXT, phase TEXT, PRIMARY KEY (type, key, phase)) WITHOUT ROWID;
CREATE TABLE index_now (type TEXT, key TEXT, PRIMARY KEY (type, key)) WITHOUT ROWID;
CREATE TABLE gone (type TEXT, key TEXT, reason TEXT, PRIMARY KEY (type, key)) WITHOUT ROWID;
CREATE TABLE referred (type TEXT, key TEXT, PRIMARY KEY (type, key)) WITHOUT ROWID;
CREATE VIEW not_come AS SELECT * FROM held h
 WHERE NOT EXISTS (SELECT 1 FROM came WHERE type = h.type AND key = h.key);
CREATE VIEW stays AS SELECT * FROM came UNION ALL SELECT * FROM not_come n
 WHERE NOT EXISTS (SELECT 1 FROM gone WHERE type = n.type AND key = n.key);
""".replace("(ROW,", f"({_ROW},")
_KEEP = {
    "index_held": "INSERT OR IGNORE INTO index_held VALUES (?, ?)",
    "index_came": "INSERT OR IGNORE INTO index_came VALUES (?, ?)",
    "written": "INSERT OR IGNORE INTO written VALUES (?, ?)",
    "deleted": "INSERT OR IGNORE INTO deleted VALUES (?, ?)",
    "turned_down": "INSERT OR IGNORE INTO turned_down VALUES (?, ?, ?)",
    "listed": "INSERT OR IGNORE INTO listed VALUES (?, ?, ?, ?)",
}
_HOLD = "INSERT INTO held VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# Of two versions in one extract the newer counts, as in acceptance: by time, by whole-number version, by place.
_TAKE = """INSERT INTO came VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (type, key) DO UPDATE SET
 version = excluded.version, updated = excluded.updated, number = excluded.number, seen = excluded.seen,
 patient = excluded.patient, refs = excluded.refs, links = excluded.links, file = excluded.file, at = excluded.at,
 size = excluded.size, digest = excluded.digest
 WHERE (excluded.updated, excluded.number) >= (came.updated, came.number)"""

Key = tuple[str, str]
"""Resource type and id."""


class Holdings:
    """The tables of one extract, ``made_for`` naming it; what an earlier process left for the same is gone on with.

    ``None`` stands for whatever extract the tables that are there were made for.
    """

    def __init__(self, path: Path, made_for: str | None) -> None:
        self._path = path
        if not self._open() or made_for not in (None, self.said("made_for")):
            self.close()
            self._begin(made_for)

    def _open(self) -> bool:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        self.sql = sqlite3.connect(self._path, isolation_level=None)
        try:
            self.sql.execute("SELECT 1 FROM meta")
        except sqlite3.DatabaseError:
            return False
        return True

    def _begin(self, made_for: str | None) -> None:
        remove(self._path)
        self._open()
        with self.together():
            for statement in _SCHEMA.split(";"):
                self.sql.execute(statement)
            self.say("made_for", made_for)

    def close(self) -> None:
        """Let go of the file."""
        self.sql.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written meanwhile is kept as a whole or not at all."""
        self.sql.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.sql.execute("ROLLBACK")
            raise
        self.sql.execute("COMMIT")

    def said(self, name: str) -> Any:
        """What was said under a name, None if nothing."""
        row = self.sql.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def say(self, name: str, value: object) -> None:
        """Keep a JSON value under a name."""
        self.sql.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    def ids(self, question: str, *values: object) -> frozenset[str]:
        """The first column of a question's rows."""
        return frozenset(row[0] for row in self.sql.execute(question, values))

    def keep(self, table: str, keys: Iterable[Sequence[object]]) -> None:
        """Add rows to a table of keys; what is there already stays."""
        self.sql.executemany(_KEEP[table], keys)

    def hold(self, file: Path, type_: str) -> str:
        """Read a file of the snapshot; its SHA-256."""
        digest = hashlib.sha256()
        with file.open("rb") as stream:
            self.sql.executemany(_HOLD, _rows(stream, file.name, type_, 0, digest))
        return digest.hexdigest()

    def take(self, folders: Sequence[Path]) -> None:
        """Read what was landed in ``folders`` since it was last looked at."""
        with self.together():
            for file in sorted((f for folder in folders for f in folder.glob("[A-Z]*.ndjson")), key=lambda f: f.name):
                self._take(file)

    def _take(self, file: Path) -> None:
        row = self.sql.execute("SELECT upto FROM scanned WHERE file = ?", (file.name,)).fetchone()
        start = row[0] if row is not None else 0
        type_ = file.name.split(".", 1)[0]
        with file.open("rb") as stream:
            stream.seek(start)
            self.sql.executemany(_TAKE, _rows(stream, file.name, type_, start))
            self.sql.execute("INSERT OR REPLACE INTO scanned VALUES (?, ?)", (file.name, stream.tell()))


def remove(path: Path) -> None:
    """Take the file away, with what SQLite keeps beside it."""
    for name in (path.name, f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)


def digest_of(line: bytes) -> bytes:
    """What two lines are compared by."""
    return hashlib.blake2b(line, digest_size=16).digest()


def _rows(stream: Iterable[bytes], file: str, type_: str, at: int, whole: Any = None) -> Iterator[tuple[object, ...]]:
    for raw in stream:
        if whole is not None:
            whole.update(raw)
        line = raw.removesuffix(b"\n")
        yield (type_, *_decisive(line), file, at, len(line), digest_of(line))
        at += len(raw)


def _decisive(line: bytes) -> tuple[object, ...]:
    """key, version, updated, number, seen, patient, refs, links: what of a resource decides about its fate."""
    try:
        resource = orjson.loads(line)
    except orjson.JSONDecodeError:
        resource = None
    if not isinstance(resource, dict) or not isinstance(resource.get("id"), str) or not resource["id"]:
        return f"#{digest_of(line).hex()}", "", -1, -1, None, "", "", ""
    meta = resource.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    version, updated = str(meta.get("versionId", "")), read_instant(meta.get("lastUpdated"))
    return (
        resource["id"],
        version,
        _micros(updated) if updated else -1,
        int(version) if _WHOLE.fullmatch(version) else -1,
        _micros(seen) if (seen := earliest_meant(meta.get("lastUpdated"))) else None,
        patient_of(resource) or "",
        json.dumps(list(references_in(resource))) if resource.get("resourceType") in REFERRING else "",
        json.dumps(_links(resource)) if resource.get("resourceType") == "Patient" and "link" in resource else "",
    )


def _links(patient: dict[str, Any]) -> list[tuple[str, str]]:
    """(type of link, id of the other Patient) of each link between Patients."""
    found = []
    for link in patient["link"] if isinstance(patient["link"], list) else ():
        other = reference_key(link.get("other")) if isinstance(link, dict) else None
        if other is not None and other[0] == "Patient" and isinstance(link.get("type"), str):
            found.append((link["type"], other[1]))
    return found


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(micros: int) -> datetime:
    """The moment of a row's ``seen``."""
    return _EPOCH + micros * _MICROSECOND
