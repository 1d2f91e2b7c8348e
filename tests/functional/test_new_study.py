"""``bedside study new``: the template is a study but for its blanks.

Oracle: ``bedside study check`` and ``prove`` on the template with its blanks filled, and a plain search for the blanks.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest

from analysis.study.model import Study
from analysis.study.schema import study_schema
from flows.cli.app import invoke
from flows.new_study import new_study
from flows.study_cases import prove, read_cases
from flows.study_folder import read
from mappings.errors import DefinitionError
from tests.unit.study.test_study_schema import as_json

DATES = {
    "its date, 2024-02-01 without quotes": "2024-02-01",
    "first index day, 2020-01-01 without quotes": "2020-01-01",
    "last index day": "2022-12-31",
    "nothing after this day is used, 2023-12-31 without quotes": "2023-12-31",
}


def fill(folder: Path) -> None:
    """Fill every blank: dates as dates, a system as an address, anything else with a word of its own."""
    words: dict[str, str] = {}

    def filled(match: re.Match[str]) -> str:
        asked = match[1]
        if asked in DATES:
            return DATES[asked]
        if "code system" in asked:
            return '"https://hospital.example/codes"'
        return f'"word{words.setdefault(asked, str(len(words)))}"'

    for path in sorted(folder.rglob("*")):
        if path.is_file():
            path.write_text(re.sub(r'"FILL IN: ([^"]*)"', filled, path.read_text()))


def blank_lines(folder: Path) -> set[tuple[str, int]]:
    return {
        (str(path.relative_to(folder)), number)
        for path in folder.rglob("*")
        if path.is_file()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if '"FILL IN: ' in line
    }


def test_every_blank_is_named_with_its_line_and_nothing_else(tmp_path: Path) -> None:
    new_study(tmp_path / "mine")
    with pytest.raises(DefinitionError) as caught:
        read(tmp_path / "mine")
    told = {(problem.file, problem.line) for problem in caught.value.problems}
    assert told == blank_lines(tmp_path / "mine")
    assert all(problem.message.startswith("is still to be filled in: ") for problem in caught.value.problems)


def test_one_blank_left_is_the_one_fault(tmp_path: Path) -> None:
    new_study(tmp_path / "mine")
    file = tmp_path / "mine" / "codes" / "diagnosis.json"
    before = file.read_text()
    fill(tmp_path / "mine")
    file.write_text(file.read_text().replace('"code": "', '"code": "FILL IN: ').replace("FILL IN: word", "FILL IN: w"))
    assert before.count("FILL IN") == 2
    with pytest.raises(DefinitionError, match=r"one fault:\n  codes/diagnosis.json:10: is still to be filled in"):
        read(tmp_path / "mine")


def test_filled_in_it_is_a_locked_study_of_real_data_and_its_cases_hold(tmp_path: Path) -> None:
    new_study(tmp_path / "mine")
    fill(tmp_path / "mine")
    folder = read(tmp_path / "mine")
    assert isinstance(folder.study, Study)
    head, plan = folder.study.study, folder.study.analysis
    assert (head.id, head.data, plan.release, folder.study.disclosure.min_count) == ("mine", "real", "locked", 5)
    assert [verdict.differences for verdict in prove(folder, read_cases(folder))] == [(), ()]
    document = as_json((tmp_path / "mine" / "study.toml").read_text())
    assert jsonschema_rs.Draft202012Validator(study_schema()).is_valid(document)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.toml").write_text("kept")
    with pytest.raises(DefinitionError, match="is there already: nothing is overwritten"):
        invoke(["study", "new", str(tmp_path / "mine")])
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["study.toml"]
    assert (tmp_path / "mine" / "study.toml").read_text() == "kept"


def test_a_name_that_is_no_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="small letters"):
        invoke(["study", "new", str(tmp_path / "My Study")])
    assert list(tmp_path.iterdir()) == []


def test_json_lists_what_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["study", "new", str(tmp_path / "mine"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    written = {str(p.relative_to(tmp_path / "mine")) for p in (tmp_path / "mine").rglob("*") if p.is_file()}
    assert set(said["files"]) == written
    assert "study.toml" in written
