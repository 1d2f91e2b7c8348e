"""What a lock and a signature are about, as hashes: the files of a study, the data of a run by site."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from flows.landing.manifest import Manifest, read_manifest
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


def _data_sha256(manifest: Manifest) -> str:
    if manifest.incremental is not None:
        return str(manifest.incremental["snapshot_sha256"])
    text = "".join(sorted(f"{file.type}\0{file.sha256}\n" for file in manifest.files))
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
