"""``bedside view run``: the rows of every source in every format. Oracle: the reference interpreter; docs/views.md."""

from __future__ import annotations

import gzip
import json
import os
import re
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from flows.acceptance.decimals import survives
from flows.sandbox.access import Access
from flows.sandbox.server import serve
from mappings import interpreter
from mappings.catalogue import load
from mappings.conformance import same_rows
from tests.fixtures.view_inputs import (
    EVERYTHING,
    OBSERVATIONS,
    ODD,
    OTHERS,
    OWN,
    SCHEMA,
    SECRET,
    bundle,
    expected,
    lines,
    observation,
    one_object,
    read,
    run,
    separately,
    write,
    zstd,
)

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
