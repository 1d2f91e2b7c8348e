"""A command's job. Oracle: docs/command-line.md (what makes two runs the same, what needs a key, what a later step asks
for) and docs/sites-file.md."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows import run_folder
from flows.engines import EngineChoice
from flows.job import PUBLIC_KEY, Job, again, prepare
from mappings.errors import DefinitionError
from tests.conftest import REPOSITORY

STUDY = REPOSITORY / "studies" / "li2023"
SECRET = "canary-key-7f3a"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "li2023"
    shutil.copytree(STUDY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def inputs(job: Job) -> str:
    return str(job.facts()["inputs_sha256"])


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")


def test_equal_inputs_are_equal_wherever_the_study_lies(study: Path) -> None:
    assert inputs(prepare(study)) == inputs(prepare(STUDY)) == inputs(prepare(study / "study.toml"))


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("study.toml", "washout_days = 180", "washout_days = 90"),
        ("codes/liver.json", '"10200004"', '"10200005"'),
        ("sites.toml", '"Asia/Shanghai"', '"Asia/Tokyo"'),
        ("sites.toml", 'source = "record"', 'source = "register", complete_to = 2020-12-31'),
    ],
)
def test_other_inputs_are_another_run(study: Path, file: str, before: str, after: str) -> None:
    whole = inputs(prepare(study))
    edit(study / file, before, after)
    assert inputs(prepare(study)) != whole


def test_another_source_is_another_run_and_so_is_what_it_may_lack(study: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    made = [
        prepare(study),
        prepare(study, source=str(here)),
        prepare(study, source=str(there)),
        prepare(study, source="https://fhir.example.org/r4"),
        prepare(study, allow_incomplete=True),
        prepare(study, engine=EngineChoice("spark", "spark://here:7077")),
    ]
    assert len({inputs(job) for job in made}) == len(made)


def test_a_study_without_places_to_ask_is_said(study: Path) -> None:
    (study / "sites.toml").unlink()
    with pytest.raises(DefinitionError, match="give one with --sites, or a source with --source"):
        prepare(study)


def test_sites_and_source_together_are_refused(study: Path) -> None:
    with pytest.raises(DefinitionError, match="not both"):
        prepare(study, sites=study / "sites.toml", source="data")


def test_synthetic_data_use_the_public_key_and_real_data_need_their_own(study: Path) -> None:
    assert prepare(study).key() == (PUBLIC_KEY, True)
    edit(study / "study.toml", 'data = "synthetic"', 'data = "real"')
    with pytest.raises(DefinitionError, match=r"deidentify\.pseudonym_key"):
        prepare(study)


def test_a_key_is_fetched_where_it_is_kept_and_recorded_nowhere(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (study / "sites.toml").open("a", encoding="utf-8") as sites:
        sites.write('deidentify = { pseudonym_key = "env:BEDSIDE_TEST_KEY" }\n')
    monkeypatch.delenv("BEDSIDE_TEST_KEY", raising=False)
    with pytest.raises(DefinitionError, match=r"pseudonym_key.*BEDSIDE_TEST_KEY"):
        prepare(study)
    monkeypatch.setenv("BEDSIDE_TEST_KEY", SECRET)
    job = prepare(study)
    assert job.key() == (SECRET.encode(), False)
    assert SECRET not in str(job.facts())
    assert SECRET not in repr(job)


def test_a_later_step_finds_its_study_from_anywhere(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study.parent)
    job = prepare(Path(study.name), source="data", runs=tmp_path / "runs", allow_incomplete=True)
    run = run_folder.start(job.runs, "li2023", job.facts())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = again(run)
    assert inputs(found) == inputs(job)
    assert (found.allow_incomplete, found.runs) == (True, job.runs)
    edit(study / "study.toml", "washout_days = 180", "washout_days = 90")
    with pytest.raises(DefinitionError, match="changed since this run was made"):
        again(run)


def test_what_a_site_says_of_checks_is_no_other_run_and_reaches_them(study: Path) -> None:
    whole = inputs(prepare(study))
    with (study / "sites.toml").open("a", encoding="utf-8") as file:
        file.write("max_fall_percent = 20\nchecks = { newest_within_days = { observation = 7 } }\n")
    job = prepare(study)
    (site,) = job.sites.sites
    assert inputs(job) == whole
    assert job.asked_checks().at("records_drop_over_5_percent", site.id).threshold == 20
    assert job.newest_within() == {(site.id, "observation"): 7}
