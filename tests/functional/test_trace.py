"""One subject's story by ``bedside trace``.

Oracles: docs/release.md; the analysis tables of the same run and the SRCREF in them; the landed lines themselves.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.derive.pseudonym import usubjid
from flows import job
from flows.job import PUBLIC_KEY
from flows.run_folder import RunFolder
from tests.fixtures.sample_runs import SITE, Ran, about, ran
from tests.functional.conftest import Resource, Said, command, copy_run, edited_copy

pytestmark = pytest.mark.xdist_group("release")


def of(patient: str) -> str:
    return usubjid(PUBLIC_KEY, SITE, patient)


def traced(run: RunFolder, patient: str) -> Any:
    said = command("trace", of(patient), "--run", run.root, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def rows(run: RunFolder, name: str, patient: str) -> list[dict[Any, Any]]:
    frame = pd.read_parquet(run.analysis / f"{name}.parquet")
    return frame[frame["USUBJID"] == of(patient)].to_dict("records")


def made_of(story: Any, resource: str) -> list[str]:
    (step,) = (step for step in story["steps"] if step["resource"] == resource)
    return list(step["made"])


@pytest.fixture(scope="module")
def excluded(finished_run: RunFolder) -> tuple[str, str]:
    """A patient who left by a criterion, with its id: the last of the flow diagram that anybody left by."""
    adsl = pd.read_parquet(finished_run.analysis / "adsl.parquet")
    left = adsl[adsl["EXCLRSN"] == "insufficient-data"]["USUBJID"].iloc[0]
    patients = pd.read_parquet(finished_run.tables / "patient.parquet")["id"]
    return next(one for one in patients if of(one) == left), "insufficient-data"


def test_a_story_holds_every_row_of_the_tables_and_where_each_line_lies(finished_run: RunFolder) -> None:
    story = traced(finished_run, "P02")
    assert (story["patient"], story["site"], story["screened"]) == ("P02", SITE, True)
    steps = {step["resource"]: step for step in story["steps"]}
    for name, tag in (("adsl", "ADSL"), ("adrs", "ADRS"), ("adtr", "ADTR"), ("adtte", "ADTTE")):
        for row in rows(finished_run, name, "P02"):
            if row["SRCREF"] is not None:
                named = steps[row["SRCREF"].partition("/_history/")[0]]["made"]
                assert any(said.startswith(tag) for said in named), row["SRCREF"]
    for step in story["steps"]:
        line = (finished_run.landing(SITE) / step["file"]).read_text().splitlines()[step["line"] - 1]
        landed = json.loads(line)
        assert f"{landed['resourceType']}/{landed['id']}" == step["resource"]
    dated = [step["date"] for step in story["steps"] if step["date"]]
    assert dated == sorted(dated)
    # All that landed about the patient, and the substances and devices of the sessions.
    lines = [
        json.loads(line) for file in finished_run.landing(SITE).glob("*.ndjson") if file.name != "log.ndjson"
        for line in file.read_text().splitlines()
    ]  # fmt: skip
    own = {f"{one['resourceType']}/{one['id']}" for one in lines if about(one) == "P02"}
    assert own
    assert own <= set(steps)
    assert not {
        step for step in steps if step.split("/")[1].startswith("P") and not step.split("/")[1].startswith("P02")
    }


def test_a_story_agrees_with_adsl(finished_run: RunFolder) -> None:
    (row,) = rows(finished_run, "adsl", "P02")
    story = traced(finished_run, "P02")
    assert (story["arm"], story["index_date"]) == (row["TRT01A"], row["TRTSDT"].strftime("%Y-%m-%d"))
    assert story["excluded"] is None
    assert set(story["criteria"].values()) == {True}
    assert story["covariates"]["ecog"] == row["ecog"]
    assert story["covariates"]["lesion_size"] == row["lesion_size"]
    # The record taken for a covariate is as many days away as ADSL has it, and is the only one taken.
    for name in ("ecog", "child_pugh", "lesion_size", "number_of_lesions", "lesion_distribution"):
        taken = [s for s in story["steps"] if any(m.startswith(f"covariate {name}: taken, ") for m in s["made"])]
        assert [step["day"] for step in taken] == [row[f"{name}_day"]], name
    assert made_of(story, row["SRCREF"].partition("/_history/")[0])[:2] == ["in tace", "index event"]


def test_who_was_left_out_has_the_criterion_in_the_story(finished_run: RunFolder, excluded: tuple[str, str]) -> None:
    patient, reason = excluded
    story = traced(finished_run, patient)
    assert story["excluded"] == reason
    assert next(name for name, met in story["criteria"].items() if not met) == reason
    said = command("trace", of(patient), "--run", finished_run.root)
    assert f"not analysed: {reason}" in said.out


@pytest.fixture(scope="module")
def other_data(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run in which something about P02 cannot be used, an old version came too, and P03 had no TACE after all."""
    place = tmp_path_factory.mktemp("traced")

    def observations(found: list[Resource]) -> list[Resource]:
        for one in found:
            if one["id"] == "P02-ecog":
                one["status"] = "entered-in-error"
            if one["id"] == "P02-lesion-count":
                one["meta"] = {"versionId": "3"}
                old = {**one, "meta": {"versionId": "2"}}
            if one["id"] == "P02-child-pugh":
                del one["status"]
        return [*found, old]

    def procedures(found: list[Resource]) -> list[Resource]:
        for one in found:
            if about(one) == "P03" and "tace" in one["id"]:
                one["status"] = "not-done"
        return found

    data = edited_copy(sample, place / "data", {"Observation": observations, "Procedure": procedures})
    made = ran(place / "runs", "--source", data)
    assert (made.run.analysis / "adsl.parquet").exists(), made.said.err
    return made


