"""The demo of the dashboard: nightly runs of three simulated hospitals, checked as any run is.

``python -m flows.sample_nights`` (``make demo-dashboard``) makes the runs. What the hospitals send is made up
(``flows.nights_hospitals``); deriving, checking and judging are the steps of a run, so what is planted is really found.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.progress import Progress, shown, silent
from flows.run_folder import RunFolder, private_folder, whole, write_json
from mappings.errors import BedsideError, DefinitionError, GateError

if TYPE_CHECKING:
    import pandas as pd

    from flows.job import Job

NIGHTS = 60
STUDY = Path("demo/dashboard")
_AT = timedelta(hours=3, minutes=30)
"""When the runs begin, after midnight UTC."""
_TAKES = timedelta(minutes=4)


def write_nights(
    study: Path,
    runs: Path,
    last: date,
    nights: int = NIGHTS,
    seed: int = 1,
    progress: Progress = silent,
    workers: int = 1,
) -> list[RunFolder]:
    """Make the runs of ``nights`` nights up to the morning of ``last``, oldest first, and return them.

    The same seed and last day give the same tables and outcomes. ``workers`` processes simulate and derive; judging
    follows night by night, because each is held against those before it. Tables and analysis tables of all but the
    newest run are removed again: the dashboard needs none of them.

    Raises:
        DefinitionError: the folder holds runs of this study that were not simulated. Simulated ones are removed first.
    """
    from flows.job import prepare

    job = prepare(study, runs=runs)
    private_folder(runs)
    _emptied(private_folder(runs / job.study.study.id))
    # The last nights are those with faults, however many there are.
    asked = [
        _Night(study, runs, last, seed, NIGHTS - back, last - timedelta(days=back))
        for back in range(nights - 1, -1, -1)
    ]
    made: list[RunFolder] = []
    progress("nights", 0, nights)
    for root in _derived(asked, workers):
        run = RunFolder(root)
        _judge(job, run)
        for before in made[-1:]:
            for folder in (before.tables, before.analysis):
                shutil.rmtree(folder, ignore_errors=True)
        made.append(run)
        progress("nights", len(made), nights)
    return made


def _emptied(place: Path) -> None:
    there = [RunFolder(file.parent) for file in sorted(place.glob("*/run.json"))]
    if not all(run.read().get("simulated") for run in there):
        raise DefinitionError(f"{place} holds runs that were not simulated: name another folder with --runs")
    for run in there:
        shutil.rmtree(run.root)


@dataclass(frozen=True)
class _Night:
    """What a worker process must know: night number ``number`` ends on the morning of ``day``."""

    study: Path
    runs: Path
    last: date
    seed: int
    number: int
    day: date


def _derived(nights: Sequence[_Night], workers: int) -> Iterator[Path]:
    if workers < 2:
        yield from map(_derive, nights)
        return
    # A process of its own each, not a copy of this one: the engine's threads do not survive a fork. A few nights ahead
    # are enough, and when somebody presses Ctrl-C few are still waited for.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker) as pool:
        under_way: deque[Future[Path]] = deque()
        for night in nights:
            under_way.append(pool.submit(_derive, night))
            if len(under_way) >= 2 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _start_worker() -> None:
    """Settle a worker, which ends with the process that started it, however that ends."""

    def end_with_parent() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    _settle()
    threading.Thread(target=end_with_parent, daemon=True).start()


def _settle() -> None:
    gc.set_threshold(200_000, 20, 100)  # as the command line does, and for its reason
    os.umask(0o077)


@lru_cache(maxsize=1)
def _hospitals(last: date, seed: int) -> dict[str, dict[str, pd.DataFrame]]:
    from flows.nights_hospitals import HOSPITALS, on_file

    return {site: on_file(site, last, seed) for site in HOSPITALS}


def _derive(night: _Night) -> Path:
    """Write the tables and analysis tables of one night; the folder of its run."""
    from expectations.ledger import Ledger
    from flows import ledger_files, steps
    from flows.job import prepare
    from flows.nights_hospitals import sent

    job = prepare(night.study, runs=night.runs)
    began = datetime(night.day.year, night.day.month, night.day.day, tzinfo=UTC) + _AT
    run = RunFolder(private_folder(job.runs / job.study.study.id / f"{began:%Y%m%dT%H%M%SZ}-{night.number:04x}"))
    facts = {"format": 1, "run": run.id, "started": _instant(began), "outcome": None, "exit_code": None, "steps": {}}
    write_json(run.root / "run.json", {**facts, **job.facts(), "simulated": True})
    files = _hospitals(night.last, night.seed)
    ledger_files.write(run, Ledger(types={site: {} for site in files}))
    _write_tables(run, [sent(site, rows, night.number, night.day) for site, rows in files.items()])
    for step in ("extract", "accept", "map"):
        run.step_done(step)
    steps.derive(job, run, silent)
    return run.root


def _judge(job: Job, run: RunFolder) -> None:
    from flows import steps

    try:
        steps.check(job, run, silent)
    except GateError as error:
        run.finish("failed", error.exit_code)
    else:
        held = bool(steps.held(run))
        run.finish("held" if held else "complete", GateError.exit_code if held else 0)
    started = datetime.fromisoformat(run.read()["started"])
    run.update(finished=_instant(started + _TAKES))


def _write_tables(run: RunFolder, sent: Sequence[Mapping[str, pd.DataFrame]]) -> None:
    """``tables/<view>.parquet`` with the columns and types that the views have."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as parquet

    private_folder(run.tables)
    for view in sent[0]:
        rows = pd.concat([one[view] for one in sent], ignore_index=True)
        schema = _schema(view)
        table = pa.Table.from_pandas(rows.reindex(columns=schema.names), preserve_index=False)
        with whole(run.tables / f"{view}.parquet") as part:
            parquet.write_table(pa.table([_cast(table[f.name], f.type) for f in schema], schema=schema), part)


