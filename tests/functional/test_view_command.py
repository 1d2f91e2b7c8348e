"""``bedside view`` as people and scripts meet it.

Oracle for rows: the reference interpreter (mappings/interpreter.py) over the same resources parsed exactly; for what is
said: docs/command-line.md and docs/views.md; for conformance: the public suite.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import zstandard

from flows.acceptance.decimals import survives
from flows.sandbox.access import Access
from flows.sandbox.server import serve
from mappings import interpreter
from mappings.catalogue import load
from mappings.conformance import same_rows
from mappings.viewdefinition import parse_view
from tests.conftest import REPOSITORY, SHARED
from tests.functional.conftest import Said, command

SUITE = SHARED / "sql-on-fhir" / "tests"
OWN = "https://own.example/fhir"
SECRET = "Zyxwvut"

VIEW = {
    "resourceType": "ViewDefinition",
    "name": "results",
    "resource": "Observation",
    "where": [{"path": "status != 'cancelled'"}],
    "select": [
        {
            "column": [
                {"name": "id", "path": "getResourceKey()"},
                {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
                {"name": "value", "path": "value.ofType(Quantity).value"},
                {"name": "number", "path": "value.ofType(integer)"},
                {"name": "flag", "path": "value.ofType(boolean)"},
                {"name": "note", "path": "note.text", "collection": True},
                {"name": "lows", "path": "referenceRange.low.value", "collection": True},
            ]
        },
        {
            "forEach": "code.coding",
            "column": [{"name": "code", "path": "code"}, {"name": "display", "path": "display"}],
        },
    ],
}
SCHEMA = {
    "id": pa.string(), "patient": pa.string(), "value": pa.decimal128(38, 18), "number": pa.int64(), "flag": pa.bool_(),
    "note": pa.string(), "lows": pa.string(), "code": pa.string(), "display": pa.string(),
}  # fmt: skip


def observation(key: str, value: str, **more: Any) -> str:
    """An Observation as a server writes it: ``value`` keeps its digits."""
    coding = [{"code": "718-7", "display": f'{SECRET}, "line"\nbreak'}, {"code": "x"}]
    made = {
        "resourceType": "Observation", "id": key, "status": "final", "subject": {"reference": "Patient/p1"},
        "code": {"coding": coding, "text": SECRET}, **more,
    }  # fmt: skip
    text = json.dumps(made, ensure_ascii=False)
    return text[:-1] + f', "valueQuantity": {{"value": {value}, "unit": "g/dL"}}}}' if value else text


OBSERVATIONS = [
    observation("a", "13.2", note=[{"text": "é"}, {"text": 'quote " and , comma'}]),
    observation("b", "0.5", subject={"reference": f"{OWN}/Patient/p2"}),
    observation("c", "", valueInteger=-12, subject={"reference": "Group/g"}),
    observation("d", "", valueBoolean=False, subject={"display": SECRET}),
    observation("e", "", code={"text": "no coding"}),
    observation("f", "7", status="cancelled"),
    observation("g", "0", referenceRange=[{"low": {"value": 1.5}}, {"low": {"value": 0}}, {"text": "none"}]),
]
# No valid R4, and to be kept as they are by a view all the same.
ODD = [
    observation("h", "", code={"coding": [{"code": "", "display": "  "}]}, valueInteger=9_007_199_254_740_993),
    observation("i", "-0.000000000000000001", note=[]),
    observation("j", "12345678901234567000", note=[{"text": ""}]),
]
OTHERS = [
    json.dumps({"resourceType": "Patient", "id": "p1", "name": [{"family": SECRET}]}),
    json.dumps({"resourceType": "Organization", "id": "o1", "name": SECRET}),
    # An element of another shape than the view reads it as.
    json.dumps({"resourceType": "SearchParameter", "id": "s1", "code": SECRET, "status": "active"}),
]
EVERYTHING = [OTHERS[0], *OBSERVATIONS[:4], *OTHERS[1:], *OBSERVATIONS[4:]]


def lines(resources: list[str]) -> bytes:
    return "".join(one + "\n" for one in resources).encode()


def bundle(resources: list[str], indent: int | None = None) -> str:
    entries = ", ".join(f'{{"fullUrl": "urn:uuid:{n}", "resource": {one}}}' for n, one in enumerate(resources))
    text = f'{{"resourceType": "Bundle", "type": "collection", "entry": [{entries}]}}'
    return json.dumps(json.loads(text), indent=indent, ensure_ascii=False) if indent else text


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def expected(
    resources: list[str], view: dict[str, Any] = VIEW, bases: tuple[str, ...] = (), kept: Callable[[str], Any] = Decimal
) -> list[dict[str, Any]]:
    parsed = [json.loads(one, parse_float=kept) for one in resources]
    return list(interpreter.rows(parse_view(view), parsed, bases))


def read(path: Path, format_: str, listed: tuple[str, ...] = ("note", "lows")) -> list[dict[str, Any]]:
    """The rows of a file, with lists as lists and decimals exact."""
    if format_ == "parquet":
        return pa.parquet.read_table(path).to_pylist()
    if format_ == "arrow":
        with pa.ipc.open_file(path) as reader:
            return reader.read_all().to_pylist()
    if format_ == "ndjson":
        return [json.loads(line, parse_float=Decimal) for line in path.read_bytes().splitlines()]
    options = pa.csv.ConvertOptions(column_types=SCHEMA, strings_can_be_null=True, quoted_strings_can_be_null=False)
    parsing = pa.csv.ParseOptions(newlines_in_values=True)
    rows = pa.csv.read_csv(path, parse_options=parsing, convert_options=options).to_pylist()
    return [{k: json.loads(v, parse_float=Decimal) if k in listed else v for k, v in row.items()} for row in rows]


@pytest.fixture
def view(tmp_path: Path) -> Path:
    return write(tmp_path / "results.json", json.dumps(VIEW))


def run(view: object, source: object, out: object, *more: object) -> Said:
    return command("view", "run", view, "--source", source, "-o", out, *more)


def one_object(said: Said) -> dict[str, Any]:
    (line,) = said.out.splitlines()
    return dict(json.loads(line))


def separately(*arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, whose standard output takes bytes."""
    return subprocess.run(
        [sys.executable, "-c", "from flows.entry import console; console()", *map(str, arguments)],
        cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, timeout=200, check=False,
    )  # fmt: skip


