"""The data of a run as hashes, by its manifests and by the bytes that lie there.

Oracles: docs/release.md (one is the other as long as nothing was touched); the snapshot's own hash.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.fingerprints import data_as_it_lies, data_of
from flows.landing.manifest import Manifest, TypeCount, write_manifest
from flows.landing.snapshot import Snapshot
from flows.landing.writer import NdjsonWriter
from flows.run_folder import RunFolder


def landed(root: Path, snapshot: bool, *lines: bytes) -> RunFolder:
    """A run of one site whose landing holds these lines in two files, as landed or as a snapshot."""
    run = RunFolder(root)
    folder = run.landing("alpha")
    folder.mkdir(parents=True)
    files = []
    for number, line in enumerate(lines):
        writer = NdjsonWriter(folder, folder, f"Patient.{number:03d}.ndjson", "Patient")
        writer.write(line + b"\n", 1)
        files.append(writer.close())
    made = Snapshot(folder, tuple(files))
    said = {"snapshot_sha256": made.sha256} if snapshot else None
    counts = {"Patient": TypeCount(len(lines), len(lines), len(lines))}
    write_manifest(folder, Manifest("alpha", "search", "cohort", "", "", True, 2, (), counts, made.files, (), (), said))
    return run


@pytest.mark.parametrize("snapshot", [False, True], ids=["landed", "snapshot"])
def test_untouched_bytes_have_the_hash_of_the_manifest_and_touched_ones_another(tmp_path: Path, snapshot: bool) -> None:
    run = landed(tmp_path, snapshot, b'{"id":"1"}', b'{"id":"2"}')
    said = data_of(run)
    assert list(said) == ["alpha"]
    assert data_as_it_lies(run) == said
    file = run.landing("alpha") / "Patient.001.ndjson"
    before = file.read_bytes()
    file.write_bytes(before.replace(b"2", b"3"))
    assert data_as_it_lies(run) != said
    assert data_of(run) == said
    file.write_bytes(before)
    assert data_as_it_lies(run) == said
    file.unlink()
    assert data_as_it_lies(run) != said


def test_the_numbering_of_landed_files_does_not_count(tmp_path: Path) -> None:
    one = landed(tmp_path / "one", False, b'{"id":"1"}', b'{"id":"2"}')
    other = landed(tmp_path / "other", False, b'{"id":"2"}', b'{"id":"1"}')
    assert data_as_it_lies(one) == data_as_it_lies(other) == data_of(one)
