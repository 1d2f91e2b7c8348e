"""Accept a landing: judge every line, copy what passes, keep what fails with the reason, and count both."""

from __future__ import annotations

import json
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from flows.acceptance.chunks import (
    Chunk,
    Judged,
    chunks_of,
    judge_chunk,
    judge_in_worker,
    start_worker,
)
from flows.acceptance.counts import AcceptanceCounts, SiteCounts, TypeCounts
from flows.acceptance.fast_judge import FastJudge
from flows.acceptance.findings import Finding, Judge, outcome_line
from flows.acceptance.outputs import OutputFile, emptied
from flows.acceptance.versions import SUPERSEDED, AcceptedFile, supersede
from flows.progress import Progress, silent

# Below this much landed data one process ends sooner than two that must first start and import the models. Measured
# with the models on two cores: 8 MB take 1.9 s either way, 16 MB 3.2 s here and 2.5 s in two workers.
POOL_FROM_BYTES = 8 << 20
# The quick judge is done with six times as much before two workers have caught up (64 MB in 0.5 s in one process).
QUICKER = 6
_NOT_RESOURCES = ("log.ndjson", "OperationOutcome.ndjson")
_SUFFIXES = (".ndjson", ".ndjson.gz", ".ndjson.zst")

# What is judged is one stream over all files, so that workers never wait for a file to be written; None ends a file.
JudgeChunks = Callable[[Iterable[Chunk | None]], Iterator[Judged | None]]


def accept(
    landing_dir: Path,
    accepted_dir: Path,
    quarantine_dir: Path,
    workers: int = 1,
    progress: Progress = silent,
    *,
    new_judge: Callable[[], Judge] = FastJudge,
) -> AcceptanceCounts:
    """Accept every site folder in ``landing_dir`` into the same-named folders of the other two.

    The order of lines is that of landing, whatever the number of ``workers`` (processes; small landings are judged
    in this one). What an earlier acceptance left there is replaced. ``new_judge`` makes a worker's judge and must be
    picklable.
    """
    sites = sorted(path for path in landing_dir.iterdir() if path.is_dir())
    size = sum(path.stat().st_size for site in sites for _, path in landing_files(site))
    with ExitStack() as stack:
        judged = _judging(stack, size, workers, new_judge)(_chunks_and_ends(sites))
        return AcceptanceCounts(
            {
                site.name: _accept_site(
                    site.name, site, accepted_dir / site.name, quarantine_dir / site.name, judged, progress
                )
                for site in sites
            }
        )


def accept_site(
    site: str,
    landing: Path,
    accepted: Path,
    quarantine: Path,
    workers: int = 1,
    progress: Progress = silent,
    *,
    new_judge: Callable[[], Judge] = FastJudge,
) -> SiteCounts:
    """Accept one site's folder, as ``accept`` does for all."""
    size = sum(path.stat().st_size for _, path in landing_files(landing))
    with ExitStack() as stack:
        judged = _judging(stack, size, workers, new_judge)(_chunks_and_ends([landing]))
        return _accept_site(site, landing, accepted, quarantine, judged, progress)


def landing_files(folder: Path) -> list[tuple[str, Path]]:
    """(type, file) of every file of resources in a site's landing, in the order of their names."""
    files = [
        path for path in sorted(folder.iterdir()) if path.name.endswith(_SUFFIXES) and path.name not in _NOT_RESOURCES
    ]
    return [(path.name.split(".", 1)[0], path) for path in files]


def _by_type(folder: Path) -> list[tuple[str, list[Path]]]:
    """The files of each type in a site's landing: the order everything is done in."""
    found: dict[str, list[Path]] = {}
    for resource_type, path in landing_files(folder):
        found.setdefault(resource_type, []).append(path)
    return sorted(found.items())


def _chunks_and_ends(sites: Iterable[Path]) -> Iterator[Chunk | None]:
    for site in sites:
        for resource_type, files in _by_type(site):
            for path in files:
                yield from chunks_of(resource_type, path)
                yield None


def _judging(stack: ExitStack, size: int, workers: int, new_judge: Callable[[], Judge]) -> JudgeChunks:
    if workers <= 1 or size < POOL_FROM_BYTES * (QUICKER if new_judge is FastJudge else 1):
        judge = new_judge()
        return lambda chunks: (None if chunk is None else judge_chunk(chunk, judge) for chunk in chunks)
    # Spawned, since forking a process that has threads (Prefect, DuckDB) can hang.
    pool = stack.enter_context(
        ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), start_worker, (new_judge,))
    )
    return lambda chunks: _in_order(pool, chunks, 2 * workers)


