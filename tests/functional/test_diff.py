"""Two runs beside each other by ``bedside diff``.

Oracles: docs/release.md; the single resources that were edited between the two runs, and nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.derive.pseudonym import usubjid
from flows import job
from flows.job import PUBLIC_KEY
from flows.run_folder import RunFolder
from tests.fixtures.sample_runs import SITE, about, later_death, ran, study_with
from tests.functional.conftest import Resource, Said, command, copy_run, edited_copy

pytestmark = pytest.mark.xdist_group("release")

DEAD, ILL, CLEAR = "P02", "P05", "extrahepatic"


def of(patient: str) -> str:
    return usubjid(PUBLIC_KEY, SITE, patient)


@pytest.fixture(scope="module")
def cleared(finished_run: RunFolder) -> str:
    """A patient who was excluded by a metastasis outside the liver."""
    adsl = pd.read_parquet(finished_run.analysis / "adsl.parquet")
    left = set(adsl[adsl["EXCLRSN"] == CLEAR]["USUBJID"])
    patients = pd.read_parquet(finished_run.tables / "patient.parquet")["id"]
    return min(one for one in patients if of(one) in left)


@pytest.fixture(scope="module")
def later(finished_run: RunFolder, cleared: str, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The study a night later: one death is dated ten days on, one baseline value was an error, one metastasis is
    gone."""

    def errors(observations: list[Resource]) -> list[Resource]:
        for one in observations:
            if one["id"] == f"{ILL}-child-pugh":
                one.update(status="entered-in-error", meta={"versionId": "7"})
        return observations

    def metastases(conditions: list[Resource]) -> list[Resource]:
        return [one for one in conditions if about(one) != cleared or "lung-metastasis" not in one["id"]]

    place = tmp_path_factory.mktemp("later")
    edits = {"Patient": later_death(DEAD), "Observation": errors, "Condition": metastases}
    made = ran(place / "runs", "--source", edited_copy(sample, place / "data", edits))
    assert made.said.code == 0, made.said.err
    return made.run


def compared(before: RunFolder, after: RunFolder, *more: str) -> Any:
    said = command("diff", before.root, after.root, "--json", *more)
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_each_subject_differs_by_what_was_edited(finished_run: RunFolder, later: RunFolder, cleared: str) -> None:
    found = compared(finished_run, later)
    by_subject = {one["usubjid"]: one for one in found["subjects"]}
    assert set(by_subject) == {of(DEAD), of(ILL), of(cleared)}
    dead, ill, clear = (by_subject[of(patient)] for patient in (DEAD, ILL, cleared))
    assert [(one["kind"], one["text"]) for one in dead["what"]] == [
        ("date", "OS from event (Death) at 426 days to event (Death) at 436 days")
    ]
    assert dead["resources"] == [{"resource": f"Patient/{DEAD}", "before": "", "after": "2", "named": True}]
    assert [(one["kind"], one["text"]) for one in ill["what"]] == [
        ("left", "is excluded by insufficient-data"),
        ("covariate", "child_pugh from B to missing"),
    ]
    edited = [one["resource"] for one in ill["resources"]]
    assert edited == [f"Observation/{ILL}-child-pugh"]
    assert clear["what"][0] == {"kind": "entered", "text": f"was excluded by {CLEAR}"}
    assert [one["after"] for one in clear["resources"]] == [None]
    assert {kind: n for kind, n in found["counts"].items() if n} == {"entered": 1, "left": 1, "date": 1, "covariate": 1}
    # Both runs are over the same study with the same packages, from another folder.
    assert found["inputs"] == ["the sites file's site yichang has changed"]


def test_figures_are_those_that_differ_in_the_results(finished_run: RunFolder, later: RunFolder) -> None:
    before, after = (
        pd.read_parquet(run.results / "results.parquet").set_index("id")["value"] for run in (finished_run, later)
    )
    both = before.index.intersection(after.index)
    same = (before[both] == after[both]) | (before[both].isna() & after[both].isna())
    found = {one["id"]: one for one in compared(finished_run, later)["figures"]}
    values = {name for name, one in found.items() if not one["note"].startswith("only")}
    assert set(both[~same]) <= values
    assert all(before[name] != after[name] for name in values)
    assert {name for name, one in found.items() if one["note"] == "only after"} == set(after.index.difference(both))


def test_a_run_and_itself_are_the_same(finished_run: RunFolder) -> None:
    found = compared(finished_run, finished_run)
    assert (found["inputs"], found["subjects"], found["figures"]) == ([], [], [])
    assert "subjects: none differs" in command("diff", finished_run.root, finished_run.root).out


def of_another_study(run: RunFolder, runs: Path, study: Path) -> RunFolder:
    """A copy of a run that says it was made from this study folder."""
    copy = copy_run(run, runs)
    copy.update(called={**copy.read()["called"], "study": str(study)})
    return copy


def test_counts_name_nobody_and_are_suppressed(finished_run: RunFolder, later: RunFolder, tmp_path: Path) -> None:
    assert compared(finished_run, later, "--counts")["counts"]["left"] == 1
    study = study_with(tmp_path, ("min_count = 0", "min_count = 5"))
    strict = of_another_study(later, tmp_path / "strict", study)
    found = compared(finished_run, strict, "--counts")
    assert {kind for kind, n in found["counts"].items() if n == "suppressed"} == {
        "entered",
        "left",
        "date",
        "covariate",
    }
    assert found["counts"]["arm"] == 0
    said = command("diff", finished_run.root, strict.root, "--counts")
    everything = said.out + json.dumps(found)
    subjects = pd.read_parquet(finished_run.analysis / "adsl.parquet")["USUBJID"]
    assert not [one for one in subjects if one in everything]
    assert f"Patient/{DEAD}" not in everything
    assert "subjects: suppressed entered, suppressed left" in said.out


def test_while_masked_no_arm_is_named(finished_run: RunFolder, later: RunFolder, tmp_path: Path) -> None:
    masked = copy_run(later, tmp_path / "masked")
    masked.update(masked=True)
    found = compared(finished_run, masked)
    assert found["masked"]
    assert found["figures"]
    everything = json.dumps(found)
    assert not [arm for arm in ("DEB-TACE", "cTACE") if arm in everything]
    assert {one["id"].split(".")[1] for one in found["figures"] if not one["id"].startswith("flow")} <= {
        "events", "censored", "follow_up",
    }  # fmt: skip


def test_what_cannot_be_compared_is_refused_with_the_reason(
    finished_run: RunFolder, later: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(said: Said, sentence: str) -> None:
        assert said.code == 2
        assert sentence in said.err
        assert DEAD not in said.err

    other = copy_run(later, tmp_path / "other")
    refused(command("diff", other.root, tmp_path), "no run found")
    with monkeypatch.context() as patch:
        patch.setattr(job, "PUBLIC_KEY", b"another key")
        refused(command("diff", finished_run.root, later.root), "the pseudonym key is not the one that")
    file = other.landing(SITE) / "Patient.000.ndjson"
    file.unlink()
    refused(command("diff", finished_run.root, other.root), "Patient.000.ndjson, which landed of site yichang")
    adsl = pd.read_parquet(other.analysis / "adsl.parquet")
    adsl.assign(USUBJID=[f"other-{n}" for n in range(len(adsl))]).to_parquet(other.analysis / "adsl.parquet")
    refused(command("diff", finished_run.root, other.root), "no subject is in both runs")
    other.update(study={**other.read()["study"], "id": "another"})
    refused(command("diff", finished_run.root, other.root), "runs of different studies")
    other.reopen("analyse")
    refused(command("diff", finished_run.root, other.root), "has no results to compare")
