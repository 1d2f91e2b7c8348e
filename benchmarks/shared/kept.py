"""What was measured, one JSON line each, appended as soon as it is known: a bench that stopped goes on from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Kept:
    """The measurements in a file; ``identities`` says which belong to today's code, data and versions."""

    def __init__(self, path: Path, identities: dict[str, str]) -> None:
        self._path = path
        self._identities = identities
        self._records: list[Record] = []
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    self._records.append(json.loads(line))
                except json.JSONDecodeError:  # cut off when the bench was stopped
                    continue

    def add(self, kind: str, engine: str, **what: Any) -> None:
        record = {"kind": kind, "engine": engine, "identity": self._identities[engine], **what}
        self._records.append(record)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as out:
            out.write(json.dumps(record) + "\n")

    def of(self, kind: str, engine: str, **what: Any) -> Iterator[Record]:
        """The records of a kind and an engine that are of today's identity and have these values."""
        for record in self._records:
            if (record["kind"], record["engine"], record["identity"]) != (kind, engine, self._identities.get(engine)):
                continue
            if all(record.get(name) == value for name, value in what.items()):
                yield record

    def all(self) -> list[Record]:
        """Every record of today's identities."""
        return [record for record in self._records if self._identities.get(record["engine"]) == record["identity"]]
