"""Seconds, CPU seconds and peak memory of each step of a run, on synthetic cohorts of growing size.

    .venv/bin/python benchmarks/steps.py [--patients 100,1000] [-o benchmarks/steps.json]

Sizes run one after the other in one process, so read the ratios between sizes and between steps, not the seconds.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from flows.entry import settle_environment

settle_environment()

from flows import pipeline  # noqa: E402
from flows.job import prepare, versions  # noqa: E402
from flows.progress import silent  # noqa: E402
from flows.sample import write_sample  # noqa: E402

STUDY = Path(__file__).resolve().parent.parent / "studies" / "li2023"


class Timed(pipeline.Direct):
    """The direct caller, with a watch."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = {}

    def one(self, name, work, /, *arguments):  # type: ignore[no-untyped-def]
        wall, cpu = time.perf_counter(), time.process_time()
        result = super().one(name, work, *arguments)
        self._note(name, wall, cpu)
        return result

    def each(self, name, work, sites, /):  # type: ignore[no-untyped-def]
        wall, cpu = time.perf_counter(), time.process_time()
        result = super().each(name, work, sites)
        self._note(name, wall, cpu)
        return result

    def _note(self, name: str, wall: float, cpu: float) -> None:
        self.seconds[name] = {
            "wall": round(time.perf_counter() - wall, 2),
            "cpu": round(time.process_time() - cpu, 2),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }


def measure(patients: int, folder: Path) -> dict[str, object]:
    """One run of the sample study on that many synthetic patients, from a folder."""
    counts = write_sample("li2023", folder / "fhir", patients, seed=1)
    job = prepare(STUDY, source=str(folder / "fhir"), runs=folder / "runs", fresh=True)
    watch = Timed()
    pipeline.run(job, pipeline.open_run(job), silent, watch)
    return {"patients": patients, "resources": sum(counts.values()), "steps": watch.seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", default="100,1000")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_name("steps.json"))
    asked = parser.parse_args()
    runs = []
    for patients in (int(n) for n in asked.patients.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(measure(patients, Path(folder)))
        print(json.dumps(runs[-1]))
    asked.out.write_text(json.dumps({"versions": versions(), "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
