"""Measures Bedside's views beside everything else that maps FHIR to rows.

    .venv/bin/python -m benchmarks.mapping [--sizes 10000,100000] [--engines bedside,pysof] [--views Patient]
                                           [--rounds 5] [--fresh] [--no-memory]

What was measured is kept in benchmarks/mapping/work and not measured again while code, versions and data stay the same;
``--fresh`` measures everything anew. Results go to benchmarks/mapping/results.json, docs/performance.md and
docs/performance.svg.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.mapping import machine, resources
from benchmarks.mapping.contenders import BY_NAME, CONTENDERS
from benchmarks.mapping.environments import HERE, java_home
from benchmarks.mapping.figure import draw
from benchmarks.mapping.memory import measure_memory
from benchmarks.mapping.page import write_page
from benchmarks.mapping.rounds import TINY, Bench, say
from benchmarks.mapping.summary import summarise
from benchmarks.shared.environment import NotHere
from benchmarks.shared.kept import Kept
from benchmarks.shared.machine import cores
from benchmarks.shared.machine import facts as facts_of_machine

DOCS = HERE.parent.parent / "docs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000,1000000", help="resources in a file")
    parser.add_argument("--engines", default=",".join(BY_NAME), help="who is measured")
    parser.add_argument("--views", default=",".join(resources.TYPES), help="on which views")
    parser.add_argument("--rounds", type=int, default=5, help="warm rounds of each")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--no-memory", action="store_true", help="leave the 10 GB out")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="where data and environments are kept")
    asked = parser.parse_args()

    work: Path = asked.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    (work / ".gitignore").write_text("*\n")
    measurements = work / "measurements.jsonl"
    if asked.fresh:
        measurements.unlink(missing_ok=True)
    kept = Kept(measurements, {contender.name: machine.identity(contender) for contender in CONTENDERS})

    engines, views = asked.engines.split(","), asked.views.split(",")
    for name, known in [*((name, tuple(BY_NAME)) for name in engines), *((name, resources.TYPES) for name in views)]:
        if name not in known:
            parser.error(f"{name!r} is not one of {', '.join(known)}")
    contenders = [BY_NAME[name] for name in engines]
    sizes = [int(size) for size in asked.sizes.split(",")]
    bench = Bench(work, kept, cores(), asked.rounds)
    for view in views:
        for size in (TINY, *sizes):
            bench.measure(view, size, contenders)
    if not asked.no_memory and BY_NAME["bedside"] in contenders:
        measure_memory(work, kept)
    report(kept, work)


def report(kept: Kept, work: Path) -> None:
    """results.json, the page and the figure from what is kept."""
    facts: dict[str, str | int] = facts_of_machine()
    try:
        facts["java"] = machine.java_version(java_home(work))
    except (NotHere, StopIteration):
        say("no Java for Spark could be made")
    results = summarise(kept.all(), facts, CONTENDERS)
    (HERE / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (DOCS / "performance.svg").write_text(draw(results))
    (DOCS / "performance.md").write_text(write_page(results))
    say("written: benchmarks/mapping/results.json, docs/performance.md, docs/performance.svg")


if __name__ == "__main__":
    main()
