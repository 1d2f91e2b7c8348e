"""Measures derivation and comparison on growing cohorts, beside lifelines and R's survival on the same analysis table.

    .venv/bin/python -m benchmarks.analysis [--sizes 10000,100000,1000000] [--rounds 3] [--work FOLDER] [--no-write]

Results go to benchmarks/analysis/results.json, docs/performance-analysis.md and docs/performance-analysis.svg. About
20 minutes, on a quiet machine; R is left out where there is none.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.analysis import data
from benchmarks.analysis.figure import draw
from benchmarks.analysis.page import write_page
from benchmarks.analysis.summary import Round, summarise
from benchmarks.shared.machine import facts

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent.parent / "docs"
PACKAGES = ("duckdb", "ibis-framework", "lifelines", "numpy", "pandas")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000,1000000", help="subjects")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each; they take turns")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="where tables are kept")
    parser.add_argument("--no-write", action="store_true", help="only print the page")
    asked = parser.parse_args()
    work: Path = asked.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    (work / ".gitignore").write_text("*\n")
    found: list[Round] = []
    versions = {name: version(name) for name in PACKAGES}
    for size in map(int, asked.sizes.split(",")):
        tables, out = work / f"tables-{size}", work / f"run-{size}"
        rows = _tables(tables, size)
        for number in range(asked.rounds):
            for who, command in _commands(tables, out).items():
                load = os.getloadavg()[0]
                made = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                if made["subjects"] != size:
                    raise SystemExit(f"{who}: {made['subjects']} of {size} subjects: that compares other work")
                versions |= {"R": made["version"]} if "version" in made else {}
                found.append(Round(who, size, rows, load, made))
                _say(f"{size:,} subjects, round {number + 1}: {who} {sum(made['steps'].values()):.1f} s, "
                     f"{made['peak_bytes'] / 2**30:.2f} GiB")  # fmt: skip
    results = summarise(found, facts(), versions, _apart(work, asked.sizes))
    page = write_page(results)
    if asked.no_write:
        print(page)
        return
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (DOCS / "performance-analysis.md").write_text(page)
    (DOCS / "performance-analysis.svg").write_text(draw(results))
    _say("written: benchmarks/analysis/results.json, docs/performance-analysis.md, docs/performance-analysis.svg")


def _apart(work: Path, sizes: str) -> list[Any]:
    """What is asked apart, of the trial's own number of subjects."""
    out = work / f"run-{sizes.split(',')[0]}"
    command = [sys.executable, "-m", "benchmarks.analysis.apart", str(out), str(data.TRIAL)]
    made = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    _say(f"{data.TRIAL} subjects, apart: {', '.join(f'{name} {s:.1f} s' for name, s in made['steps'].items())}")
    return [made]


def _tables(folder: Path, size: int) -> int:
    """The tables of ``size`` subjects, made when they are not there; the number of their rows."""
    done = folder / "rows"
    if not done.exists():
        _say(f"making the tables of {size:,} subjects")
        done.write_text(str(data.make(folder, size)))
    return int(done.read_text())


def _commands(tables: Path, out: Path) -> dict[str, list[str]]:
    once = [sys.executable, "-m", "benchmarks.analysis.once"]
    commands = {
        "bedside": [*once, "bedside", str(tables), str(out)],
        "lifelines": [*once, "lifelines", str(out)],
    }
    if rscript := shutil.which("Rscript"):
        commands["R survival"] = [rscript, str(HERE / "once.R"), str(out)]
    return commands


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
