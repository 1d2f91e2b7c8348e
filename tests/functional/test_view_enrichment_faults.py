"""Faults in what `bedside view run` is asked to add: said before any data are read. Oracle: docs/views.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fixtures.measured_view import LOINC, ZONE
from tests.fixtures.view_inputs import one_object, run, write

FAULTS: dict[str, tuple[list[str], list[str]]] = {
    "zone alone": (["--zone", ZONE], ["--zone: says in which zone a day is: say --intervals too"]),
    "zone": (["--intervals", "--zone", "Europe/Berlim"], ["no time zone's name", "did you mean Europe/Berlin?"]),
    "zone of a path": (["--intervals", "--zone", "../etc/x"], ["no time zone's name"]),
    "unit column": (["--unit", "value:unit_cod:g"], ["column unit_cod that is not there; did you mean unit_code?"]),
    "value column": (["--unit", "valu:unit:g"], ["column valu that is not there; did you mean value?"]),
    "no number": (["--unit", "id:unit:g"], ["column id, which holds no number but string"]),
    "no text": (["--unit", "value:whole:g"], ["column whole, which holds no text but int64"]),
    "no unit": (["--unit", "value:unit:gramme"], ["'gramme' is no UCUM unit"]),
    "no conversion": (["--unit", "value"], ["--unit value: ", "VALUE_COLUMN:UNIT_COLUMN:UNIT"]),
    "twice": (["--unit", "value:unit:g", "--unit", "value:unit_code:g"], ["two columns value_in_g"]),
    "no file": (["--member", "system:code:gone.json"], ["there is no file gone.json"]),
    "no name": (["--member", "system:code:gone.json:in-list"], ["no file gone.json:in-list (a NAME behind it"]),
    "folder": (["--member", "system:code:."], ["the file . cannot be read"]),
    "address": (["--translate", "system:code:https://x.org/m.json"], ["https://x.org/m.json is an address"]),
    "no parts": (["--member", "system:code"], ["SYSTEM_COLUMN:CODE_COLUMN:FILE", "FILE is a ValueSet"]),
    "no code": (["--translate", "system::x.json"], ["SYSTEM_COLUMN:CODE_COLUMN:FILE", "FILE is a ConceptMap"]),
    "code column": (["--member", "system:cod:blood.json"], ["column cod that is not there; did you mean code?"]),
    "system column": (["--translate", "value:code:g.json"], ["column value, which holds no text"]),
    "list column": (["--member", ":days:blood.json"], ["column days, which holds lists"]),
    "taken": (["--member", "system:code:blood.json:Issued"], ["two columns Issued"]),
    "added twice": (["--member", "system:code:blood.json", "--member", ":code:blood.json"], ["columns Blood_values"]),
    "a map": (["--member", "system:code:g.json"], ["g.json: resourceType: must be ValueSet"]),
    "a list": (["--translate", "system:code:blood.json"], ["blood.json: resourceType: must be ConceptMap"]),
    "not written out": (
        ["--member", "system:code:whole.json"],
        ["whole.json: compose.include[0]: a whole code system"],
    ),
    "words": (["--member", "system:code:words.json"], ["holds words for free text and no code"]),
    "no JSON": (["--member", "system:code:broken.json"], ["broken.json:2: "]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_said_before_any_data_are_read(
    tmp_path: Path, measured: Path, asked: list[object], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.chdir(tmp_path)  # where `asked` has put its files
    texts = {"resourceType": "ValueSet", "compose": {"include": [{"system": "urn:bedside:text"}]}}
    texts["compose"]["include"][0]["concept"] = [{"code": "liver"}]  # type: ignore[index]
    write(tmp_path / "words.json", json.dumps(texts))
    whole = {"resourceType": "ValueSet", "compose": {"include": [{"system": LOINC}]}}
    write(tmp_path / "whole.json", json.dumps(whole))
    write(tmp_path / "broken.json", '{"resourceType":\n')
    options, said_of_it = FAULTS[fault]
    said = run(measured, tmp_path / "no such source", tmp_path / "out.parquet", *options)
    assert said.code == 2, said.text
    assert all(words in said.err for words in said_of_it), said.err


def test_every_fault_is_said_at_once_and_dates_are_asked_of_a_view_that_has_some(tmp_path: Path) -> None:
    column = [
        {"name": "id", "path": "id"},
        {"name": "days", "path": "extension.value.ofType(date)", "collection": True},
    ]
    view = write(tmp_path / "v.json", json.dumps({"name": "v", "resource": "Basic", "select": [{"column": column}]}))
    more = ("--zone", "Mars", "--unit", "x:id:g", "--member", ":y:gone.json", "--translate", "z")
    said = run(view, tmp_path / "none", tmp_path / "o.csv", "--intervals", *more, "--json")
    assert said.code == 2
    told = one_object(said)["message"].splitlines()
    assert [line.split(":")[0].strip() for line in told[1:]] == [
        "--zone Mars",
        "--intervals",
        "--unit x",
        "--translate z",
        "--member",
    ]
    assert "no column of type date, dateTime or instant" in told[2]
