"""The whole way, once: which step follows which, and when a run may not go on.

``Caller`` decides how a step is called: directly (``--direct``) or as a Prefect task (``flows.orchestrate``). The steps
and their results are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flows import steps, stopping
from flows.job import Job
from flows.progress import Progress
from flows.run_folder import RunFolder, start, unfinished
from flows.sites import Site
from mappings.errors import BedsideError, DefinitionError, IncompleteError, SourceError


class Caller(Protocol):
    """How steps are called."""

    def one(self, name: str, work: Callable[..., Any], /, *arguments: Any) -> Any:
        """Call a step and return what it returns, or raise what it raises."""

    def each(self, name: str, work: Callable[[Site], Any], sites: Sequence[Site], /) -> list[Any]:
        """Call a step for every site. A ``BedsideError`` stands in the list in its place: the others go on."""


class Direct:
    """Every step in this process, one after the other."""

    def one(self, name: str, work: Callable[..., Any], /, *arguments: Any) -> Any:
        del name
        return work(*arguments)

    def each(self, name: str, work: Callable[[Site], Any], sites: Sequence[Site], /) -> list[Any]:
        del name
        done: list[Any] = []
        for site in sites:
            try:
                done.append(work(site))
            except BedsideError as error:
                done.append(error)
        return done


@dataclass(frozen=True)
class Outcome:
    """How a run ended. ``exit_code`` is 0, 5 (the gate holds sites, others are analysed) or 6; the rest is raised."""

    run: RunFolder
    exit_code: int
    missing: tuple[str, ...]
    held: tuple[str, ...] = ()


def open_run(job: Job) -> RunFolder:
    """The unfinished run of equal inputs, or a new one."""
    facts = job.facts()
    study_id = job.study.study.id
    found = None if job.fresh else unfinished(job.runs, study_id, facts["inputs_sha256"])
    return found or start(job.runs, study_id, facts)


def run(job: Job, run_folder: RunFolder, progress: Progress, caller: Caller) -> Outcome:
    """Take a run from where it stands to its end, and write into ``run.json`` how it ended.

    Raises:
        DefinitionError: another command is at work in the run.
        BedsideError: with the exit code of what went wrong; the run folder keeps what was done.
    """
    with run_folder.held():
        return _run(job, run_folder, progress, caller)


def _run(job: Job, run_folder: RunFolder, progress: Progress, caller: Caller) -> Outcome:
    try:
        missing = ingest(job, run_folder, progress, caller)
        if missing and not job.allow_incomplete and not steps.usable_sites(run_folder):
            raise IncompleteError(
                f"{_incomplete(missing)}\nnothing is analysed; --allow-incomplete does so all the same"
            )
        _analyse(job, run_folder, progress, caller)
    except BedsideError as error:
        run_folder.finish("incomplete" if error.exit_code == 6 else "failed", error.exit_code)
        raise
    return _closed(run_folder, missing)


def _closed(run_folder: RunFolder, missing: Sequence[str]) -> Outcome:
    """Write how a run ended whose last step is done. What is missing comes before what is held."""
    held = steps.held(run_folder)
    outcome, exit_code = ("incomplete", 6) if missing else ("held", 5) if held else ("complete", 0)
    run_folder.finish(outcome, exit_code)
    return Outcome(run_folder, exit_code, tuple(missing), tuple(held))


def ingest(job: Job, run_folder: RunFolder, progress: Progress, caller: Caller) -> list[str]:
    """Extract and accept every site. Returns what is missing, one line each.

    Raises:
        SourceError: no site could be reached.
    """
    # A run that stopped on an incomplete site asks that site again; those that landed whole are left alone.
    if not run_folder.done("extract") or steps.missing(run_folder):
        with stopping.heard():
            done = caller.each("extract", steps.Extract(job, run_folder, progress), job.sites.sites)
        refused = {s.id: e for s, e in zip(job.sites.sites, done, strict=True) if isinstance(e, BedsideError)}
        other = [e for e in refused.values() if not isinstance(e, SourceError | IncompleteError)]
        if other or len(refused) == len(done):
            raise next(iter(other or refused.values()))
        steps.note_extracts(job, run_folder, {site: str(error) for site, error in refused.items()})
    if not run_folder.done("accept"):
        caller.one("accept", steps.accept, job, run_folder, progress)
    return steps.missing(run_folder)


def step(name: str, job: Job, run_folder: RunFolder, progress: Progress) -> Outcome:
    """Do one step of a run again, or for the first time; the last step closes the run.

    Returns: how it ended, where it is the last; before, 5 from the checks on where they hold a site, else 0.

    Raises:
        DefinitionError: the study has no such step, or a step before it is not done (nothing goes round the checks),
            or another command is at work in the run.
    """
    order = ["extract", "accept", *_following(job)]
    if name not in order:
        raise DefinitionError(f"the study compares no treatments: it has no step {name!r}")
    undone = [before for before in order[: order.index(name)] if not run_folder.done(before)]
    if undone:
        raise DefinitionError(f"{name} needs the steps before it: {', '.join(undone)} not done in {run_folder.root}")
    with run_folder.held():
        run_folder.reopen(name)
        try:
            steps.BY_NAME[name](job, run_folder, progress)
        except BedsideError as error:
            run_folder.finish("failed", error.exit_code)
            raise
        if name == order[-1]:
            return _closed(run_folder, steps.missing(run_folder))
    held = steps.held(run_folder) if order.index(name) >= order.index("check") else []
    return Outcome(run_folder, 5 if held else 0, (), tuple(held))


def _following(job: Job) -> list[str]:
    """The steps after acceptance, in order: a study that compares nothing is only mapped and checked."""
    return ["map", "check"] if job.comparison is None else ["map", "derive", "check", "analyse", "report"]


def _analyse(job: Job, run_folder: RunFolder, progress: Progress, caller: Caller) -> None:
    for name in _following(job):
        if not run_folder.done(name) or (name == "check" and _judged_anew(run_folder)):
            caller.one(name, steps.BY_NAME[name], job, run_folder, progress)


def _judged_anew(run_folder: RunFolder) -> bool:
    """Whether what the gate said may be another now: while the run lay there an override expired, or was given."""
    said = run_folder.read()
    return not run_folder.done("analyse") and bool(said.get("overridden") or said.get("held"))


def _incomplete(missing: Sequence[str]) -> str:
    return "the extract is incomplete:\n" + "\n".join(f"  {line}" for line in missing)
