"""``bedside view run`` on what cannot be read, and wrong command lines. Oracle: docs/command-line.md, docs/views.md."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.fixtures.view_inputs import (
    EVERYTHING,
    OBSERVATIONS,
    OTHERS,
    SECRET,
    bundle,
    lines,
    observation,
    one_object,
    run,
    separately,
    write,
    zstd,
)
from tests.functional.conftest import command

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
