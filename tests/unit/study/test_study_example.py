"""The pages docs/study-file.md and docs/sites-file.md. Oracle: the models they describe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from analysis.plan import describe, plan
from analysis.study.load import load_study
from analysis.study.model import PopulationStudy, Study
from flows.sites import Site, load_sites
from flows.study_folder import read
from mappings.errors import DefinitionError
from tests.unit.study.folders import DOCS, REPOSITORY, example, fences, write


def test_the_example_of_the_page_is_a_whole_study(tmp_path: Path) -> None:
    text, files = example()
    folder = read(write(tmp_path, text, files))
    assert isinstance(folder.study, Study)
    assert [arm.label for arm in folder.study.arm] == ["Coated stent", "Bare stent"]
    assert folder.codes["coated-stent"].contains("https://hospital.example/devices", "COATED-2")
    assert folder.maps["smoking"].translate("https://hospital.example/answers", "FORMER") == "ever"
    assert set(folder.hashes) == {"study.toml", *files} - {"sites.toml"}
    assert describe(plan(folder.study, folder.codes, folder.tokens))
    assert load_sites(files["sites.toml"]).sites[0].folder == "data"


def test_a_study_is_read_from_its_folder_or_its_file(tmp_path: Path) -> None:
    text, files = example()
    folder = write(tmp_path, text, files)
    assert read(folder) == read(folder / "study.toml")


def test_the_hash_of_a_folder_changes_with_any_of_its_files(tmp_path: Path) -> None:
    text, files = example()
    before = read(write(tmp_path, text, files)).sha256
    assert read(write(tmp_path, text, files)).sha256 == before
    other = {**files, "codes/bare-stent.json": files["codes/bare-stent.json"].replace("BARE-1", "BARE-2")}
    assert read(write(tmp_path, text, other)).sha256 != before


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_a_study_is_said_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DefinitionError, match=r"study\.toml"):
        read(tmp_path / name)


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    text, files = example()
    folder = write(tmp_path, text, files)
    (folder / "codes" / "angina.json").write_bytes(b'{"title": "\xe4"}')
    with pytest.raises(DefinitionError, match=r"codes/angina\.json: is not UTF-8"):
        read(folder)


def test_the_first_study_loads_clean() -> None:
    folder = read(REPOSITORY / "studies" / "li2023")
    assert isinstance(folder.study, Study)
    assert folder.expected is not None
    assert set(folder.codes) == set(folder.study.lists)


def test_the_population_example_loads() -> None:
    page = (DOCS / "study-file.md").read_text(encoding="utf-8")
    text = next(t for t in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[population]" in t)
    study = load_study(text, "study.toml", {}).study
    assert isinstance(study, PopulationStudy)
    assert [(s.type, s.parameters, s.by) for s in plan(study, {}).searches] == [
        ("Patient", (), ""),
        ("Condition", (), ""),
        ("Observation", (), ""),
    ]


def _keys(model: type[BaseModel]) -> Iterator[str]:
    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, Mapping):
            yield from node.get("properties", {})
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    yield from walk(model.model_json_schema(by_alias=True))


@pytest.mark.parametrize(
    ("page", "model"), [("study-file.md", Study), ("study-file.md", PopulationStudy), ("sites-file.md", Site)]
)
def test_every_key_of_the_language_is_on_its_page(page: str, model: type[BaseModel]) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    # The window's inner parts are written as one text.
    missing = sorted({key for key in _keys(model) if not re.search(rf"\b{key}\b", text)} - {"high_at_cutoff"})
    assert missing == []


def test_the_sites_page_has_an_example_that_loads() -> None:
    page = (DOCS / "sites-file.md").read_text(encoding="utf-8")
    sites = load_sites(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0]).sites
    assert [site.id for site in sites] == ["north", "south", "west", "archive"]
    assert (sites[1].limits.requests_per_second, sites[1].limits.parallel) == (1, 2)
    assert fences("sites-file.md") == {}
