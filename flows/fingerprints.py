"""What a lock and a signature are about, as hashes: the files of a study, the data of a run by site."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flows.landing.manifest import Manifest, read_manifest
from flows.landing.snapshot import Snapshot
from flows.landing.writer import LandedFile
from flows.run_folder import RunFolder


def data_of(run: RunFolder) -> dict[str, str]:
    """SHA-256 of what landed, by site.

    Of a snapshot its own hash; else of the hashes of all landed files, so that their numbering does not count. A server
    that answers in another order gives another hash: ``--since`` keeps snapshots, which have one order.
    """
    found = {}
    for folder in sorted((run.root / "landing").iterdir()):
        manifest = read_manifest(folder) if folder.is_dir() else None
        if manifest is not None:
            found[manifest.site] = _data_sha256(manifest)
    return found


def data_as_it_lies(run: RunFolder) -> dict[str, str]:
    """The same of the bytes that lie there now: equal to `data_of` as long as no landed file was touched."""
    found = {}
    for folder in sorted((run.root / "landing").iterdir()):
        manifest = read_manifest(folder) if folder.is_dir() else None
        if manifest is not None:
            files = tuple(replace(file, sha256=sha256_of(folder / file.name)) for file in manifest.files)
            snapshot = manifest.incremental is not None
            found[manifest.site] = Snapshot(folder, files).sha256 if snapshot else _files_sha256(files)
    return found


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, "" where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _data_sha256(manifest: Manifest) -> str:
    if manifest.incremental is not None:
        return str(manifest.incremental["snapshot_sha256"])
    return _files_sha256(manifest.files)


def _files_sha256(files: Sequence[LandedFile]) -> str:
    text = "".join(sorted(f"{file.type}\0{file.sha256}\n" for file in files))
    return hashlib.sha256(text.encode()).hexdigest()


def differences(before: Mapping[str, str], now: Mapping[str, str], what: str) -> Iterator[str]:
    """Sentences on what is not as it was, in the order of names; ``what`` stands before each name, for instance
    ``the file``."""
    for name in sorted({*before, *now}):
        if name not in now:
            yield f"{what} {name} is no longer there"
        elif name not in before:
            yield f"{what} {name} was not there"
        elif before[name] != now[name]:
            yield f"{what} {name} has changed"
