"""What stands beside the resources of an export: deletions, and what the server says went wrong."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from analysis.arrival import reference_key
from flows.client.outcomes import issues_of
from flows.landing.bulk_state import FileState
from flows.landing.folder import open_file
from flows.landing.intake import Intake
from flows.landing.manifest import Missing
from flows.run_folder import private_folder

DELETED = "deleted"
"""The folder with ``deleted.ndjson``, and the event in warnings that counts its lines."""

_OUTCOME = "OperationOutcome"
# Files of messages hold warnings and information too (IG: "error, warning, and information messages").
_NO_HARM = frozenset({"warning", "information"})

Key = tuple[str, str]


def deletions(folder: Path, files: Iterable[FileState]) -> tuple[list[Key], list[Missing]]:
    """Type and id of everything the server says was deleted, in its order, each once; and what could not be read.

    A line is a Bundle of type transaction whose entries have DELETE as method.
    """
    found: dict[Key, None] = {}
    missing = []
    for file in files:
        unread = 0
        for line in _lines(folder / file.name):
            keys = _deleted(line)
            unread += keys is None
            found.update(dict.fromkeys(keys or ()))
        if unread:
            missing.append(Missing("Bundle", f"{unread} lines of {file.label}", "not-a-deletion"))
    return list(found), missing


def write_deletions(landing: Path, deleted: Iterable[Key]) -> None:
    """Keep the list in a folder of its own: the files beside it hold resources. Ids stay on the site."""
    lines = [json.dumps({"type": type_, "id": id_}) + "\n" for type_, id_ in deleted]
    if not lines:
        return
    path = private_folder(landing / DELETED) / f"{DELETED}.ndjson"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.writelines(lines)


def read_deletions(landing: Path) -> list[Key]:
    """What `write_deletions` kept."""
    path = landing / DELETED / f"{DELETED}.ndjson"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [(said["type"], said["id"]) for said in map(json.loads, lines)]


def take_errors(folder: Path, files: Iterable[FileState], intake: Intake) -> list[Missing]:
    """Count the OperationOutcomes of the error files and name what they mean; their sentences may name patients."""
    missing = []
    for file in files:
        seen: Counter[str] = Counter()
        for line in _lines(folder / file.name):
            issues = issues_of(line)
            if issues is None:
                seen["not-an-operation-outcome"] += 1
                continue
            intake.outcome(_OUTCOME, line, 0)
            bad = [f"{severity} {code}" for severity, code in issues if severity not in _NO_HARM]
            seen.update(bad[:1])
        for words, n in sorted(seen.items()):
            missing.append(Missing(_OUTCOME, f"{n} in {file.label}", f"export-error {words}"))
    return missing


def _lines(path: Path) -> Iterator[bytes]:
    with open_file(path) as stream:
        for raw in stream:
            if line := raw.strip(b" \t\r\n"):
                yield line


def _deleted(line: bytes) -> list[Key] | None:
    said = _json(line)
    entries = said.get("entry") if said is not None and said.get("resourceType") == "Bundle" else None
    if not isinstance(entries, list):
        return None
    keys = []
    for entry in entries:
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict) or request.get("method") != "DELETE":
            return None
        key = reference_key({"reference": request.get("url")})
        if key is None:
            return None
        keys.append(key)
    return keys


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
