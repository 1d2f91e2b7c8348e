"""A scheduled run. Oracle: docs/command-line.md (fresh each time; what is missing is no success), and that what Prefect
keeps of it holds aggregates only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows import orchestrate, pipeline
from flows.run_folder import RunFolder
from mappings.errors import IncompleteError
from tests.conftest import REPOSITORY

STUDY = REPOSITORY / "studies" / "li2023"


def ending(monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]) -> list[RunFolder]:
    """Let every run end at once, with this missing; gives the run folders as they come."""
    seen: list[RunFolder] = []

    def ended(_job: Any, run_folder: RunFolder, *_: Any) -> pipeline.Outcome:
        seen.append(run_folder)
        return pipeline.Outcome(run_folder, 6 if missing else 0, missing)

    monkeypatch.setattr(pipeline, "run", ended)
    return seen


def test_it_is_a_fresh_run_each_time_and_returns_no_more_than_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = ending(monkeypatch, ())
    said = [orchestrate.scheduled.fn(str(STUDY), runs=str(tmp_path)) for _ in range(2)]
    assert said == [{"run": run.id, "exit_code": 0} for run in seen]
    assert len({run.id for run in seen}) == 2


def test_a_run_that_lacks_a_site_fails_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ending(monkeypatch, ("south: cannot be reached",))
    with pytest.raises(IncompleteError, match="south: cannot be reached"):
        orchestrate.scheduled.fn(str(STUDY), runs=str(tmp_path))
