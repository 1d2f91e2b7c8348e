"""Landed resources by the patient they are about, and what acceptance said of them. On site only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from analysis.arrival import patient_of
from flows.acceptance.findings import LANDING_LINE
from flows.landing.manifest import read_manifest
from flows.run_folder import RunFolder
from mappings.errors import DefinitionError

_FEW = 8


@dataclass(frozen=True)
class Landed:
    """One resource where it lies. ``line`` counts from 1; ``digest`` is of the line's bytes."""

    type: str
    id: str
    version: str
    patient: str | None
    file: str
    line: int
    digest: str
    resource: dict[str, Any]


def about(run: RunFolder, site: str, patients: Collection[str]) -> Iterator[Landed]:
    """What landed of a site about some patients, in the order of files and lines."""
    for one in _landed(run, site, patients):
        if one.patient in patients:
            yield one


def of_keys(run: RunFolder, site: str, keys: Collection[tuple[str, str]]) -> Iterator[Landed]:
    """What landed of a site under these types and ids."""
    for one in _landed(run, site, {id_ for _, id_ in keys}, {type_ for type_, _ in keys}):
        if (one.type, one.id) in keys:
            yield one


def _landed(run: RunFolder, site: str, ids: Collection[str], types: Collection[str] | None = None) -> Iterator[Landed]:
    folder = run.landing(site)
    manifest = read_manifest(folder) if folder.is_dir() else None
    if manifest is None:
        raise DefinitionError(f"what landed of site {site} is no longer there: {run.root} has no landing of it")
    # A line that holds none of the ids is not worth parsing, unless an id may be written with an escape.
    wanted = [id_.encode() for id_ in ids] if len(ids) <= _FEW else [b""]
    for file in sorted(manifest.files):
        if types is not None and file.type not in types:
            continue
        path = folder / file.name
        if not path.is_file():
            raise DefinitionError(f"{file.name}, which landed of site {site}, is no longer in {run.root}")
        yield from _lines(path, wanted)


def _lines(path: Path, wanted: list[bytes]) -> Iterator[Landed]:
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            if not (any(id_ in raw for id_ in wanted) or b"\\u" in raw):
                continue
            try:
                resource = orjson.loads(raw)
            except orjson.JSONDecodeError:
                continue  # in quarantine: no JSON is about nobody
            if not isinstance(resource, dict) or not isinstance(resource.get("id"), str):
                continue
            meta = resource.get("meta")
            version = str(meta.get("versionId", "")) if isinstance(meta, dict) else ""
            digest = hashlib.sha256(raw.rstrip(b"\n")).hexdigest()
            kind = str(resource.get("resourceType"))
            yield Landed(kind, resource["id"], version, patient_of(resource), path.name, number, digest, resource)


def quarantined(run: RunFolder, site: str) -> dict[tuple[str, int], str]:
    """Why each quarantined line of a site was not accepted, by landing file and line: the rules, and no value."""
    path = run.quarantine(site) / "OperationOutcome.ndjson"
    if not path.is_file():
        return {}
    found = {}
    with path.open("rb") as lines:
        for line in lines:
            said = json.loads(line)
            place = next(one["extension"] for one in said["extension"] if one["url"] == LANDING_LINE)
            at = {part["url"]: part.get("valueString", part.get("valuePositiveInt")) for part in place}
            found[at["file"], at["line"]] = "; ".join(issue["diagnostics"] for issue in said["issue"])
    return found
