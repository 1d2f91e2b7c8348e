"""Which files a view reads and how. Oracle: what was packed, and the zstandard library's own reading of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.landing.folder import SourceFile, files_of
from flows.viewing.files import Spool, engine_paths, lines_of, sorted_out, whole_frames
from mappings.errors import UnusableDataError

OBSERVATION = b'{"resourceType": "Observation", "id": "o"}'
PATIENT = b'{"resourceType": "Patient", "id": "p"}'
BUNDLE = b'{"resourceType": "Bundle", "entry": [{"resource": ' + OBSERVATION + b"}]}"
PRETTY = OBSERVATION.replace(b", ", b",\n ")
LONG = b'{"resourceType": "Observation", "text": "' + b"x" * 70_000 + b'"}'


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("Observation.ndjson", OBSERVATION, "direct"),
        ("Observation.000.ndjson.gz", gzip.compress(OBSERVATION, mtime=0), "direct"),
        ("Observation.ndjson", LONG + b"\n" + OBSERVATION, "direct"),
        ("Observation.ndjson", b"no JSON at all", "direct"),  # the engine refuses it, and then its line is named
        ("Observation.ndjson", b"", ""),
        ("Observation.ndjson", b" \r\n\n", ""),
        ("Observation.ndjson", b"\xef\xbb\xbf" + OBSERVATION, "spooled"),
        ("Observation.ndjson", BUNDLE, "spooled"),
        ("Patient.ndjson", OBSERVATION, ""),
        ("Bundle.ndjson", BUNDLE + b"\n" + BUNDLE, "spooled"),
        ("export-1.jsonl", PATIENT + b"\n" + OBSERVATION, "direct"),
        ("export.json", OBSERVATION, "spooled"),
        ("export.json", PRETTY, "spooled"),
        ("export.json", OBSERVATION + b"\n" + PATIENT, "direct"),
        ("export.json", BUNDLE + b"\n" + BUNDLE, "spooled"),
        ("Patient-7.json", BUNDLE, "spooled"),  # a patient's Bundle under a patient's name
        ("Patient.json", PATIENT + b"\n" + PATIENT, ""),
        ("Observation.json", OBSERVATION + b"\n" + OBSERVATION, "direct"),
    ],
)
def test_how_a_file_is_read(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    direct, spooled = sorted_out(files_of(tmp_path), "Observation")
    assert ("direct" if direct else "spooled" if spooled else "") == kind


def test_a_view_of_bundles_reads_them_as_lines(tmp_path: Path) -> None:
    (tmp_path / "Bundle.ndjson").write_bytes(BUNDLE)
    (tmp_path / "one.json").write_bytes(BUNDLE)
    direct, spooled = sorted_out(files_of(tmp_path), "Bundle")
    assert ([file.path.name for file in direct], [file.path.name for file in spooled]) == (
        ["Bundle.ndjson"],
        ["one.json"],
    )
    spool = Spool(tmp_path / "spool", "Bundle", lenient=False)
    spool.documents(spooled[0])
    assert [path.read_bytes() for path in spool.close()] == [BUNDLE.replace(b": ", b":").replace(b", ", b",") + b"\n"]


def test_a_lenient_spool_keeps_what_is_no_resource_and_counts_other_types(tmp_path: Path) -> None:
    file = SourceFile(tmp_path / "x.ndjson", "x.ndjson", "Unknown")
    file.path.write_bytes(b"\n".join([PATIENT, b"null", BUNDLE, OBSERVATION, b"{"]))
    spool = Spool(tmp_path / "spool", "Observation", lenient=True)
    spool.lines(file)
    (written,) = spool.close()
    assert [len(line) for line in written.read_bytes().splitlines()] == [4, len(OBSERVATION) - 3, len(OBSERVATION), 1]
    assert spool.others == {"Patient": 1}
    with pytest.raises(UnusableDataError, match=r"x\.ndjson, line 2: no FHIR resource"):
        Spool(tmp_path / "strict", "Observation", lenient=False).lines(file)


def test_lines_are_numbered_as_an_editor_does(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_bytes(b"\xef\xbb\xbf\n{}\r\n\n  {} \n")
    assert list(lines_of(SourceFile(path, "x", "Unknown"))) == [(2, b"{}"), (4, b"{}")]


def test_a_path_an_engine_would_take_for_a_pattern_gets_a_link(tmp_path: Path) -> None:
    names = ["a b.ndjson", "a[1].ndjson.gz", "_a.ndjson", "é?.ndjson", "a*.ndjson"]
    files = [tmp_path / name for name in names]
    for file in files:
        file.write_bytes(file.name.encode())
    paths = engine_paths([("x", file) for file in files], tmp_path / "links")
    assert [Path(path).read_bytes().decode() for path in paths] == names
    assert [Path(path).parent.name for path in paths] == [tmp_path.name] + ["links"] * 4
    assert paths[1].endswith(".ndjson.gz")
    assert not any(set("[]*?") & set(path) for path in paths)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """One or more zstd frames, as different writers make them, with skippable ones between."""
    made = b""
    for content in draw(st.lists(st.binary(max_size=2000) | st.just(b"a" * 400_000), min_size=1, max_size=3)):
        checksum, size = draw(st.booleans()), draw(st.booleans())
        compressor = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=size)
        made += compressor.compress(content) if draw(st.booleans()) else compressor.compress(content[:3])
        if draw(st.booleans()):
            made += b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"
    return made


@settings(max_examples=60, deadline=None)
@given(frames(), st.data())
def test_a_zstd_file_is_whole_only_where_a_frame_ends(
    tmp_path_factory: pytest.TempPathFactory, packed: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "frames.zst"
    path.write_bytes(packed)
    assert whole_frames(path)
    cut = packed[: data.draw(st.integers(1, len(packed) - 1))]
    path.write_bytes(cut)
    assert whole_frames(path) == (_ends_whole(packed, len(cut)))


def _ends_whole(packed: bytes, cut: int) -> bool:
    """Whether a frame ends at ``cut``: the library's decompressor says what of its input it left unused."""
    at = 0
    while at < cut:
        if packed[at + 1 : at + 4] == b"\x2a\x4d\x18" and packed[at] >> 4 == 5:
            at += 8 + int.from_bytes(packed[at + 4 : at + 8], "little")
            continue
        frame = zstandard.ZstdDecompressor().decompressobj()
        frame.decompress(packed[at:])
        at = len(packed) - len(frame.unused_data)
    return at == cut


def test_what_is_no_zstd_is_left_to_the_engine(tmp_path: Path) -> None:
    for content in (b"", b"{}{}{}", OBSERVATION):
        path = tmp_path / "x.zst"
        path.write_bytes(content)
        assert whole_frames(path)