# --- rows: every format, every kind of source ------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["parquet", "csv", "ndjson", "arrow"])
def test_every_format_holds_the_rows_of_the_interpreter(tmp_path: Path, view: Path, format_: str) -> None:
    source = write(tmp_path / "in" / "Observation.ndjson", lines(OBSERVATIONS + ODD))
    out = tmp_path / f"out.{format_}"
    said = run(view, source.parent, out)
    assert said.code == 0, said.err
    assert same_rows(read(out, format_), expected(OBSERVATIONS + ODD))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in", out.name, "results.json"]


def zstd(content: bytes) -> bytes:
    return zstandard.compress(content)


LAYOUTS: dict[str, Callable[[Path], object]] = {
    "lines": lambda d: write(d / "Observation.ndjson", lines(OBSERVATIONS)),
    "several files": lambda d: [write(d / f"Observation.{n}.ndjson", one) for n, one in enumerate(OBSERVATIONS)],
    "gzip": lambda d: write(d / "Observation.ndjson.gz", gzip.compress(lines(OBSERVATIONS))),
    "gzip of two members": lambda d: write(
        d / "Observation.000.ndjson.gz", gzip.compress(lines(OBSERVATIONS[:2])) + gzip.compress(lines(OBSERVATIONS[2:]))
    ),
    "zstd": lambda d: write(d / "Observation.ndjson.zst", zstd(lines(OBSERVATIONS))),
    "zstd of two frames": lambda d: write(
        d / "Observation.ndjson.zst", zstd(lines(OBSERVATIONS[:2])) + zstd(lines(OBSERVATIONS[2:]))
    ),
    "no newline at the end": lambda d: write(d / "Observation.ndjson", lines(OBSERVATIONS).rstrip(b"\n")),
    "Windows line ends": lambda d: write(d / "Observation.ndjson", lines(OBSERVATIONS).replace(b"\n", b"\r\n")),
    "blank lines": lambda d: write(d / "Observation.ndjson", b"\n" + lines(OBSERVATIONS).replace(b"\n", b"\n\n")),
    "byte order mark": lambda d: write(d / "Observation.ndjson", b"\xef\xbb\xbf" + lines(OBSERVATIONS)),
    "a name with a pattern": lambda d: write(d / "out[1]*?" / "Observation.ndjson", lines(OBSERVATIONS)),
    "a hidden-looking name": lambda d: write(d / "_export.ndjson", lines(OBSERVATIONS)),
    "all types in one file": lambda d: write(d / "export.ndjson", lines(EVERYTHING)),
    "all types, packed": lambda d: write(d / "export.jsonl.zst", zstd(lines(EVERYTHING))),
    "a file a type": lambda d: [
        write(d / "Observation.ndjson", lines(OBSERVATIONS)),
        write(d / "Patient.ndjson", "this file is not asked for"),
    ],
    "one Bundle": lambda d: write(d / "everything.json", bundle(EVERYTHING)),
    "Bundles a patient": lambda d: [
        write(d / "Ann_Example.json", bundle(EVERYTHING[:3], indent=2)),
        write(d / "Bob_Example.json.gz", gzip.compress(bundle(EVERYTHING[3:]).encode())),
    ],
    "Bundles as lines": lambda d: write(
        d / "bundles.ndjson", lines([bundle(EVERYTHING[:3]), bundle(EVERYTHING[3:5]), bundle(EVERYTHING[5:])])
    ),
    "a Bundle in a Bundle": lambda d: write(d / "b.json", bundle([bundle(EVERYTHING[:3]), *EVERYTHING[3:]])),
    "Bundles between lines": lambda d: write(
        d / "Observation.ndjson", lines([*EVERYTHING[:3], bundle(EVERYTHING[3:8]), *EVERYTHING[8:]])
    ),
    "one resource a file": lambda d: [
        write(d / f"{n}" / f"Observation-{n}.json", json.dumps(json.loads(one), indent=1))
        for n, one in enumerate(OBSERVATIONS)
    ],
    "lines called .json": lambda d: write(d / "Observation.json", lines(EVERYTHING)),
    "everything mixed": lambda d: [
        write(d / "Observation.ndjson", lines(EVERYTHING[:2])),
        write(d / "b.json.zst", zstd(bundle(EVERYTHING[2:4]).encode())),
        write(d / "rest.ndjson.gz", gzip.compress(lines(EVERYTHING[4:]))),
        write(d / "empty.ndjson", ""),
    ],
}


