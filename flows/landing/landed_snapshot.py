"""A site's snapshot as the landing of a run: the same files, and a manifest that says what they stand on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.landing.bulk_log import NAME as LOG_NAME
from flows.landing.manifest import NAME as MANIFEST_NAME
from flows.landing.manifest import Manifest, Missing, TypeCount, write_manifest
from flows.landing.snapshot import Snapshot, link_or_copy
from flows.run_folder import private_folder
from flows.store import State

METHOD = "incremental"
_HAPPENED = ("added", "changed", "deleted", "left", "unreferenced")
APPLIED = "applied.json"


def land_snapshot(
    landing: Path, delta: Path, extract: Manifest, snapshot: Snapshot, state: State, done: Sequence[str]
) -> Manifest:
    """Land a snapshot that is up to date. ``done`` names the deltas that this command applied, ``delta`` the last."""
    said = json.loads((delta / APPLIED).read_bytes())
    records = {name: json.loads((delta.parent / name / APPLIED).read_bytes()) for name in done}
    manifest = replace(
        extract,
        method=METHOD,
        patients=said["patients"],
        types=_counts(snapshot, extract.types),
        files=snapshot.files,
        warnings=tuple(said["warnings"]),
        incremental=_stands_on(state, records),
    )
    return _land(landing, snapshot.folder, delta, manifest)


def land_delta(
    landing: Path,
    delta: Path,
    extract: Manifest,
    snapshot: Snapshot | None,
    state: State | None,
    done: Sequence[str],
) -> Manifest:
    """Land what there is where something is missing: the snapshot as it was, or what came where there is none yet."""
    if snapshot is None or state is None:
        return _land(landing, delta, delta, extract)
    records = {name: json.loads((delta.parent / name / APPLIED).read_bytes()) for name in done}
    named = {missing.type for missing in extract.missing}
    manifest = replace(
        extract,
        method=METHOD,
        patients=json.loads((delta.parent / state.snapshot / APPLIED).read_bytes())["patients"],
        missing=(*extract.missing, *(Missing(t, "changes since the snapshot", "not-applied") for t in sorted(named))),
        types=_counts(snapshot, extract.types),
        files=snapshot.files,
        incremental=_stands_on(state, records),
    )
    return _land(landing, snapshot.folder, delta, manifest)


def snapshot_lines(manifest: Manifest) -> list[str]:
    """What people are told of a landed snapshot: what happened to it. No ids."""
    said = manifest.incremental
    if said is None:
        return []
    lines = []
    for applied in said["applied"]:
        totals = {name: sum(counts[name] for counts in applied["types"].values()) for name in _HAPPENED}
        happened = ", ".join(f"{n:,} {name}" for name, n in totals.items() if n) or "nothing changed"
        lines.append(f"{manifest.site}: extract {applied['delta']}: {happened}")
    if not manifest.complete:
        lines.append(f"{manifest.site}: not brought up to date: the snapshot is that of extract {said['snapshot']}")
    return lines


def _counts(snapshot: Snapshot, asked: Iterable[str]) -> dict[str, TypeCount]:
    """The ledger's arrival half: what the snapshot holds has been received once and landed."""
    lines = snapshot.lines
    return {
        type_: TypeCount(
            received=lines.get(type_, 0),
            matches=lines.get(type_, 0),
            landed=lines.get(type_, 0),
            distinct=lines.get(type_, 0),
        )
        for type_ in sorted({*lines, *asked})
    }


def _stands_on(state: State, records: dict[str, Any]) -> dict[str, Any]:
    return {
        "snapshot": state.snapshot,
        "snapshot_sha256": state.sha256,
        "kickoff": state.kickoff,
        "server_time": state.server_time,
        "watermarks": dict(state.watermarks),
        "deltas": list(state.deltas),
        "applied": [
            {
                "delta": name,
                "types": record["applied"],
                "since": record["asking"]["since"],
                "refetched": record["asking"]["refetched"],
                "deletions": record["asking"]["deletions"],
            }
            for name, record in records.items()
        ],
    }


def _land(landing: Path, source: Path, delta: Path, manifest: Manifest) -> Manifest:
    private_folder(landing).chmod(0o700)
    # The manifest goes first: without it the folder counts as unfinished whatever else is there.
    for old in (landing / MANIFEST_NAME, *landing.glob("*.ndjson")):
        old.unlink(missing_ok=True)
    for file in manifest.files:
        link_or_copy(source / file.name, landing / file.name)
    shutil.copyfile(delta / LOG_NAME, landing / LOG_NAME)
    (landing / LOG_NAME).chmod(0o600)
    write_manifest(landing, manifest)
    return manifest