def _cast(column: Any, kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    return column.cast(kind)


@cache
def _schema(view: str) -> Any:
    import pyarrow as pa

    from flows.engines import connected
    from mappings.catalogue import standard_views
    from mappings.compiler import compile_view

    with connected() as con:
        columns = compile_view(standard_views()[view]).relation(con, []).schema().to_pyarrow()
    return pa.schema([pa.field("site", pa.string()), *columns])


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the nights, and say what the last of them found."""
    from flows.entry import settle_environment

    _settle()
    settle_environment()
    parser = argparse.ArgumentParser(prog="python -m flows.sample_nights", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=STUDY / "runs", help="where the runs go (default: %(default)s)")
    parser.add_argument(
        "--last", type=date.fromisoformat, help="the morning of the last run (default: the last there was)"
    )
    parser.add_argument("--nights", type=int, default=NIGHTS, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    last = asked.last or (datetime.now(UTC) - _AT - _TAKES).date()
    try:
        with shown() as progress:
            made = write_nights(STUDY, asked.runs, last, asked.nights, asked.seed, progress, os.cpu_count() or 1)
    except BedsideError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return error.exit_code
    sys.stdout.write("\n".join(_said(made[-1])) + "\n")
    return 0


def _said(run: RunFolder) -> list[str]:
    import pandas as pd

    checks = pd.read_parquet(run.checks)
    bad = checks[checks["status"].isin(["FAIL", "ERROR"])].sort_values(["stops", "check_id"], ascending=[False, True])
    lines = [
        f"{row['site'] or 'all sites':<12}{row['check_id']:<36}{row['table']:<14}{row['numerator']:>8,} of "
        f"{row['denominator']:>8,}{'  stops' if row['stops'] else ''}"
        for row in bad.to_dict("records")
    ]
    return [f"{run.root}: {len(checks)} outcomes, {len(bad)} of them not as they should be", *lines]


if __name__ == "__main__":
    sys.exit(main())