ONLY_OBSERVATIONS = {*list(LAYOUTS)[:12], "a file a type", "one resource a file"}
LOST = [{"path": "subject", "reason": reason, "n": 1} for reason in ("absolute", "display only", "other type")]


ALSO_EXACT = ("lines", "zstd of two frames", "Bundles between lines", "one resource a file", "everything mixed")


@pytest.mark.parametrize(
    ("layout", "exact"), [*((name, False) for name in LAYOUTS), *((name, True) for name in ALSO_EXACT)]
)
def test_every_source_gives_the_rows_of_the_interpreter(tmp_path: Path, view: Path, layout: str, exact: bool) -> None:
    source = tmp_path / "in"
    LAYOUTS[layout](source)
    out = tmp_path / "out.parquet"
    said = run(view, source, out, "--json", *(["--exact"] if exact else []))
    assert said.code == 0, said.err
    assert same_rows(read(out, "parquet"), expected(OBSERVATIONS))
    told = one_object(said)
    counts = {"read": 7, "with_rows": 5, "removed_by_where": 1, "empty_for_each": 1}
    assert (told["rows"], told["resources"], told["out"]) == (10, counts, str(out))
    others = dict.fromkeys(("Organization", "Patient", "SearchParameter"), 1)
    assert told["other_types"] == ({} if layout in ONLY_OBSERVATIONS else others)
    assert told["references_without_key"] == LOST
    if exact:
        assert told["accepted"] == {"landed": 7, "accepted": 7, "quarantined": 0, "reasons": {}}


def test_a_standard_view_is_called_by_its_name(tmp_path: Path) -> None:
    source = write(tmp_path / "Observation.ndjson", lines(OBSERVATIONS))
    said = run("observation", source, tmp_path / "out.ndjson", "--base", OWN)
    assert said.code == 0, said.err
    wanted = list(interpreter.rows(load("observation"), map(json.loads, OBSERVATIONS), (OWN,)))
    assert same_rows(read(tmp_path / "out.ndjson", "ndjson"), wanted)


def test_an_own_address_gives_keys(tmp_path: Path, view: Path) -> None:
    source = write(tmp_path / "Observation.ndjson", lines(OBSERVATIONS))
    said = run(view, source, tmp_path / "out.parquet", "--base", OWN, "--json")
    assert same_rows(read(tmp_path / "out.parquet", "parquet"), expected(OBSERVATIONS, bases=(OWN,)))
    assert [one["reason"] for one in one_object(said)["references_without_key"]] == ["display only", "other type"]


def test_views_of_bundles_read_bundles(tmp_path: Path) -> None:
    column = [{"name": "type", "path": "type"}, {"name": "n", "path": "entry.resource.exists()"}]
    view = {"name": "b", "resource": "Bundle", "select": [{"column": column[:1]}]}
    write(tmp_path / "in" / "a.ndjson", lines([bundle(OBSERVATIONS), *OTHERS]))
    write(tmp_path / "in" / "b.json", bundle(OBSERVATIONS[:1], indent=1))
    said = run(write(tmp_path / "b.view.json", json.dumps(view)), tmp_path / "in", tmp_path / "out.ndjson")
    assert said.code == 0, said.err
    assert read(tmp_path / "out.ndjson", "ndjson") == [{"type": "collection"}] * 2


def test_nothing_of_the_type_is_a_file_without_rows_that_is_said(tmp_path: Path, view: Path) -> None:
    for n, content in enumerate((lines(OTHERS), b"")):
        source = write(tmp_path / f"{n}" / "Patient.ndjson", content)
        for format_ in ("parquet", "csv", "ndjson", "arrow"):
            out = tmp_path / f"out.{format_}"
            said = run(view, source.parent, out)
            assert said.code == 0, said.err
            assert "the source holds no Observation" in said.out
            if format_ != "csv":
                assert read(out, format_) == []
    assert (tmp_path / "out.csv").read_text().startswith('"id","patient",')
    assert pa.parquet.read_schema(tmp_path / "out.parquet").names == list(SCHEMA)


@pytest.mark.parametrize("exact", [[], ["--exact"]])
def test_other_json_in_a_folder_is_left_alone_and_said(tmp_path: Path, view: Path, exact: list[str]) -> None:
    write(tmp_path / "in" / "Observation.ndjson", lines(OBSERVATIONS))
    write(tmp_path / "in" / "COUNTS.json", '{"Observation": {"count": 7}}')
    said = run(view, tmp_path / "in", tmp_path / "out.parquet", "--json", *exact)
    assert said.code == 0, said.err
    assert one_object(said)["not_fhir"] == ["file 1 of 2"]
    assert same_rows(read(tmp_path / "out.parquet", "parquet"), expected(OBSERVATIONS))


