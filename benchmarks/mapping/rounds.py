"""Which measurements are wanted, and taking them: engines in turn, round by round, each warm in its own process."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.mapping import resources
from benchmarks.mapping.canonical import compared
from benchmarks.mapping.contenders import Contender
from benchmarks.mapping.driver import Worker
from benchmarks.mapping.environments import HERE
from benchmarks.shared.environment import NotHere
from benchmarks.shared.kept import Kept

TINY = 10
"""Resources of a file that costs nothing but the start of a query."""
SMALL = 10_000
"""The size at which cold starts are taken of all and rows are compared."""
STOP_SIZE = 100_000
STOP_RATE = 50_000
"""A peer slower than this many resources a second goes no further than STOP_SIZE."""
_SUBJECTS = ("bedside", "duckdb-sql")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def rate(kept: Kept, engine: str, view: str, size: int) -> float | None:
    """Resources a second: the median of the warm rounds there are."""
    seconds = [record["seconds"] for record in kept.of("run", engine, view=view, size=size)]
    return size / statistics.median(seconds) if seconds else None


def wanted(contender: Contender, view: str, size: int, kept: Kept) -> bool:
    """Whether a contender is measured at a size."""
    if size == TINY:
        return contender.name in _SUBJECTS
    if size > contender.largest:
        return False
    if size > STOP_SIZE and contender.name not in _SUBJECTS:
        known = rate(kept, contender.name, view, STOP_SIZE)
        return known is not None and known >= STOP_RATE
    return True


class Bench:
    """Takes what is missing in ``kept`` for one view and size after another."""

    def __init__(self, work: Path, kept: Kept, cores: int, rounds: int) -> None:
        self._work, self._kept, self._cores, self._rounds = work, kept, cores, rounds
        self._ready: set[str] = set()

    def measure(self, view: str, size: int, contenders: Sequence[Contender]) -> None:
        """Every wanted contender on one view at one size."""
        missing = {
            c: todo for c in contenders if wanted(c, view, size, self._kept) and (todo := self._todo(c, view, size))
        }
        if not missing:
            return
        file = resources.file(self._work / "data", view, size)
        workers: dict[Contender, Worker] = {}
        try:
            for contender in missing:
                worker = self._begin(contender, view, size, file)
                if worker:
                    workers[contender] = worker
            for number in range(max(map(max, missing.values())) + 1):
                for contender, worker in list(workers.items()):
                    if number in missing[contender]:
                        self._round(worker, view, size, number, file, workers)
            if size == SMALL:
                self._compare(workers, view, file)
        finally:
            for worker in workers.values():
                worker.end()

    def _todo(self, contender: Contender, view: str, size: int) -> list[int]:
        done = {record["round"] for record in self._kept.of("run", contender.name, view=view, size=size)}
        todo = [number for number in range(1, self._rounds_of(contender, size) + 1) if number not in done]
        if not todo and size == SMALL and not list(self._kept.of("rows", contender.name, view=view)):
            return [0]  # the rounds are there, the comparison of rows is not
        return todo

    def _rounds_of(self, contender: Contender, size: int) -> int:
        # Twenty milliseconds are soon measured, and soon disturbed.
        return self._rounds * 5 if size == SMALL and contender.name in _SUBJECTS else self._rounds

    def _begin(self, contender: Contender, view: str, size: int, file: Path) -> Worker | None:
        say(f"{view} {size:,}: starting {contender.name}")
        try:
            self._fetched(contender, view)
            worker = Worker(contender, HERE / "views" / f"{view}.json", self._work, self._cores)
        except NotHere as why:
            self._failed(contender, view, size, why)
            return None
        try:
            cold = contender.spark or size == SMALL
            first = worker.run(file if cold else resources.file(self._work / "data", view, TINY))
        except NotHere as why:
            self._failed(contender, view, size, why)
            worker.end()
            return None
        self._kept.add("versions", contender.name, versions=worker.versions)
        if cold:
            said = {"view": view, "size": size, "start": worker.started, "first": first["seconds"]}
            self._kept.add("cold", contender.name, **said)
            say(f"    {contender.name}: {worker.started:.1f} s to start, {first['seconds']:.2f} s for the first query")
        return worker

    def _fetched(self, contender: Contender, view: str) -> None:
        """What a contender fetches when it first starts is there before a start is timed."""
        if contender.name not in self._ready:
            Worker(contender, HERE / "views" / f"{view}.json", self._work, self._cores).end()
            self._ready.add(contender.name)

    def _round(
        self, worker: Worker, view: str, size: int, number: int, file: Path, workers: dict[Contender, Worker]
    ) -> None:
        name = worker.contender.name
        try:
            answer = worker.run(file)
        except NotHere as why:
            self._failed(worker.contender, view, size, why)
            workers.pop(worker.contender).end()
            return
        self._kept.add("run", name, view=view, size=size, round=number, bytes=file.stat().st_size, **answer)
        seconds = answer["seconds"]
        say(f"    round {number} of {self._rounds}, {name}: {seconds:.3f} s, {size / seconds:,.0f}/s")

    def _failed(self, contender: Contender, view: str, size: int, why: NotHere) -> None:
        said = str(why).replace(str(self._work), "work")
        say(f"    {contender.name} cannot run: {said}")
        self._kept.add("failed", contender.name, view=view, size=size, why=said)

    def _compare(self, workers: Mapping[Contender, Worker], view: str, file: Path) -> None:
        """The rows of every engine against ours, as a multiset, types settled."""
        folder = self._work / "rows"
        folder.mkdir(parents=True, exist_ok=True)
        ours = folder / f"{view}.bedside.ndjson"
        for contender, worker in sorted(workers.items(), key=lambda pair: pair[0].name != "bedside"):
            out = folder / f"{view}.{contender.name}.ndjson"
            try:
                answer = worker.rows(file, out)
            except NotHere as why:
                self._failed(contender, view, SMALL, why)
                continue
            if not ours.exists():
                say(f"    rows of {contender.name} not compared: ours are not there")
                continue
            with ours.open(encoding="utf-8") as one, out.open(encoding="utf-8") as other:
                counts = compared(one, other)
            self._kept.add("rows", contender.name, view=view, remarks=answer["remarks"], **counts)
            say(f"    rows of {contender.name}: {counts}, {answer['remarks']}")
