"""The memory measure: ten gigabytes of pages, made while they are asked for, through Bedside's landing."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from benchmarks.extract.contenders import BY_NAME
from benchmarks.extract.data import TYPES
from benchmarks.extract.rounds import Bench, say
from benchmarks.extract.servers import PAGE_SIZE, counts, prepared_pages
from benchmarks.shared.environment import NotHere
from benchmarks.shared.kept import Kept

# Two types, so that searches run side by side; those of most resources in the sample.
_TYPES = ("Observation", "Procedure")


def measure_memory(work: Path, sample: Path, kept: Kept, size: int) -> None:
    """``size`` bytes of pages, half of each type; takes peak memory and what was landed. The landing is removed."""
    bedside = BY_NAME["bedside"]
    if list(kept.of("memory", bedside.name, asked=size)):
        return
    # A landing holds the resources, and while it runs the searches' own files too.
    free, needed = shutil.disk_usage(work).free, 2.5 * size
    if free < needed:
        say(f"memory: skipped, {free / 1e9:.0f} GB of disk are free and {needed / 1e9:.0f} are needed")
        return
    out = Path(tempfile.mkdtemp(prefix="out-", dir=work))
    try:
        with prepared_pages(sample, work / "logs" / "pages.log", endless=size // len(_TYPES)) as base:
            say(f"memory: {size / 1e9:g} GB of {' and '.join(_TYPES)} in pages of {PAGE_SIZE}")
            counts(base)
            answer = Bench(work, kept, 1).run_once(bedside, base, out, _TYPES, out / "none")
            served = counts(base)
        landed = sum(_lines(path) for type_ in TYPES for path in (out / "landing").glob(f"{type_}.*.ndjson"))
        kept.add("memory", bedside.name, asked=size, **answer, **served, landed=landed, pages=served["requests"] - 1)
        say(f"memory: {answer['peak_bytes'] / 2**20:,.0f} MiB at most, {answer['seconds']:.0f} s, {landed:,} landed")
    except NotHere as why:
        say(f"memory: {why}")
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