def _in_order(pool: Executor, chunks: Iterable[Chunk | None], ahead: int) -> Iterator[Judged | None]:
    """Results in the order of the chunks, with at most ``ahead`` chunks under way: memory stays bounded."""
    under_way: deque[Future[Judged] | None] = deque()
    for chunk in chunks:
        under_way.append(None if chunk is None else pool.submit(judge_in_worker, chunk))
        while len(under_way) >= ahead:
            yield _result(under_way.popleft())
    yield from map(_result, under_way)


def _result(future: Future[Judged] | None) -> Judged | None:
    return None if future is None else future.result()


def _accept_site(
    site: str, landing: Path, accepted: Path, quarantine: Path, judged: Iterator[Judged | None], progress: Progress
) -> SiteCounts:
    emptied(accepted)
    emptied(quarantine)
    types: dict[str, TypeCounts] = {}
    lines = _lines_said(landing)
    with OutputFile(quarantine / "OperationOutcome.ndjson") as outcomes:
        for resource_type, files in _by_type(landing):
            with OutputFile(quarantine / f"{resource_type}.ndjson") as rejects:
                work = _TypeWork(resource_type, accepted, _Quarantine(resource_type, rejects, outcomes))
                label = f"accept {site} {resource_type}"
                expected = (
                    sum(lines[path.name] for path in files) if all(path.name in lines for path in files) else None
                )
                types[resource_type] = work.accept(files, judged, partial(_report, progress, label, expected))
                landed = types[resource_type].landed
                if landed != expected:
                    progress(label, landed, landed)
    return SiteCounts(types)


def _report(progress: Progress, label: str, expected: int | None, done: int) -> None:
    progress(label, done, expected)


def _lines_said(landing: Path) -> dict[str, int]:
    """The lines of each file as the landing's manifest has them; they only make the progress say of how many."""
    try:
        said = json.loads((landing / "manifest.json").read_bytes())
        return {file["name"]: file["lines"] for file in said["files"]}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


class _Quarantine:
    """The two quarantine files of a type: the line as landed, and its OperationOutcome."""

    def __init__(self, resource_type: str, rejects: OutputFile, outcomes: OutputFile) -> None:
        self._type, self._rejects, self._outcomes = resource_type, rejects, outcomes

    def add(self, file: str, line: int, text: bytes, findings: tuple[Finding, ...]) -> None:
        self._rejects.write(text + b"\n")
        self._outcomes.write(outcome_line(findings, self._type, file, line) + b"\n")


class _TypeWork:
    """One resource type of one site: all of its files, then the versions superseded among them."""

    def __init__(self, resource_type: str, accepted: Path, quarantine: _Quarantine) -> None:
        self._type = resource_type
        self._accepted = accepted
        self._quarantine = quarantine
        self._counts = TypeCounts()

    def accept(self, files: list[Path], judged: Iterator[Judged | None], report: Callable[[int], None]) -> TypeCounts:
        """Write what became of these files; ``judged`` stands at the first of them and is read to the last's end."""
        kept = []
        for path in files:
            copy = AcceptedFile(path, self._accepted / path.name.removesuffix(".gz").removesuffix(".zst"))
            before = self._counts.landed
            with OutputFile(copy.path) as out:
                for part in iter(judged.__next__, None):
                    self._take(copy, self._counts.landed - before, part, out)
                    report(self._counts.landed)
            kept.append(copy)
        for file, line, text in supersede(kept):
            self._counts.accepted -= 1
            self._counts.superseded += 1
            self._reject(file, line, text, (SUPERSEDED,))
        return self._counts

    def _take(self, copy: AcceptedFile, before: int, judged: Judged, out: OutputFile) -> None:
        """``before``: the lines of the file that came before."""
        accepted = judged.accepted
        out.write(accepted.read() if isinstance(accepted, Chunk) else accepted)
        copy.keys += judged.keys
        copy.lines.extend(before + line for line in judged.lines)
        self._counts.landed += judged.landed
        self._counts.accepted += len(judged.lines)
        self._counts.rewritten += judged.rewritten
        for rejected in judged.rejected:
            self._reject(copy.landing.name, before + rejected.line, rejected.text, rejected.findings)

    def _reject(self, file: str, line: int, text: bytes, findings: tuple[Finding, ...]) -> None:
        self._quarantine.add(file, line, text, findings)
        self._counts.quarantined += 1
        self._counts.reasons[findings[0].rule] += 1