def test_an_earlier_file_is_replaced_whole(tmp_path: Path, view: Path) -> None:
    out = write(tmp_path / "out.csv", "old")
    os.link(out, tmp_path / "kept")
    assert run(view, write(tmp_path / "Observation.ndjson", lines(OBSERVATIONS)), out).code == 0
    assert same_rows(read(out, "csv"), expected(OBSERVATIONS))
    assert (tmp_path / "kept").read_text() == "old"


# --- standard output -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["csv", "ndjson", "arrow"])
@pytest.mark.parametrize("name", ["Observation.ndjson", "export.ndjson"])
def test_rows_stream_to_standard_output_and_all_else_goes_to_standard_error(
    tmp_path: Path, view: Path, format_: str, name: str
) -> None:
    source = write(tmp_path / name, lines(EVERYTHING if name == "export.ndjson" else OBSERVATIONS))
    done = separately("view", "run", view, "--source", source, "-o", "-", "--to", format_)
    assert done.returncode == 0, done.stderr
    if format_ == "arrow":
        with pa.ipc.open_stream(done.stdout) as reader:
            found = reader.read_all().to_pylist()
    else:
        found = read(write(tmp_path / "stream", done.stdout), format_)
    assert same_rows(found, expected(OBSERVATIONS))
    assert b"results: 10 rows in standard output" in done.stderr


def test_decimals_are_plain_numbers_without_needless_zeros(tmp_path: Path, view: Path) -> None:
    numbers = ["1.10", "0.0", "-0.000000000000000001", "1E+3", "12345678901234567890.123456789012345678", "100", "1e-7"]
    plain = ["1.1", "0", "-0.000000000000000001", "1000", "12345678901234567890.123456789012345678", "100", "0.0000001"]
    source = write(tmp_path / "Observation.ndjson", lines([observation(f"o{n}", v) for n, v in enumerate(numbers)]))
    for format_, pattern in (("ndjson", rb'"value":([^,]*),'), ("csv", rb'^"o\d",[^,]*,"([^"]*)"')):
        out = tmp_path / f"out.{format_}"
        assert run(view, source, out, "--exact").code == 0
        assert [one.decode() for one in re.findall(pattern, out.read_bytes(), re.MULTILINE)][::2] == plain


# --- decimals and acceptance -----------------------------------------------------------------------------------------

BOUNDARIES = {
    "name": "boundaries",
    "resource": "Observation",
    "select": [
        {
            "column": [
                {"name": "id", "path": "id"},
                {"name": "value", "path": "value.ofType(Quantity).value"},
                {"name": "low", "path": "value.ofType(Quantity).value.lowBoundary()"},
            ]
        }
    ],
}


def test_exact_keeps_every_digit_and_the_default_says_that_it_may_not(tmp_path: Path) -> None:
    view = write(tmp_path / "view.json", json.dumps(BOUNDARIES))
    resources = [observation("a", "1.10"), observation("b", "1.1"), observation("c", "12345678901234567.123456789")]
    source = write(tmp_path / "Observation.ndjson", lines(resources))
    exact, plain = (run(view, source, tmp_path / "out.parquet", *more) for more in (["--exact"], []))
    assert "decimals were read as doubles" not in exact.text
    assert "decimals were read as doubles" in plain.err
    run(view, source, tmp_path / "exact.parquet", "--exact")
    found = read(tmp_path / "exact.parquet", "parquet")
    assert same_rows(found, expected(resources, BOUNDARIES))
    assert found[0]["low"] != found[1]["low"]
    # As a double reads them, which is what the sentence is about.
    as_double = expected(resources, BOUNDARIES, kept=lambda number: Decimal(repr(float(number))))
    assert [row["value"] for row in read(tmp_path / "out.parquet", "parquet")] == [row["value"] for row in as_double]


def test_exact_quarantines_what_is_no_fhir_and_counts_it(tmp_path: Path, view: Path) -> None:
    bad = [
        observation("x", "1", status=7),
        observation("y", "", valueInteger="many"),
        '{"resourceType": "Observation", "id": ',
        "null",
        observation("a", "9", meta={"lastUpdated": "2020-01-01T00:00:00Z"}),
    ]
    newer = observation("a", "10", meta={"lastUpdated": "2021-01-01T00:00:00Z"})
    source = write(tmp_path / "Observation.ndjson", lines([*OBSERVATIONS[1:], *bad, newer]))
    said = run(view, source, tmp_path / "out.parquet", "--exact", "--json")
    assert said.code == 0, said.err
    judged = one_object(said)["accepted"]
    assert (judged["landed"], judged["accepted"], judged["quarantined"]) == (12, 7, 5)
    assert judged["reasons"]["superseded-version"] == 1
    assert judged["reasons"]["not-json"] == 1
    assert sum(judged["reasons"].values()) == 5
    assert same_rows(read(tmp_path / "out.parquet", "parquet"), expected([*OBSERVATIONS[1:], newer]))
    assert SECRET not in said.text


# --- what cannot be read is never passed over ------------------------------------------------------------------------

