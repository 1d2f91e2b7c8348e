"""Measures Bedside's extraction beside its peers and beside plain downloads, against one local server.

    .venv/bin/python -m benchmarks.extract [--sample DIR] [--rounds 5] [--contenders bedside,smart-fetch] [--copies 5]
                                           [--no-hapi] [--10gb] [--memory-gb 1] [--fresh]

The sample is the public Synthea sample; by default it is looked for in ../shared/synthea. What was measured is kept in
benchmarks/extract/work and not measured again while code, versions and data stay the same; ``--fresh`` measures
everything anew. Results go to benchmarks/extract/results.json, docs/performance-extract.md and
docs/performance-extract.svg.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.extract import servers
from benchmarks.extract.contenders import BY_NAME, CONTENDERS, Contender
from benchmarks.extract.data import MOST, TYPES, id_of, lines, write, write_part
from benchmarks.extract.figure import draw
from benchmarks.extract.memory import measure_memory
from benchmarks.extract.page import write_page
from benchmarks.extract.rounds import HERE, Bench, say
from benchmarks.extract.servers import hapi, prepared_pages, sandbox
from benchmarks.extract.summary import STOP_RATE, rate, summarise
from benchmarks.extract.truth import served
from benchmarks.shared.environment import NotHere
from benchmarks.shared.kept import Kept
from benchmarks.shared.machine import facts

REPOSITORY = HERE.parent.parent
HAPI_EVERY = 8
"""Every so many-th patient of the sample goes onto the HAPI server."""
SAMPLES = (REPOSITORY / ".." / "shared" / "synthea",)


def main() -> None:
    asked = _arguments()
    sample = _sample(asked.sample)
    work: Path = asked.work.resolve()
    (work / "logs").mkdir(parents=True, exist_ok=True)
    (work / ".gitignore").write_text("*\n")
    measurements = work / "measurements.jsonl"
    if asked.fresh:
        measurements.unlink(missing_ok=True)
    kept = Kept(measurements, {contender.name: identity(contender) for contender in CONTENDERS})
    for left in work.glob("out-*"):  # of a bench that was stopped
        shutil.rmtree(left, ignore_errors=True)
    contenders = [BY_NAME[name] for name in asked.contenders.split(",")]
    bench = Bench(work, kept, asked.rounds)
    for data, copies in [("sample", 1), *([(f"sample x {asked.copies}", asked.copies)] if asked.copies > 1 else [])]:
        folder = _data(sample, work, copies)
        some = [c for c in contenders if copies == 1 or _goes_on(c, kept)]
        truth, patients = served(folder), _patients(folder)
        with prepared_pages(folder, work / "logs" / "pages.log") as base:
            bench.measure(base, "pages", data, truth, patients, some)
            if copies == 1:
                bench.with_faults(base, truth, patients, contenders)
        with sandbox(folder, work / "logs" / "sandbox.log") as base:
            bench.measure(base, "sandbox", data, truth, patients, some)
    if asked.hapi:
        _on_hapi(bench, sample, work, contenders)
    through = 10 * 10**9 if asked.ten_gb else int(asked.memory_gb * 10**9)
    if through and BY_NAME["bedside"] in contenders:
        measure_memory(work, sample, kept, through)
    report(kept)


def _on_hapi(bench: Bench, sample: Path, work: Path, contenders: Sequence[Contender]) -> None:
    """A real server, which is so much slower that a part of the sample will do."""
    folder = work / "data-part"
    if not (folder / "done").exists():
        write_part(sample, folder, HAPI_EVERY)
        (folder / "done").touch()
    say("starting and loading HAPI")
    try:
        with hapi(sample, folder) as base:
            bench.measure(base, "hapi", "part of the sample", served(folder), _patients(folder), contenders)
    except NotHere as why:
        say(f"    no HAPI: {why}")


def _patients(folder: Path) -> Path:
    path = folder / "patients.txt"
    path.write_text("".join(f"{id_of(line)}\n" for line in lines(folder, "Patient")))
    return path


def report(kept: Kept) -> None:
    """results.json, the page and the figure from what is kept."""
    today = {server: servers.identity(server) for server in servers.SERVERS}
    records = [r for r in kept.all() if r["kind"] != "run" or r["served_by"] == today[r["server"]]]
    results = summarise(records, facts(), CONTENDERS)
    (HERE / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (REPOSITORY / "docs" / "performance-extract.svg").write_text(draw(results))
    (REPOSITORY / "docs" / "performance-extract.md").write_text(write_page(results))
    say("written: benchmarks/extract/results.json, docs/performance-extract.md, docs/performance-extract.svg")


def identity(contender: Contender) -> str:
    """A short hash of all that decides a contender's figures: its code and its versions.

    The plain downloads go with Bedside's code: what is compared closely is measured anew together.
    """
    parts = [(HERE / "clients" / f"{contender.module}.py").read_bytes()]
    if contender.environment:
        parts.append((HERE / "peers" / f"{contender.environment}.txt").read_bytes())
    if contender.kind != "peer":
        code = [path for room in ("client", "landing") for path in sorted((REPOSITORY / "flows" / room).glob("*.py"))]
        parts += [path.read_bytes() for path in (*code, REPOSITORY / "analysis" / "arrival.py")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _goes_on(contender: Contender, kept: Kept) -> bool:
    """Whether a contender is measured on more than the sample."""
    if contender.kind != "peer":
        return True
    known = rate(kept.of("run", contender.name, server="pages", data="sample", served_by=servers.identity("pages")))
    return known is not None and known >= STOP_RATE


def _data(sample: Path, work: Path, copies: int) -> Path:
    folder = work / f"data-{copies}"
    if not (folder / "done").exists():
        say(f"writing the sample, {copies} time(s)")
        write(sample, folder, copies)
        (folder / "done").touch()
    return folder


def _sample(given: Path | None) -> Path:
    for folder in (given,) if given else SAMPLES:
        if all(any(folder.glob(f"{type_}.ndjson*")) for type_ in TYPES):
            return folder
    raise SystemExit("the sample is not there: say --sample DIR, a folder of its NDJSON (plain or gzip)")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=Path, help="the folder of the public sample")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each")
    parser.add_argument("--contenders", default=",".join(BY_NAME), help="who is measured")
    parser.add_argument("--copies", type=int, default=5, help="how often the larger set holds the sample; 1: none")
    parser.add_argument(
        "--no-hapi", dest="hapi", action="store_false", help="without the HAPI server, which Maven builds"
    )
    parser.add_argument("--memory-gb", type=float, default=1, help="how much the memory measure lets through; 0: none")
    parser.add_argument("--10gb", dest="ten_gb", action="store_true", help="the memory measure with 10 GB")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="where data and environments are kept")
    asked = parser.parse_args()
    if not 1 <= asked.copies <= MOST + 1:
        parser.error(f"--copies is a number from 1 to {MOST + 1}")
    for name in asked.contenders.split(","):
        if name not in BY_NAME:
            parser.error(f"{name!r} is not one of {', '.join(BY_NAME)}")
    return asked


if __name__ == "__main__":
    main()
