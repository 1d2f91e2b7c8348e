"""``bedside run`` through Prefect, on a home nobody has used. Oracle: the same run without Prefect (issue 3: same
steps, same results), and the exit codes of docs/command-line.md."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from flows.run_folder import RunFolder
from tests.fixtures.outcomes_of_runs import outcomes
from tests.fixtures.processes import bedside, environment
from tests.functional.conftest import STUDY, edited_copy, only_run

# A fresh home is a database to make; on a loaded machine the first run takes two minutes.
pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def through_prefect(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Path, str, str]:
    """The sample study through Prefect: run, home, standard output, standard error."""
    home, runs = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("runs")
    done = bedside(home, "run", STUDY, "--source", sample, "--runs", runs, "--json")
    assert done.returncode == 0, done.stderr
    return only_run(runs), home, done.stdout, done.stderr


def test_same_results_byte_for_byte_as_without_prefect(
    through_prefect: tuple[RunFolder, Path, str, str], finished_run: RunFolder
) -> None:
    run = through_prefect[0]
    for name in ("results/results.csv", "results/published.json", "report/index.html"):
        assert (run.root / name).read_bytes() == (finished_run.root / name).read_bytes(), name
    pd.testing.assert_frame_equal(outcomes(run), outcomes(finished_run))
    tables = sorted(p.relative_to(finished_run.root) for p in finished_run.analysis.rglob("*.parquet"))
    assert len(tables) >= 5
    for table in tables:
        assert (run.root / table).read_bytes() == (finished_run.root / table).read_bytes(), table
    assert run.read()["outcome"] == "complete"
    assert (run.root.parent / "latest").read_text().strip() == run.id


def test_standard_output_is_ours_alone_and_standard_error_is_quiet(
    through_prefect: tuple[RunFolder, Path, str, str],
) -> None:
    run, _, out, err = through_prefect
    assert json.loads(out)["run"] == str(run.root)
    assert err == ""


def test_no_subject_and_no_resource_is_in_prefects_database(
    through_prefect: tuple[RunFolder, Path, str, str],
) -> None:
    run, home, _, _ = through_prefect
    subjects = set(pd.read_parquet(run.analysis / "adsl.parquet")["USUBJID"])
    landed = (run.landing("yichang") / "Procedure.000.ndjson").read_bytes()
    ids = {json.loads(line)["id"] for line in landed.splitlines()}
    assert len(subjects) == 29
    assert len(ids) > 50
    files = [path for path in (home / "prefect").rglob("*") if path.is_file()]
    assert any(path.name == "prefect.db" for path in files)
    for path in files:
        content = path.read_bytes()
        assert not [one for one in subjects | ids if one.encode() in content], path.name


def test_what_the_checks_found_is_an_artifact_that_leads_to_the_files(
    through_prefect: tuple[RunFolder, Path, str, str],
) -> None:
    run, home, _, _ = through_prefect
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        kept = database.execute("SELECT data FROM artifact WHERE key = 'bedside-quality-li2023'").fetchall()
    ((data,),) = kept
    text = json.loads(data)
    assert "The gate is open." in text
    assert "| unifocal_in_both_lobes | analysed | yichang | 2 | 22 | warn |" in text
    for place in (run.checks, run.quality / "fhir", run.report):
        assert f"`{place}`" in text


def test_an_unreachable_source_keeps_its_exit_code(
    through_prefect: tuple[RunFolder, Path, str, str], tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}/fhir"
        done = bedside(through_prefect[1], "run", STUDY, "--source", nowhere, "--runs", tmp_path / "runs")
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines()[-1] == f"bedside: {nowhere} cannot be reached"
    assert "Traceback" not in done.stdout + done.stderr
    assert only_run(tmp_path / "runs").read()["exit_code"] == 3


def test_what_a_later_step_finds_keeps_its_exit_code(
    through_prefect: tuple[RunFolder, Path, str, str], sample: Path, tmp_path: Path
) -> None:
    """Nobody was treated: found by the step that derives, inside a task of Prefect's."""
    untreated = edited_copy(
        sample,
        tmp_path / "data",
        {"Procedure": lambda all_: [{**p, "status": "not-done"} if "-tace-" in p["id"] else p for p in all_]},
    )
    home = through_prefect[1]
    done = bedside(home, "run", STUDY, "--source", untreated, "--runs", tmp_path / "runs", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["outcome"], said["exit_code"]) == (4, "error", 4)
    assert "cohort is empty" in said["message"]
    assert "Traceback" not in done.stderr


CANARY = "canary-patient-7f3a"
BROKEN = f"""
import sys
from flows import steps
from flows.entry import main

def broken(job, run, progress):
    raise ValueError("could not convert {CANARY} to a number")

steps.BY_NAME = {{**steps.BY_NAME, "map": broken}}
sys.exit(main(sys.argv[1:]))
"""


def test_a_defect_says_no_value_not_even_to_prefect(
    through_prefect: tuple[RunFolder, Path, str, str], sample: Path, tmp_path: Path
) -> None:
    """A library's message may quote a patient, and Prefect keeps the last message of a run that failed."""
    home = through_prefect[1]
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, "run", STUDY, "--source", sample, "--runs", tmp_path / "runs"],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 70, done.stderr
    assert "a defect of ours, not of your data: ValueError at" in done.stderr
    kept = b"".join(path.read_bytes() for path in (home / "prefect").rglob("*") if path.is_file())
    assert b"a defect of ours, not of your data: ValueError at" in kept
    assert CANARY.encode() not in kept
    assert CANARY not in done.stdout + done.stderr
    assert only_run(tmp_path / "runs").read()["exit_code"] == 70