GOOD = lines(OBSERVATIONS)
FAULTY: dict[str, tuple[str, bytes, str]] = {
    "a line cut off": (
        "Observation.ndjson",
        GOOD + b'{"resourceType": "Observation", "id": "Zyx',
        "Observation.ndjson, line 8: no JSON",
    ),
    "a line of something else": ("Observation.ndjson", b"Zyxwvut\n" + GOOD, "Observation.ndjson, line 1: no JSON"),
    "a null line": ("Observation.ndjson", GOOD + b"null\n", "Observation.ndjson, line 8: no FHIR resource in JSON"),
    "a list": ("Observation.ndjson", b'["Zyxwvut"]\n' + GOOD, "Observation.ndjson, line 1: no FHIR resource"),
    "no type": ("Observation.ndjson", b'{"id": "Zyxwvut"}\n' + GOOD, "line 1: no FHIR resource"),
    "a type that is none": ("export.ndjson", b'{"resourceType": "Zyx wvut 7"}\n' + GOOD, "line 1: no FHIR resource"),
    "a wrong shape": (
        "Observation.ndjson",
        GOOD + b'{"resourceType": "Observation", "valueQuantity": "Zyxwvut"}\n',
        "Observation.ndjson, line 8: Observation.valueQuantity is no object",
    ),
    "a wrong shape in lines of all types": (
        "export.ndjson",
        lines(OTHERS) + b'{"resourceType": "Observation", "code": {"coding": {"code": "Zyxwvut"}}}\n',
        "line 4: Observation.code.coding is no list",
    ),
    "no whole number": (
        "Observation.ndjson",
        b'{"resourceType": "Observation", "valueInteger": "Zyxwvut"}\n' + GOOD,
        "line 1: Observation.valueInteger is no whole number",
    ),
    "no number": (
        "Observation.ndjson",
        observation("o", '"Zyxwvut"').encode(),
        "Observation.ndjson, line 1: Observation.valueQuantity.value is no number",
    ),
    "too long a number": (
        "Observation.ndjson",
        GOOD + observation("o", "1" + "0" * 30).encode(),
        "line 8: Observation.valueQuantity.value has more than 20 digits before the point",
    ),
    "an element twice": (
        "Observation.ndjson",
        GOOD + b'{"resourceType": "Observation", "status": "Zyxwvut", "status": "final"}\n',
        "line 8: an element is there twice",
    ),
    "a gzip file cut off": ("Observation.ndjson.gz", gzip.compress(GOOD)[:-20], "Observation.ndjson.gz ends too early"),
    "a zstd file cut off": ("Observation.ndjson.zst", zstd(GOOD)[:-20], "Observation.ndjson.zst ends too early"),
    "a private name": ("Ann_Zyxwvut.ndjson.zst", zstd(GOOD)[:-9], "file 1 of 1 ends too early"),
    "a zstd file without its last frame's end": (
        "Observation.ndjson.zst", zstd(GOOD) + zstd(GOOD)[:9], "Observation.ndjson.zst ends too early"
    ),
    "no gzip": ("Observation.ndjson.gz", GOOD, "Observation.ndjson.gz cannot be read"),
    "no zstd": ("Observation.ndjson.zst", GOOD, "Observation.ndjson.zst cannot be unpacked"),
    "a Bundle cut off": ("Ann_Zyxwvut.json", bundle(EVERYTHING)[:-3].encode(), "file 1 of 1 is no JSON, or is cut off"),
    "a Bundle of something else": (
        "Ann_Zyxwvut.json", b'{"resourceType": "Bundle", "entry": ["Zyxwvut"]}', "is no JSON"
    ),
    "an entry without type": (
        "x.json", bundle([*OBSERVATIONS, '{"id": "Zyxwvut"}']).encode(), "file 1 of 1, resource 8: no FHIR"
    ),
    "a wrong shape in a Bundle": (
        "x.json",
        bundle([*OBSERVATIONS, '{"resourceType": "Observation", "note": "Zyxwvut"}']).encode(),
        "line 8: Observation.note is no list",
    ),
    "another encoding": ("Observation.ndjson", GOOD.decode().encode("latin-1"), "Observation.ndjson, line 1: no JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTY)
def test_what_cannot_be_read_is_4_with_its_place_and_without_a_value(tmp_path: Path, view: Path, case: str) -> None:
    name, content, sentence = FAULTY[case]
    write(tmp_path / "in" / name, content)
    out = write(tmp_path / "out" / "out.parquet", "old")
    said = run(view, tmp_path / "in", out)
    assert said.code == 4, said.text
    assert sentence in said.err
    assert SECRET not in said.text
    assert [(one.name, one.read_text()) for one in out.parent.iterdir()] == [("out.parquet", "old")]


def test_a_stream_that_breaks_off_is_4(tmp_path: Path, view: Path) -> None:
    source = write(tmp_path / "Observation.ndjson", GOOD + b'{"resourceType": "Observation", "note": "Zyxwvut"}\n')
    done = separately("view", "run", view, "--source", source, "-o", "-", "--to", "csv")
    assert done.returncode == 4
    assert b"line 8: Observation.note is no list" in done.stderr


def test_several_values_are_2_and_name_the_path(tmp_path: Path) -> None:
    view = {"name": "v", "resource": "Observation", "select": [{"column": [{"name": "c", "path": "code.coding.code"}]}]}
    source = write(tmp_path / "Observation.ndjson", GOOD)
    said = run(write(tmp_path / "v.json", json.dumps(view)), source, tmp_path / "out.csv")
    assert said.code == 2
    assert "select[0].column[0]" in said.err
    assert not (tmp_path / "out.csv").exists()


# --- a server --------------------------------------------------------------------------------------------------------


def served(tmp_path: Path, resources: list[str]) -> Path:
    return write(tmp_path / "served" / "all.ndjson", lines(resources)).parent


@pytest.mark.parametrize("exact", [False, True])
def test_a_server_is_asked_for_every_page_of_the_type(tmp_path: Path, view: Path, exact: bool) -> None:
    many = [observation(f"o{n}", f"{n}.5") for n in range(1200)]
    with serve(served(tmp_path, many + OTHERS)) as base:
        own = [observation("mine", "", subject={"reference": f"{base}/Patient/p9"})]
        write(tmp_path / "served" / "more.ndjson", lines(own))
        with serve(tmp_path / "served") as again:
            own_base = again
            said = run(view, again, tmp_path / "out.parquet", "--json", "--base", base, *(["--exact"] if exact else []))
    assert said.code == 0, said.err
    assert same_rows(read(tmp_path / "out.parquet", "parquet"), expected(many + own, bases=(own_base, base)))
    told = one_object(said)
    assert told["resources"]["read"] == told["received"]["landed"] == 1201
    assert told["references_without_key"] == []


def test_a_servers_own_address_gives_keys(tmp_path: Path, view: Path) -> None:
    folder = served(tmp_path, OBSERVATIONS)
    with serve(folder) as base:
        pass
    port = int(base.rsplit(":", 1)[1].split("/")[0])
    own = [observation("mine", "", subject={"reference": f"{base}/Patient/p9"})]
    write(folder / "all.ndjson", lines(own))
    with serve(folder, port=port) as again:
        assert run(view, again, tmp_path / "out.parquet").code == 0
    assert {row["patient"] for row in read(tmp_path / "out.parquet", "parquet")} == {"p9"}


def test_a_server_that_asks_for_a_credential_gets_it_from_the_sites_file(
    tmp_path: Path, view: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIEW_TOKEN", "let-me-in")
    with serve(served(tmp_path, OBSERVATIONS), access=Access.bearer("let-me-in")) as base:
        sites = write(
            tmp_path / "sites.toml",
            f'[[site]]\nid = "here"\nbase = "{base}"\nauth = {{ kind = "bearer", token = "env:VIEW_TOKEN" }}\n',
        )
        refused = run(view, base, tmp_path / "out.parquet")
        said = run(view, base + "/", tmp_path / "out.parquet", "--sites", sites)
        other = run(view, "https://other.example", tmp_path / "out2.parquet", "--sites", sites)
    assert refused.code == 3
    assert said.code == 0, said.err
    assert same_rows(read(tmp_path / "out.parquet", "parquet"), expected(OBSERVATIONS))
    assert (other.code, "no site with the base https://other.example" in other.err) == (2, True)
    assert "let-me-in" not in refused.text + said.text + other.text


def test_a_server_that_cannot_be_reached_is_3(tmp_path: Path, view: Path, no_waits: None) -> None:
    said = run(view, "http://127.0.0.1:9/fhir", tmp_path / "out.parquet")
    assert (said.code, "cannot be reached" in said.err) == (3, True)


# --- wrong command lines ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("observatoin", "--source", "in", "-o", "out.csv"), 2, "did you mean observation?"),
        (("views/none.json", "--source", "in", "-o", "out.csv"), 2, "there is no view file views/none.json"),
        (("observation", "--source", "in", "-o", "out.csv", "--to", "parquette"), 2, "did you mean parquet?"),
        (("observation", "--source", "in", "-o", "out.txt"), 2, "the ending of out.txt tells no format"),
        (("observation", "--source", "in", "-o", "-"), 2, "say --to csv, ndjson or arrow"),
        (("observation", "--source", "in", "-o", "-", "--to", "parquet"), 2, "Parquet cannot be streamed"),
        (("observation", "--source", "in", "-o", "none/out.csv"), 2, "there is no folder none"),
        (("observation", "--source", "in", "-o", "in", "--to", "csv"), 2, "in is a folder"),
        (("observation", "--source", "none", "-o", "out.csv"), 3, "there is no file or folder none"),
        (("observation", "--source", "empty", "-o", "out.csv"), 3, "holds no .ndjson or .json file"),
        (("observation", "--source", "in/notes.txt", "-o", "out.csv"), 2, "ends neither in .ndjson"),
        (("observation", "--source", "in", "-o", "out.csv", "--engine", "dukdb"), 2, "did you mean duckdb?"),
        (("observation", "--source", "in", "-o", "out.csv", "--master", "local"), 2, "--engine spark"),
        (("observation", "--source", "in", "-o", "out.csv", "--sites", "s.toml"), 2, "--sites is for a server"),
        (("observation", "-o", "out.csv"), 2, "Missing option '--source'"),
        (("observation", "--source", "in"), 2, "Missing option '--out'"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    write(tmp_path / "in" / "Observation.ndjson", GOOD)
    write(tmp_path / "in" / "notes.txt", "")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    plain, scripted = command("view", "run", *arguments), command("view", "run", *arguments, "--json")
    assert plain.code == scripted.code == code
    assert plain.err.startswith("bedside: ")
    assert sentence in plain.err
    assert one_object(scripted)["exit_code"] == code
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", ["run", "check", "explain", "conformance"])
def test_every_option_is_in_the_documentation(name: str) -> None:
    said = command("view", name, "--help")
    page = (REPOSITORY / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert f"`bedside view {name} " in page
    options = set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", said.out, re.MULTILINE)) - {"--help"}
    assert [option for option in sorted(options) if not re.search(rf"`[^`]*{option}\b", page)] == []


# --- check -----------------------------------------------------------------------------------------------------------


def changed(edit: Callable[[dict[str, Any]], object]) -> str:
    made = copy.deepcopy(VIEW)
    edit(made)
    return json.dumps(made)


FAULTS: dict[str, tuple[str, str, str]] = {
    "an unknown element": (
        changed(lambda v: v["select"][0]["column"][0].update(path="subjekt.reference")),
        "select[0].column[0].path", "did you mean subject?",
    ),
    "a wrong type": (
        changed(lambda v: v["select"][0]["column"][2].update(type="boolean")),
        "select[0].column[2].type", "gives decimal",
    ),
    "a column twice": (
        changed(lambda v: v["select"][1]["column"][0].update(name="ID")),
        "select[1].column[0].name", "is a column already",
    ),
    "a key that is not known": (changed(lambda v: v["select"][1].update(foreach="x")), "select[1].foreach", "forEach"),
    "a structure as a column": (
        changed(lambda v: v["select"][0]["column"][0].update(path="code")),
        "select[0].column[0].path", "holds single values",
    ),
    "what only the compiler finds": (
        changed(lambda v: v.update(where=[{"path": "category = code"}])), "where[0]", "compare"
    ),
    "no JSON": (json.dumps(VIEW, indent=1).replace('"where"', "where", 1), ":5", "is no JSON"),
    "a key twice": ('{"resource": "Patient", "select": [], "select": []}', "", "select is there twice"),
    "a list": ("[]", "", "is no JSON object"),
}  # fmt: skip


def test_check_says_every_fault_of_every_view_with_file_and_place(tmp_path: Path, view: Path) -> None:
    files = [write(tmp_path / f"{n}.json", FAULTS[name][0]) for n, name in enumerate(FAULTS)]
    said = command("view", "check", view, *files, "observation")
    assert said.code == 2
    assert f"{len(files)} of {len(files) + 2} views cannot be used" in said.err
    assert [line.split(":")[0] for line in said.out.splitlines()] == [str(view), "observation"]
    for file, (_, where, message) in zip(files, FAULTS.values(), strict=True):
        (line,) = [one for one in said.err.splitlines() if one.strip().startswith(f"{file}:")]
        assert where in line
        assert message in line
    scripted = command("view", "check", view, *files, "--json")
    told = one_object(scripted)
    assert (scripted.code, told["outcome"], told["exit_code"]) == (2, "error", 2)
    assert [len(one["problems"]) for one in told["views"]] == [0] + [1] * len(files)
    assert told["views"][1]["problems"][0]["field"] == "select[0].column[0].path"


def test_check_of_right_views_is_0(view: Path) -> None:
    said = command("view", "check", view, "patient", "--json")
    assert said.code == 0
    assert [(one["resource"], one["columns"]) for one in one_object(said)["views"]] == [
        ("Observation", 9),
        ("Patient", 7),
    ]
    assert "no fault found; 9 columns of Observation" in command("view", "check", view).out


def test_the_view_in_the_documentation_is_right(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "views.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    said = command("view", "check", write(tmp_path / "view.json", written))
    assert said.code == 0, said.err


# --- explain ---------------------------------------------------------------------------------------------------------


def test_explain_says_columns_elements_and_sql(view: Path) -> None:
    said = command("view", "explain", view)
    assert said.code == 0, said.err
    rows = [re.split(r" {2,}", line.strip()) for line in said.out.splitlines()]
    assert ["value", "decimal", "decimal", "value.ofType(Quantity).value"] in rows
    assert ["note", "list of text", "markdown", "note.text"] in rows
    assert ["code", "text", "code", "code", "in forEach code.coding"] in rows
    tree = said.out.split("elements read:\n")[1].split("\n\n")[0].splitlines()
    assert tree[:4] == ["  code", "    coding[]", "      code: text", "      display: text"]
    assert "  valueInteger: integer" in tree
    assert 'FROM "resources"' in said.out.split("SQL (duckdb):")[1]
    told = one_object(command("view", "explain", view, "--json"))
    assert [column["name"] for column in told["columns"]] == list(SCHEMA)
    assert told["reads"]["code"] == {"coding[]": {"code": "text", "display": "text"}}
    assert told["reads"]["referenceRange[]"] == {"low": {"value": "decimal"}}
    assert told["sql"].startswith("SELECT")


def test_explain_says_that_a_repeat_is_read_level_by_level(tmp_path: Path) -> None:
    view = {
        "name": "items",
        "resource": "QuestionnaireResponse",
        "select": [{"repeat": ["item", "answer.item"], "column": [{"name": "link", "path": "linkId"}]}],
    }
    said = command("view", "explain", write(tmp_path / "v.json", json.dumps(view)))
    assert said.code == 0, said.err
    assert "in repeat item, answer.item" in said.out
    assert "the SQL shown is for one level" in said.out
    assert "  item: list of JSON" in said.out


# --- conformance -----------------------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize("engine", ["duckdb", "reference"])
def test_the_public_suite_passes_and_the_report_has_the_public_form(tmp_path: Path, engine: str) -> None:
    report = tmp_path / "test_report.json"
    said = command("view", "conformance", SUITE, "--engine", engine, "--report", report)
    assert said.code == 0, said.err
    files = sorted(SUITE.glob("*.json"))
    suites = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files}
    assert json.loads(report.read_text()) == {
        name: {"tests": [{"name": case["title"], "result": {"passed": True}} for case in suite["tests"]]}
        for name, suite in suites.items()
    }
    cases = sum(len(suite["tests"]) for suite in suites.values())
    assert re.search(rf"^in all +{cases} of +{cases} passed on {engine}$", said.out, re.MULTILINE)


SUITE_OF_FAILURES = {
    "title": "failing",
    "resources": [json.loads(one, parse_float=str) for one in (OBSERVATIONS[0], OTHERS[0])],
    "tests": [
        {"title": "right", "view": VIEW, "expectCount": 2},
        {
            "title": "refused",
            "view": {"resource": "Observation", "select": [{"column": []}], "where": 7},
            "expectError": True,
        },
        {"title": "too many", "view": VIEW, "expect": []},
        {"title": "another value", "view": VIEW, "expect": [{"id": "a"}, {"id": "a"}]},
        {"title": "count", "view": VIEW, "expectCount": 3},
        {"title": "columns", "view": VIEW, "expectCount": 2, "expectColumns": ["id"]},
        {"title": "no error", "view": VIEW, "expectError": True},
        {"title": "an error", "view": {"resource": "Observatoin", "select": []}, "expectCount": 1},
    ],
}


@pytest.mark.parametrize("engine", ["duckdb", "reference"])
def test_failing_cases_are_listed_and_4(tmp_path: Path, engine: str) -> None:
    write(tmp_path / "suite" / "failing.json", json.dumps(SUITE_OF_FAILURES))
    report = tmp_path / "report.json"
    said = command("view", "conformance", tmp_path / "suite", "--engine", engine, "--report", report)
    assert said.code == 4
    assert f"6 of 8 cases fail on {engine}" in said.err
    assert re.search(r"^failing\.json +2 of +8 passed$", said.out, re.MULTILINE)
    entries = json.loads(report.read_text())["failing.json"]["tests"]
    assert [entry["result"]["passed"] for entry in entries] == [True] * 2 + [False] * 6
    reasons = [entry["result"].get("reason", "") for entry in entries][2:]
    assert reasons[:5] == [
        "2 rows instead of 0",
        "other values than expected",
        "2 rows instead of 3",
        f"columns {', '.join(SCHEMA)} instead of id",
        "an error is expected, and there are 2 rows",
    ]
    assert "did you mean Observation?" in reasons[5]
    told = one_object(command("view", "conformance", tmp_path / "suite", "--engine", engine, "--json"))
    assert (told["exit_code"], told["cases"], told["passed"]) == (4, 8, 2)
    assert [one["test"] for one in told["failing"]] == [case["title"] for case in SUITE_OF_FAILURES["tests"][2:]]


@pytest.mark.parametrize(
    ("content", "more", "sentence"),
    [
        ("{}", (), "resources: is missing"),
        ("[", (), "is no JSON"),
        (json.dumps(SUITE_OF_FAILURES), ("--engine", "refrence"), "did you mean reference?"),
        (json.dumps(SUITE_OF_FAILURES), ("--report", "none/report.json"), "the report cannot be written"),
        (None, (), "holds no .json file"),
    ],
)
def test_conformance_of_something_else_is_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, more: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite").mkdir()
    if content is not None:
        write(tmp_path / "suite" / "x.json", content)
    said = command("view", "conformance", "suite", *more)
    assert (said.code, sentence in said.err) == (2, True)


# --- Spark -----------------------------------------------------------------------------------------------------------


@pytest.mark.spark
def test_spark_gives_the_rows_of_the_interpreter(tmp_path: Path, view: Path) -> None:
    write(tmp_path / "in" / "export.ndjson.gz", gzip.compress(lines(EVERYTHING[:4])))
    write(tmp_path / "in" / "_b[1].json", bundle(EVERYTHING[4:]))
    out = tmp_path / "out.parquet"
    spark = ("--engine", "spark", "--master", "local[2]")
    done = separately(
        "view", "run", view, "--source", tmp_path / "in", "-o", out, *spark, "--json", SPARK_LOCAL_IP="127.0.0.1"
    )
    assert done.returncode == 0, done.stderr
    assert same_rows(read(out, "parquet"), expected(OBSERVATIONS))
    told = json.loads(done.stdout)
    assert told["resources"] == {"read": 7, "with_rows": 5, "removed_by_where": 1, "empty_for_each": 1}
    assert told["references_without_key"] == LOST
    assert told["decimals"] == "exact"


def test_the_numbers_of_these_tests_are_kept_by_doubles() -> None:
    assert all(survives(number) for one in OBSERVATIONS for number in re.findall(rb'"value": ([-0-9.]+)', one.encode()))
