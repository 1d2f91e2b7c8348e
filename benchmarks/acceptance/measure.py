"""The measurements themselves: judges line by line on one core, and whole acceptances in processes of their own."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from flows.acceptance.chunks import judge_lines
from flows.acceptance.fast_judge import FastJudge
from flows.acceptance.models_judge import ModelsJudge

Lines = dict[str, list[bytes]]
# A way to judge all lines of a type; gives how many were accepted.
Way = Callable[[str, list[bytes]], int]


def read_sample(folder: Path) -> Lines:
    """The lines of every type of the public sample."""
    return {
        path.name.partition(".")[0]: gzip.decompress(path.read_bytes()).splitlines()
        for path in sorted(folder.glob("*.ndjson.gz"))
    }


def ways() -> dict[str, Way]:
    """What is compared, each from the bytes of a line to a verdict; each is given its types before it is timed."""
    fast, models = FastJudge(), ModelsJudge()

    def by_json(type_: str, lines: list[bytes]) -> int:
        from fhir.resources.R4B import get_fhir_model_class

        model = get_fhir_model_class(type_)
        return sum(1 for line in lines if model.model_validate_json(line) is not None)

    return {
        "fast": lambda type_, lines: sum(1 for findings, _ in judge_lines(type_, lines, fast) if not findings),
        "models": lambda type_, lines: sum(1 for findings, _ in judge_lines(type_, lines, models) if not findings),
        "fhir.resources": by_json,
        "orjson": lambda _, lines: sum(1 for line in lines if orjson.loads(line)),
    }


def judges_in_rounds(lines: Lines, rounds: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Seconds of processor time of each way and type, the ways taking turns type by type; on one core."""
    compared = ways()
    for way in compared.values():
        for type_, of_type in lines.items():
            way(type_, of_type[:200])
    found = []
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        for number in range(rounds):
            one: dict[str, Any] = {"load": os.getloadavg()[0], "seconds": {name: {} for name in compared}}
            for type_, of_type in lines.items():
                # In turn from another end each round, so that none is always first after another.
                for name in sorted(compared, reverse=number % 2 == 1):
                    one["seconds"][name][type_] = _timed(compared[name], type_, of_type)
            found.append(one)
            total = {name: sum(by_type.values()) for name, by_type in one["seconds"].items()}
            say(
                f"judges, round {number + 1}: "
                + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in total.items())
            )
    finally:
        os.sched_setaffinity(0, allowed)
    return found


def _timed(way: Way, type_: str, lines: list[bytes]) -> float:
    began = time.process_time()
    accepted = way(type_, lines)
    seconds = time.process_time() - began
    if accepted != len(lines):
        raise SystemExit(f"{type_}: {accepted} of {len(lines)} accepted: a comparison of other work is none")
    return seconds


def acceptances_in_rounds(
    lines: Lines, kinds: list[tuple[str, int]], rounds: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Whole acceptances of the sample as landed (judge, workers), taking turns. The outputs must be the same bytes."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bedside-bench-") as folder:
        root = Path(folder)
        landing = root / "landing" / "sample"
        landing.mkdir(parents=True)
        for type_, of_type in lines.items():
            (landing / f"{type_}.000.ndjson").write_bytes(b"".join(line + b"\n" for line in of_type))
        for number in range(rounds):
            one: dict[str, Any] = {"load": os.getloadavg()[0], "runs": []}
            for judge, workers in kinds:
                done = _once(root / "landing", root / judge / str(workers), judge, workers)
                one["runs"].append({"judge": judge, "workers": workers, **done})
            found.append(one)
            said = (f"{run['judge']} in {run['workers']} {run['seconds']:.2f} s" for run in one["runs"])
            say(f"acceptances, round {number + 1}: {', '.join(said)}")
        outputs = [_bytes_of(root / judge / str(workers)) for judge, workers in kinds]
        if any(other != outputs[0] for other in outputs):
            raise SystemExit("the judges left different bytes")
    return found


def _once(landing: Path, out: Path, judge: str, workers: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.acceptance.once", landing, out, judge, str(workers)]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    whole = time.perf_counter() - began
    return {**json.loads(done.stdout), "process_seconds": whole}


def _bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
