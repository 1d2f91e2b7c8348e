"""The memory measure: ten gigabytes of NDJSON through one view into Parquet, by the command a user would type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.mapping import resources
from benchmarks.mapping.environments import HERE
from benchmarks.mapping.rounds import say
from benchmarks.shared.kept import Kept
from benchmarks.shared.machine import cores

TYPE = "Observation"
BYTES = 10 * 10**9
_PART = 500_000


def measure_memory(work: Path, kept: Kept) -> None:
    """Writes the files, maps them once in a process of its own, takes its peak memory, removes the files."""
    if list(kept.of("memory", "bedside")):
        return
    free = shutil.disk_usage(work).free
    if free < BYTES * 1.3:
        say(f"memory: skipped, {free / 1e9:.0f} GB of disk are free and 13 are needed")
        return
    folder, out = work / "ten-gigabytes", work / "ten-gigabytes.parquet"
    try:
        say(f"memory: writing {BYTES / 1e9:.0f} GB")
        written = _write(folder)
        say("memory: mapping them")
        measured = _map(folder, out)
        if measured["code"]:
            kept.add("failed", "bedside", view=TYPE, size=0, why=f"10 GB: ended with code {measured['code']}")
            return
        kept.add("memory", "bedside", view=TYPE, **written, **measured, out_bytes=out.stat().st_size)
        say(f"memory: {measured['peak_bytes'] / 2**20:,.0f} MiB at most, {measured['seconds']:.1f} s")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        out.unlink(missing_ok=True)


def _write(folder: Path) -> dict[str, int]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    one = len(resources.block(TYPE, 0)) / resources.BLOCK * _PART
    parts = int(BYTES / one) + 1
    with ProcessPoolExecutor(cores()) as pool:
        sizes = list(pool.map(_part, [folder] * parts, range(parts)))
    return {"files": parts, "resources": parts * _PART, "bytes": sum(sizes)}


def _part(folder: Path, number: int) -> int:
    path = folder / f"{TYPE}.{number:03d}.ndjson"
    with path.open("wb") as out:
        for made in resources.blocks(TYPE, _PART, first=number * _PART // resources.BLOCK):
            out.write(made)
    return path.stat().st_size


def _map(folder: Path, out: Path) -> dict[str, Any]:
    view = HERE / "views" / f"{TYPE}.json"
    bedside = Path(sys.prefix) / "bin" / "bedside"
    command = [str(bedside), "view", "run", str(view), "--source", str(folder), "--to", "parquet", "-o", str(out)]
    before = time.perf_counter()
    with (folder.parent / "logs" / "memory.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "code": process.returncode,
        "seconds": time.perf_counter() - before,
        "peak_bytes": used.ru_maxrss * 1024,
    }
