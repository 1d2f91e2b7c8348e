"""``log.ndjson`` in the log format proposed for bulk exports (a line has exportId, timestamp, eventId, eventDetail).

Addresses in it are the server's base and the resource type; the page is a fragment. What follows a ``?`` may name
patients and is never written, nor is any text a server sends.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.client.capability import Capability

NAME = "log.ndjson"


class BulkLog:
    """Appends events; safe to use from several threads. ``now`` is handed in for tests."""

    def __init__(
        self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC), export_id: str | None = None
    ) -> None:
        self.export_id = export_id or str(uuid.uuid4())
        self._now = now
        self._lock = threading.Lock()
        self._began = now()
        handle = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._out = os.fdopen(handle, "a", encoding="utf-8")

    def add(self, event: str, **detail: Any) -> None:
        """Write one event."""
        line = {
            "exportId": self.export_id,
            "timestamp": self._now().isoformat(timespec="milliseconds"),
            "eventId": event,
            "eventDetail": detail,
        }
        with self._lock:
            self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._out.flush()

    def kickoff(
        self,
        address: str,
        capability: Capability | None,
        parameters: Mapping[str, Any],
        error: tuple[int | None, str] = (None, ""),
    ) -> None:
        """The first event of an export: ``address`` without parameters, and these as they may be shown; ``error`` is
        status and reason of a kick-off that was refused."""
        status, reason = error
        self.add(
            "kickoff",
            exportUrl=address,
            errorCode=status,
            errorBody=reason or None,
            softwareName=capability.software if capability else None,
            softwareVersion=capability.software_version if capability else None,
            softwareReleaseDate=capability.software_date if capability else None,
            fhirVersion=capability.fhir_version if capability else None,
            requestParameters=dict(parameters),
            responseHeaders={},
        )

    def note(self, sentence: str) -> None:
        """A sentence of the client (a wait cut short, a search begun again)."""
        self.add("note", message=sentence)

    def complete(self, files: int, resources: int, size: int) -> None:
        """The last event; ``duration`` in milliseconds."""
        took = int((self._now() - self._began).total_seconds() * 1000)
        self.add("export_complete", files=files, resources=resources, bytes=size, attachments=None, duration=took)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._out.close()


def times_of_export(folder: Path) -> tuple[str, str]:
    """When the export whose log lies in ``folder`` was first asked for, and the transaction time of its last manifest,
    as instants; empty where the log does not say."""
    kickoff = shown = ""
    with (folder / NAME).open(encoding="utf-8") as lines:
        for event in map(json.loads, lines):
            if event["eventId"] == "kickoff":
                kickoff = kickoff or event["timestamp"]
            elif event["eventId"] == "manifest_complete":
                shown = event["eventDetail"]["transactionTime"] or ""
    return kickoff, shown
