"""Measures the catalogue of checks on the tables of a million subjects, about ten million rows.

    .venv/bin/python -m benchmarks.quality [--subjects 1000000] [--rounds 3] [--no-write]

Results go to benchmarks/quality/results.json and docs/performance-quality.md. The tables lie in a temporary folder
(0.7 GB) and are gone at the end. Minutes, on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks.quality import data
from benchmarks.quality.page import write_page
from benchmarks.quality.summary import summarise
from benchmarks.shared.machine import facts

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
PACKAGES = ("duckdb", "ibis-framework", "great_expectations", "pandas")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", help="DuckDB's memory limit, for instance 1GB; as in a run without it")
    parser.add_argument("--no-write", action="store_true", help="only print the page")
    asked = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="bedside-bench-") as folder:
        _say(f"making the tables of {asked.subjects:,} subjects")
        tables, run = Path(folder) / "tables", Path(folder) / "run"
        data.make(tables, asked.subjects)
        making = [sys.executable, "-m", "benchmarks.quality.subjects", str(run), str(asked.subjects)]
        subprocess.run(making, check=True, cwd=REPOSITORY)
        command = [sys.executable, "-m", "benchmarks.quality.once", str(tables), str(run)]
        command += ["--memory", asked.memory] if asked.memory else []
        for number in range(asked.rounds):
            load = os.getloadavg()[0]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=REPOSITORY)
            found.append({**json.loads(done.stdout), "load": load})
            said = (f"{name} {step['seconds']:.1f} s" for name, step in found[-1]["steps"].items())
            _say(f"round {number + 1}: {', '.join(said)}")
    results = summarise(found, facts(), {name: version(name) for name in PACKAGES})
    page = write_page(results)
    if asked.no_write:
        print(page)
        return
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (REPOSITORY / "docs" / "performance-quality.md").write_text(page)
    _say("written: benchmarks/quality/results.json, docs/performance-quality.md")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
