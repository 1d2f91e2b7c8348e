"""What makes a site another source of data. Oracle: the table in docs/quality-history.md."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows.data_origin import origin_sha256, same_sites, same_views
from flows.job import prepare
from flows.sites import load_sites
from tests.conftest import REPOSITORY

STUDY = REPOSITORY / "studies" / "li2023"
BASE = 'base = "https://fhir.example.org/r4"'


def origin(text: str, folder: Path = Path("/somewhere")) -> str:
    """Of the one site of a sites file that lies in ``folder``."""
    made = load_sites(f'[[site]]\nid = "north"\n{text}\n', folder=folder)
    return origin_sha256(made, made.sites[0])


@pytest.mark.parametrize(
    "text",
    [
        'base = "https://fhir.example.org/r5"',
        'folder = "data"',
        'sandbox = "li2023"',
        f'{BASE}\nmethod = "bulk"',
        f'{BASE}\nmethod = "bulk"\ngroup = "g1"',
        f'{BASE}\nmethod = "bulk"\nbulk = {{ type_filter = false }}',
        f'{BASE}\nsearch = {{ parameters = {{ Observation = "category=laboratory" }} }}',
        f'{BASE}\nsearch = {{ cohort = "ids.txt" }}',
    ],
)
def test_another_source(text: str) -> None:
    assert origin(text) != origin(BASE)


@pytest.mark.parametrize(
    "more",
    [
        'name = "North University"',
        'method = "search"',
        'timezone = "Europe/Berlin"',
        "page_size = 50",
        "limits = { parallel = 4 }",
        "search = { ids_per_request = 1, post = true }",
        'auth = { kind = "bearer", token = "env:TOKEN" }',
        'deaths = { source = "register", complete_to = 2025-01-01 }',
        "checks = { thresholds = { code_system_recognised = 20 } }",
        "max_fall_percent = 20",
        "bulk = { hours = 3 }",
    ],
)
def test_the_same_source(more: str) -> None:
    assert origin(f"{BASE}\n{more}") == origin(BASE)


def test_a_group_is_another_source_than_another_group() -> None:
    assert origin(f'{BASE}\nmethod = "bulk"\ngroup = "g1"') != origin(f'{BASE}\nmethod = "bulk"\ngroup = "g2"')


def test_a_folder_is_where_it_lies(tmp_path: Path) -> None:
    assert origin('folder = "data"', tmp_path / "study") == origin('folder = "study/data"', tmp_path)
    assert origin('folder = "data"', tmp_path / "a") != origin('folder = "data"', tmp_path / "b")


def test_it_stands_in_the_run_beside_its_inputs(tmp_path: Path) -> None:
    """An option is another input and the same source."""
    now = prepare(STUDY).facts()
    assert same_sites(now, now) == set(now["filters_sha256"]) == set(now["sources_sha256"])
    assert same_views(now, now) == set(now["views_sha256"])
    incomplete = prepare(STUDY, allow_incomplete=True).facts()
    assert incomplete["inputs_sha256"] != now["inputs_sha256"]
    assert same_sites(now, incomplete) == same_sites(now, now)
    elsewhere = prepare(STUDY, source=str(tmp_path)).facts()
    assert same_sites(now, elsewhere) == frozenset()


def test_an_analysis_of_its_own_is_the_same_data_and_another_code_list_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "li2023"
    shutil.copytree(STUDY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    now = prepare(STUDY).facts()
    study = folder / "study.toml"
    before = study.read_text(encoding="utf-8")
    assert before.count("washout_days = 180") == 1
    study.write_text(before.replace("washout_days = 180", "washout_days = 90"), encoding="utf-8")
    made = prepare(folder, sites=STUDY / "sites.toml").facts()
    assert made["study"]["sha256"] != now["study"]["sha256"]
    assert same_sites(now, made) == set(now["sources_sha256"])
    codes = folder / "codes" / "tace.json"
    codes.write_text(codes.read_text(encoding="utf-8").replace('"441525007"', '"441525008"'), encoding="utf-8")
    assert same_sites(now, prepare(folder, sites=STUDY / "sites.toml").facts()) == frozenset()


def test_runs_that_say_nothing_of_their_source_are_comparable_with_none() -> None:
    old = {"filters_sha256": {"north": "f"}}
    assert same_sites(old, old) == frozenset()
    assert same_sites({**old, "sources_sha256": {"north": "s"}}, old) == frozenset()