def test_what_could_not_be_used_says_why(other_data: Ran) -> None:
    story = traced(other_data.run, "P02")
    assert made_of(story, "Observation/P02-ecog") == ["not used for ecog: status entered-in-error"]
    (rule,) = made_of(story, "Observation/P02-child-pugh")
    assert rule.startswith("quarantined: ")
    versions = {s["version"]: s["made"] for s in story["steps"] if s["resource"] == "Observation/P02-lesion-count"}
    assert versions["2"][0].startswith("quarantined: superseded-version")
    assert versions["3"][-1] == "covariate number_of_lesions: taken, 2"
    assert story["covariates"]["ecog"] is None


def test_who_was_not_screened_has_resources_only(other_data: Ran) -> None:
    story = traced(other_data.run, "P03")
    assert (story["screened"], story["arm"], story["criteria"], story["endpoints"]) == (False, None, {}, {})
    own = [step for step in story["steps"] if not step["made"][0].startswith("used by Procedure/P03-tace-")]
    assert {tuple(step["made"]) for step in own} == {("not judged: there is no index event",)}
    assert "Procedure/P03-tace-1" in {step["resource"] for step in own}
    assert "not screened: no index event" in command("trace", of("P03"), "--run", other_data.run.root).out


def files(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*")) if path.is_file()
    }  # fmt: skip


def test_a_trace_writes_nothing_and_says_nothing_on_standard_error(
    finished_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = copy_run(finished_run, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    with caplog.at_level(logging.DEBUG):
        # With one study in the folder of runs, the run need not be named.
        said = command("trace", of("P02"), "--runs", tmp_path / "runs")
    assert said.code == 0
    assert said.err == ""
    assert "Patient/P02" in said.out
    assert files(tmp_path) == before
    assert not [record for record in caplog.records if "P02" in record.getMessage()]
    assert run.root.exists()


def refused(said: Said, sentence: str) -> None:
    assert said.code == 2
    assert sentence in said.err
    assert "P02" not in said.err


def test_what_is_not_there_is_said(finished_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = copy_run(finished_run, tmp_path / "runs")
    refused(command("trace", "0" * 16, "--run", run.root), "no subject of this run has that pseudonym")
    refused(command("trace", of("P02"), "--runs", tmp_path / "none"), "holds no runs: say which with --run")
    with monkeypatch.context() as patch:
        patch.setattr(job, "PUBLIC_KEY", b"another key")
        refused(
            command("trace", of("P02"), "--run", run.root), "the pseudonym key is not the one this run was made with"
        )
    shutil.rmtree(run.landing(SITE))
    refused(command("trace", of("P02"), "--run", run.root), f"what landed of site {SITE} is no longer there")
    run.reopen("derive")
    refused(command("trace", of("P02"), "--run", run.root), "has no subjects: nothing was derived in it")
