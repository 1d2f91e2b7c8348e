"""Prefect, thin: the steps of ``flows.pipeline`` as tasks of one flow, here or on a schedule.

A task is a site's extract or a whole step, never a patient or a page. Nothing is cached by Prefect: the run folder says
what is done, and the ledger whether it still holds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait

from flows import pipeline
from flows.acceptance.judges import named
from flows.defects import without_values
from flows.engines import choose
from flows.job import Job, prepare
from flows.progress import Progress, silent
from flows.quality_artifact import publish
from flows.run_folder import RunFolder
from flows.server_slots import slot
from flows.sites import Site
from mappings.errors import BedsideError, GateError, IncompleteError


class _Tasks:
    """Steps called as Prefect tasks."""

    def one(self, name: str, work: Callable[..., Any], /, *arguments: Any) -> Any:
        return _as_task(name, work)(*arguments)

    def each(self, name: str, work: Callable[[Site], Any], sites: Sequence[Site], /) -> list[Any]:
        futures = [_as_task(f"{name} {site.id}", _with_slot(work)).submit(site) for site in sites]
        wait(futures)
        done = [future.result(raise_on_failure=False) for future in futures]
        for result in done:
            if isinstance(result, BaseException) and not isinstance(result, BedsideError):
                raise result
        return done


def _with_slot(work: Callable[[Site], Any]) -> Callable[[Site], Any]:
    def step(site: Site) -> Any:
        with slot(site):
            return work(site)

    return step


def _as_task(name: str, work: Callable[..., Any]) -> Any:
    # Parameters hold no value worth keeping in Prefect's database, and results stay in the run folder.
    return task(
        _named(name, work), name=name, task_run_name=name, cache_policy=NO_CACHE, persist_result=False, log_prints=False
    )


def _named(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    def step(*arguments: Any) -> Any:
        with without_values():
            return work(*arguments)

    step.__name__ = name.split(" ", 1)[0]
    return step


def _published(job: Job, run_folder: RunFolder, progress: Progress) -> pipeline.Outcome:
    """Run, and say in Prefect what the checks found, also where they stop the run."""
    try:
        return pipeline.run(job, run_folder, progress, _Tasks())
    finally:
        publish(job, run_folder)


def run_here(job: Job, run_folder: RunFolder, progress: Progress) -> pipeline.Outcome:
    """Run in this process, with an ephemeral Prefect server unless PREFECT_API_URL names a running one.

    Raises what ``flows.pipeline.run`` raises; its sentence is the command line's to print, so Prefect's own loggers
    keep their tracebacks to themselves.
    """
    for logger in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    # It counts the events still to be sent while the flow begins.
    logging.getLogger("EventsWorker").setLevel(logging.ERROR)
    started = time.monotonic()
    progress("Prefect is starting", 0, 1)

    def begun(label: str, done: int, total: int | None, /) -> None:
        if not seen:
            seen.append(label)
            progress(f"Prefect is starting ({time.monotonic() - started:.0f} s)", 1, 1)
        progress(label, done, total)

    seen: list[str] = []

    # Without parameters: job and folder are no values for Prefect's database.
    @flow(name="bedside", persist_result=False)  # type: ignore[untyped-decorator]
    def comparison() -> pipeline.Outcome:
        with without_values():
            return _published(job, run_folder, begun)

    outcome: pipeline.Outcome = comparison()
    return outcome


@flow(name="bedside-scheduled", persist_result=False)  # type: ignore[untyped-decorator]
def scheduled(
    study: str,
    sites: str | None = None,
    source: str | None = None,
    runs: str = "runs",
    engine: str = "duckdb",
    master: str | None = None,
    judge: str = "fast",
    since: str | None = None,
) -> dict[str, Any]:
    """What a schedule runs: a fresh run of one study. Returns aggregates only: Prefect keeps them in its database.

    Raises:
        IncompleteError, GateError: the sites that landed whole, or pass the gate, are analysed; nobody reads a night's
            log, so the run still fails.
    """
    with without_values():
        choice = choose(engine, master)
        where = (Path(sites) if sites else None, source, Path(runs))
        job = prepare(Path(study), *where, fresh=True, engine=choice, judge=named(judge), since=since)
        run_folder = pipeline.open_run(job)
        outcome = _published(job, run_folder, silent)
        if outcome.missing:
            raise IncompleteError(
                f"run {run_folder.id} is analysed without what is missing:\n"
                + "\n".join(f"  {line}" for line in outcome.missing)
            )
        if outcome.held:
            raise GateError(
                f"run {run_folder.id} is analysed without what the quality gate holds:\n"
                + "\n".join(f"  {line}" for line in outcome.held)
            )
    return {"run": run_folder.id, "exit_code": outcome.exit_code}
