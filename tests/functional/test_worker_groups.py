"""Tests of one xdist group share a server, a cluster or a run: they must meet in one worker. Oracle: where they ran."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

GROUPED = """
import os, pathlib, pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("n", range(8))
def test_each(n):
    pathlib.Path(f"{n}.worker").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""


def test_a_group_meets_in_one_worker(tmp_path: Path) -> None:
    (tmp_path / "test_grouped.py").write_text(GROUPED)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    workers = [file.read_text() for file in tmp_path.glob("*.worker")]
    assert (len(workers), len(set(workers))) == (8, 1)
