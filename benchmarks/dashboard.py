"""The dashboard of 50 checks, 20 sites and 100 runs: bytes of the page, seconds to read the runs and to render it.

    python -m benchmarks.dashboard [--sites 20] [--checks 50] [--runs 100] [--rounds 5] [--json FILE]

The runs are drawn from a seed (tests/fixtures/quality_history.py). ``calm``: two in a hundred results fail;
``restless``: one in five does, so that every line has a trend to draw. Reading is from run folders as ``bedside
dashboard`` does it.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

KINDS = {"calm": 0.02, "restless": 0.2}


def measure(kind: str, sites: int, checks: int, runs: int, rounds: int) -> dict[str, Any]:
    """Bytes, and the median and the first of the rounds' seconds: the first also reads templates and style."""
    import numpy as np

    from analysis.dashboard.page import render
    from flows import study_folder
    from flows.dashboard_files import read_history
    from tests.fixtures.quality_history import NOW, history
    from tests.fixtures.quality_runs import write_runs, write_study

    made = history(sites=sites, checks=checks, runs=runs)
    failing = np.random.default_rng(1).random(len(made.checks)) < KINDS[kind]
    made = replace(made, checks=made.checks.assign(status=made.checks["status"].where(~failing, "FAIL")))
    with tempfile.TemporaryDirectory() as place:
        folder = study_folder.read(write_study(Path(place), made))
        write_runs(Path(place) / "runs", made)
        reading, rendering = [], []
        for _ in range(rounds):
            started = time.perf_counter()
            read = read_history(folder, Path(place) / "runs", NOW.date())
            reading.append(time.perf_counter() - started)
            started = time.perf_counter()
            page = render(read, NOW)
            rendering.append(time.perf_counter() - started)
    return {
        "kind": kind, "sites": sites, "checks": checks, "runs": runs, "rows": len(made.checks),
        "bytes": len(page.encode()), "lines": page.count('class="spark"'),
        "read": round(statistics.median(reading), 3), "render": round(statistics.median(rendering), 3),
        "first_render": round(rendering[0], 3),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip


def main() -> None:
    """Measure both kinds, print the table, and write the JSON where asked."""
    asked = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    asked.add_argument("--sites", type=int, default=20)
    asked.add_argument("--checks", type=int, default=50)
    asked.add_argument("--runs", type=int, default=100)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--json", type=Path)
    given = asked.parse_args()
    found = [measure(kind, given.sites, given.checks, given.runs, given.rounds) for kind in KINDS]
    print(f"{given.checks} checks x {given.sites} sites x {given.runs} runs, median of {given.rounds}")
    print(f"{'':<10}{'rows':>9}{'lines':>7}{'bytes':>10}{'read s':>8}{'render s':>10}{'first s':>9}{'MiB':>6}")
    for one in found:
        print(
            f"{one['kind']:<10}{one['rows']:>9,}{one['lines']:>7,}{one['bytes']:>10,}{one['read']:>8.3f}"
            f"{one['render']:>10.3f}{one['first_render']:>9.3f}{one['peak_mib']:>6}"
        )
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
