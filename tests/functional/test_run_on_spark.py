"""The same study on a real Spark with two worker processes. Oracle: the same study on DuckDB, table by table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from flows.engines import EngineChoice
from flows.job import again
from flows.run_folder import RunFolder
from tests.conftest import REPOSITORY
from tests.fixtures import spark
from tests.fixtures.outcomes_of_runs import OF_A_RUN
from tests.functional.conftest import STUDY, command, only_run

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]


@pytest.fixture(scope="module")
def on_spark(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """In a process of its own, as a person runs it: this one has an application on the cluster already."""
    runs = tmp_path_factory.mktemp("spark [1]")
    asked = ["run", STUDY, "--direct", "--runs", runs, "--source", sample, "--engine", "spark", "--master"]
    called = [str(Path(sys.executable).with_name("bedside")), *map(str, asked), spark.cluster()]
    done = subprocess.run(called, cwd=REPOSITORY, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return only_run(runs)


def tables(run: RunFolder) -> dict[str, Path]:
    return {str(file.relative_to(run.root)): file for file in sorted(run.root.rglob("*.parquet"))}


def test_every_table_is_the_same(on_spark: RunFolder, finished_run: RunFolder) -> None:
    """Names, types and rows of views and analysis sets; of views in whatever order, the rest in theirs."""
    here, there = tables(on_spark), tables(finished_run)
    assert list(here) == list(there)
    assert {name.split("/")[0] for name in here} == {"analysis", "quality", "results", "tables"}
    for name, file in here.items():
        made, wanted = parquet.read_table(file), parquet.read_table(there[name])
        # DuckDB's files say of a constant that it is never null.
        assert (made.schema.names, made.schema.types) == (wanted.schema.names, wanted.schema.types), name
        rows, expected = (
            table.drop_columns([name for name in OF_A_RUN if name in table.column_names]).to_pylist()
            for table in (made, wanted)
        )
        if name.startswith("tables/"):
            rows, expected = sorted(rows, key=repr), sorted(expected, key=repr)
        assert rows == expected, name


def test_figures_ledger_and_counts_are_the_same(on_spark: RunFolder, finished_run: RunFolder) -> None:
    for name in ("results/results.csv", "results/published.json", "ledger.json"):
        assert (on_spark.root / name).read_bytes() == (finished_run.root / name).read_bytes(), name
    said, wanted = on_spark.read(), finished_run.read()
    for key in ("references_without_key", "modifier_extensions", "types_without_view", "steps"):
        assert said[key] == wanted[key], key
    assert (said["engine"], "pyspark" in said["versions"], "pyspark" in wanted["versions"]) == ("spark", True, False)


def test_spark_leaves_nothing_in_the_run_folder_but_the_tables(on_spark: RunFolder, finished_run: RunFolder) -> None:
    here, there = ({file.name for file in run.tables.iterdir()} for run in (on_spark, finished_run))
    assert here == there


def test_a_later_step_of_the_run_goes_to_the_same_spark(on_spark: RunFolder) -> None:
    assert again(on_spark).engine == EngineChoice("spark", spark.cluster())


def test_a_master_without_its_engine_is_refused_before_anything_begins(sample: Path, tmp_path: Path) -> None:
    said = command("run", STUDY, "--direct", "--runs", tmp_path, "--source", sample, "--master", "spark://h:1")
    assert (said.code, list(tmp_path.iterdir())) == (2, [])
    assert "--engine spark" in said.err
