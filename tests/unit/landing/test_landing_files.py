"""Writers, manifest, log and intake. Oracle: hashlib and the file system; the ledger's equation."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flows.client.bundle import entry_of
from flows.landing.bulk_log import BulkLog
from flows.landing.intake import Intake, Resource
from flows.landing.manifest import Manifest, Missing, TypeCount, read_manifest, write_manifest
from flows.landing.writer import NdjsonWriter, TypeWriters
from mappings.errors import DefinitionError


def test_writer_hash_lines_and_bytes_are_the_files(tmp_path: Path) -> None:
    workshop = tmp_path / "workshop"
    workshop.mkdir()
    writer = NdjsonWriter(workshop, tmp_path, "Patient.000.ndjson", "Patient")
    writer.write(b'{"a":1}\n', 1)
    writer.write('{"b":"é"}\n{}\n'.encode(), 2)
    assert not (tmp_path / "Patient.000.ndjson").exists()
    said = writer.close()
    content = (tmp_path / "Patient.000.ndjson").read_bytes()
    assert said.sha256 == hashlib.sha256(content).hexdigest()
    assert (said.lines, said.bytes) == (content.count(b"\n"), len(content)) == (3, 22)
    assert (tmp_path / "Patient.000.ndjson").stat().st_mode & 0o777 == 0o600
    assert list(workshop.iterdir()) == []


@pytest.mark.parametrize("full", [False, True])
def test_files_are_gone_on_with_from_where_they_are_known_to_be(tmp_path: Path, full: bool) -> None:
    """What was written after the last sync is cut off, also of a file that was full and moved since."""
    workshop = tmp_path / "workshop"
    workshop.mkdir()
    lines = [b'{"n":%d}' % n for n in range(5)]
    whole = TypeWriters(workshop, tmp_path)
    whole.write("Patient", lines)
    expected = whole.close()
    before = (tmp_path / "Patient.000.ndjson").read_bytes()
    (tmp_path / "Patient.000.ndjson").unlink()

    cut = TypeWriters(workshop, tmp_path, max_bytes=25 if full else 100)
    cut.write("Patient", lines[:2])
    known = cut.sync()
    cut.write("Patient", [b'{"lost":1}'])
    assert (tmp_path / "Patient.000.ndjson").exists() == full
    cut.discard()
    after = TypeWriters(workshop, tmp_path, known)
    after.write("Patient", lines[2:])
    assert after.close() == expected
    assert (tmp_path / "Patient.000.ndjson").read_bytes() == before


def test_type_writers_begin_a_new_file_when_one_is_full(tmp_path: Path) -> None:
    writers = TypeWriters(tmp_path, tmp_path, max_bytes=10)
    for n in range(5):
        writers.write("Patient", [b'{"n":%d}' % n])
    writers.write("Device", [b"{}"])
    files = writers.close()
    assert [(f.name, f.lines) for f in files] == [
        ("Device.000.ndjson", 1),
        ("Patient.000.ndjson", 2),
        ("Patient.001.ndjson", 2),
        ("Patient.002.ndjson", 1),
    ]
    together = b"".join((tmp_path / f.name).read_bytes() for f in files if f.type == "Patient")
    assert [json.loads(line)["n"] for line in together.splitlines()] == [0, 1, 2, 3, 4]


resources = st.fixed_dictionaries(
    {"resourceType": st.sampled_from(["Patient", "Observation", "../x", "", "patient"])},
    optional={
        "id": st.sampled_from(["a", "b", "é\n"]),
        "meta": st.fixed_dictionaries({"versionId": st.sampled_from(["1", "2"])}),
        "note": st.text(max_size=5),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(items=st.lists(st.tuples(resources, st.sampled_from(["land", "out", "outcome"])), max_size=12))
@example(items=[({"resourceType": t, "id": "a", "meta": {"versionId": "1"}}, "land") for t in ("", "../x")])
def test_every_entry_is_accounted_for(items: list[tuple[dict[str, object], str]], tmp_path: Path) -> None:
    for old in tmp_path.iterdir():
        old.unlink()
    intake = Intake(TypeWriters(tmp_path, tmp_path))
    for resource, kind in items:
        entry = entry_of(resource, json.dumps(resource).encode())
        if kind == "land":
            intake.land([Resource(entry.type, entry.id, entry.version, entry.text)])
        elif kind == "out":
            intake.leave_out(entry.type, "outside-cohort")
        else:
            intake.outcome("Patient", b'{"issue":[{"severity":"error"}]}', 1)
    files = intake.close()
    assert sum(count.received for count in intake.types.values()) == len(items)
    assert all(count.balanced for count in intake.types.values())
    for type_, count in intake.types.items():
        assert sum(file.lines for file in files if file.type == type_) == count.landed
    keys = [
        (r["resourceType"], r["id"], r["meta"]["versionId"])  # type: ignore[index]
        for r, kind in items
        if kind == "land" and "id" in r and "meta" in r
    ]
    without = {json.dumps(r) for r, kind in items if kind == "land" and not ("id" in r and "meta" in r)}
    assert sum(count.landed for count in intake.types.values()) == len(set(keys)) + len(without)
    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} <= {"Patient", "Observation", "Unknown"}


def test_same_id_without_version_is_a_duplicate_only_when_the_text_is_the_same(tmp_path: Path) -> None:
    intake = Intake(TypeWriters(tmp_path, tmp_path))
    texts = [("Patient", b'{"x":1}'), ("Patient", b'{"x":1}'), ("Patient", b'{"x":2}'), ("Device", b'{"x":1}')]
    assert intake.land([Resource(type_, "a", "", text) for type_, text in texts]) == [True, False, True, True]
    intake.close()


def test_hashes_are_put_away_before_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.landing.intake._MANY", 3)
    kept: list[bytes] = []

    def put_away() -> None:
        kept.extend(intake.fresh)
        intake.fresh.clear()

    intake = Intake(None, put_away=put_away)
    for n in range(7):
        intake.land([Resource("Patient", f"p{n}", "1", b"{}")])
    assert (len(kept), len(intake.fresh)) == (6, 1)


def test_intake_without_a_folder_counts_only(tmp_path: Path) -> None:
    intake = Intake(None)
    intake.land([Resource("Patient", "a", "1", b"{}")])
    assert (intake.count("Patient").landed, intake.close()) == (1, ())


def test_outcome_keeps_codes_and_no_sentence() -> None:
    intake = Intake(None)
    outcome = {"issue": [{"severity": "warning", "code": "processing", "diagnostics": "Jane"}, 5, {"code": "J D"}]}
    intake.outcome("Observation", json.dumps(outcome).encode(), 4)
    assert intake.outcomes == [
        {"severity": "warning", "code": "processing", "type": "Observation", "search": 4},
        {"severity": "", "code": "", "type": "Observation", "search": 4},
    ]


def manifest() -> Manifest:
    return Manifest(
        site="north",
        method="search",
        scope="cohort",
        filters_sha256="f",
        plan_sha256="p",
        complete=False,
        patients=2,
        missing=(Missing("Observation", "page 3 of search 7", "page-loop"),),
        types={"Observation": TypeCount(received=3, matches=3, landed=2, not_asked={"include": 1})},
        files=(),
        outcomes=({"severity": "warning", "code": "processing", "type": "Observation", "search": 7},),
    )


def test_manifest_reads_back_and_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest())
    assert read_manifest(tmp_path) == manifest()
    said = json.loads((tmp_path / "manifest.json").read_bytes())
    assert {
        "format", "site", "method", "scope", "filters_sha256", "plan_sha256", "complete", "missing", "types", "files",
        "outcomes",
    } <= set(said)  # fmt: skip
    assert said["missing"] == [{"type": "Observation", "what": "page 3 of search 7", "reason": "page-loop"}]


def test_manifest_of_another_format_is_refused(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    (tmp_path / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(DefinitionError, match="another format"):
        read_manifest(tmp_path)


def test_log_line_form_and_duration(tmp_path: Path) -> None:
    times = [datetime(2024, 1, 1, 0, 0, second, tzinfo=UTC) for second in range(9)]
    log = BulkLog(tmp_path, now=lambda: times.pop(0), export_id="x")
    log.note("a search of Observation expired at page 2; it is begun again")
    log.complete(files=1, resources=2, size=3)
    log.close()
    first, last = (json.loads(line) for line in (tmp_path / "log.ndjson").read_text().splitlines())
    assert first["timestamp"] == "2024-01-01T00:00:01.000+00:00"
    assert last["eventDetail"] == {"files": 1, "resources": 2, "bytes": 3, "attachments": None, "duration": 2000}
    assert timedelta(seconds=2) == times[0] - datetime(2024, 1, 1, 0, 0, 2, tzinfo=UTC)
