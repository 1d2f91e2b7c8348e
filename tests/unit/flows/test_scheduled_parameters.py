"""What a schedule hands to each of its runs. Oracle: the signature of the flow it calls, and docs/spark.md."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from flows.acceptance.judges import JudgeName
from flows.deploy import parameters_of
from flows.engines import EngineChoice


def test_they_are_those_of_the_scheduled_flow() -> None:
    from flows.orchestrate import scheduled

    made = parameters_of(Path("studies/x"), Path("sites.toml"), None, Path("runs"))
    assert set(made) == set(inspect.signature(scheduled.fn).parameters)
    assert (made["engine"], made["master"]) == ("duckdb", None)
    assert all(Path(str(made[name])).is_absolute() for name in ("study", "sites", "runs"))


def test_a_night_runs_on_the_engine_that_was_asked_for() -> None:
    made = parameters_of(Path("x"), None, "data", Path("runs"), EngineChoice("spark", "spark://host:7077"))
    assert (made["engine"], made["master"]) == ("spark", "spark://host:7077")


@pytest.mark.parametrize("judge", ["fast", "models"])
def test_a_night_is_judged_as_asked(judge: JudgeName) -> None:
    assert parameters_of(Path("x"), None, "data", Path("runs"), judge=judge)["judge"] == judge
    assert parameters_of(Path("x"), None, "data", Path("runs"))["judge"] == "fast"
