"""The commands that measure can be started: nothing they import has moved away. Oracle: their own help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = (
    "benchmarks.acceptance",
    "benchmarks.analysis",
    "benchmarks.extract",
    "benchmarks.mapping",
    "benchmarks.quality",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_benchmark_can_be_started(command: str, repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", command, "--help"], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout


def test_every_benchmark_is_here(repository: Path) -> None:
    found = {f"benchmarks.{path.parent.name}" for path in (repository / "benchmarks").glob("*/__main__.py")}
    assert found == set(COMMANDS)
