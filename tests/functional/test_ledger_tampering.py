"""What is taken away between two steps is noticed by the next one. Oracle: the ledger of issue 3 (nothing
is lost between server and analysis set, or the run fails with 4) and what each test itself took away."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from flows.run_folder import RunFolder
from tests.functional.conftest import STUDY, Resource, command, copy_run, edited_copy, only_run

pytestmark = pytest.mark.xdist_group("sample-run")


@pytest.fixture
def run(finished_run: RunFolder, tmp_path: Path) -> RunFolder:
    return copy_run(finished_run, tmp_path)


def without_last_line(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))


def without_last_row(file: Path) -> None:
    table = pd.read_parquet(file)
    table.iloc[:-1].to_parquet(file, index=False)


def refused(step: str, run: RunFolder, *names: str) -> str:
    """The step fails with 4, names what is missing, and does not count as done."""
    said = command(step, run.root)
    assert said.code == 4, said.err
    (told,) = [line for line in said.err.splitlines() if all(name in line for name in names)]
    ended = run.read()
    assert step not in ended["steps"]
    assert (ended["outcome"], ended["exit_code"]) == ("failed", 4)
    return told


def test_a_line_less_in_landing_stops_acceptance(sample: Path, tmp_path: Path) -> None:
    """Cut off between landing and acceptance; the same command goes on and finds a line gone."""
    arguments = ("extract", STUDY, "--source", sample, "--runs", tmp_path)
    assert command(*arguments).code == 0
    run = only_run(tmp_path)
    for part in ("accepted", "quarantine"):
        shutil.rmtree(run.root / part)
    run.update(steps={"extract": run.read()["steps"]["extract"]})
    without_last_line(run.landing("yichang") / "Substance.000.ndjson")
    said = command(*arguments)
    assert said.code == 4, said.err
    (told,) = [line for line in said.err.splitlines() if "Substance" in line]
    assert told.strip() == "yichang Substance: the ledger says 24 landed, the files hold 23"
    assert "accept" not in run.read()["steps"]
    assert not (run.root / "accepted").exists()


def test_a_line_less_in_landing_stops_mapping(run: RunFolder) -> None:
    without_last_line(run.landing("yichang") / "Observation.000.ndjson")
    told = refused("map", run, "yichang", "Observation", "landed")
    assert "848" in told
    assert "847" in told


def test_a_line_less_in_accepted_stops_mapping(run: RunFolder) -> None:
    without_last_line(run.accepted("yichang") / "Condition.000.ndjson")
    refused("map", run, "yichang", "Condition", "accepted")


def test_a_line_less_in_quarantine_stops_mapping(sample: Path, tmp_path: Path) -> None:
    def unreadable(devices: list[Resource]) -> list[Resource]:
        devices[0]["status"] = ["active"]
        return devices

    data = edited_copy(sample, tmp_path / "data", {"Device": unreadable})
    assert command("extract", STUDY, "--source", data, "--runs", tmp_path / "runs").code == 0
    run = only_run(tmp_path / "runs")
    assert json.loads(run.ledger.read_text())["types"]["yichang"]["Device"]["quarantined"] == 1
    without_last_line(run.quarantine("yichang") / "Device.ndjson")
    refused("map", run, "yichang", "Device", "quarantined")


def test_a_row_less_in_a_table_stops_derivation(run: RunFolder) -> None:
    without_last_row(run.tables / "procedure.parquet")
    refused("derive", run, "yichang", "procedure", "rows")


@pytest.mark.parametrize("step", ["check", "analyse"])
@pytest.mark.parametrize("table", ["adsl", "adrs", "adtte", "analysis_table"])
def test_a_row_less_in_an_analysis_table_stops_checks_and_analysis(run: RunFolder, table: str, step: str) -> None:
    without_last_row(run.analysis / f"{table}.parquet")
    refused(step, run, table)


@pytest.mark.parametrize(
    ("step", "file"),
    [
        ("map", "accepted/yichang/Patient.000.ndjson"),
        ("derive", "tables/patient.parquet"),
        ("check", "analysis/adsl.parquet"),
        ("analyse", "analysis/analysis_table.parquet"),
    ],
)
def test_a_file_that_is_gone_is_as_empty(run: RunFolder, step: str, file: str) -> None:
    (run.root / file).unlink()
    refused(step, run, Path(file).name.split(".")[0])
