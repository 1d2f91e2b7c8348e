"""Finding and loading a study's sample script. Oracle: the contract in docs/architecture.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.sample import find_sample, load_sample, write_sample
from mappings.errors import DefinitionError

SCRIPT = """
from dataclasses import dataclass

@dataclass
class Line:
    text: str

def write(out, patients, seed, progress):
    (out / "Patient.ndjson").write_text(Line(f"{patients} {seed}").text)
    progress("patients", 1, 1)
    return {"Patient": 1}
"""


def test_a_study_of_the_working_directory_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tmp_path / "studies" / "li2023"
    study.mkdir(parents=True)
    (study / "sample.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    assert write_sample("li2023", tmp_path / "out", 3, 4) == {"Patient": 1}
    assert (tmp_path / "out" / "Patient.ndjson").read_text() == "3 4"


def test_the_repositorys_studies_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_sample("li2023").is_file()


@pytest.mark.parametrize("name", ["nowhere", "../li2023", "", "li2023/codes"])
def test_an_unknown_name_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(DefinitionError, match="li2023"):
        find_sample(name)


def test_a_script_without_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "sample.py").write_text("made = 1\n")
    with pytest.raises(DefinitionError, match="no function write"):
        load_sample(find_sample("one", [tmp_path]))


def test_fewer_than_one_patient_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="at least 1"):
        write_sample("li2023", tmp_path, patients=0)
