"""The steps after extraction, one command each, on a run folder that is already there."""

from __future__ import annotations

from typing import Any

from flows.cli.options import RUNS, JsonOption, RunArgument, RunsOption


def map_(run: RunArgument, runs: RunsOption = RUNS, as_json: JsonOption = False) -> int:
    """Map the accepted resources of a run to tables."""
    return _step("map", run, runs, as_json)


def derive(run: RunArgument, runs: RunsOption = RUNS, as_json: JsonOption = False) -> int:
    """Derive the analysis tables of a run."""
    return _step("derive", run, runs, as_json)


def check(run: RunArgument, runs: RunsOption = RUNS, as_json: JsonOption = False) -> int:
    """Check the tables of a run; stops with 5 where a check says so."""
    return _step("check", run, runs, as_json)


def analyse(run: RunArgument, runs: RunsOption = RUNS, as_json: JsonOption = False) -> int:
    """Compare the treatments of a run that passed its checks."""
    return _step("analyse", run, runs, as_json)


def report(run: RunArgument, runs: RunsOption = RUNS, as_json: JsonOption = False) -> int:
    """Write the report of a run from its results."""
    return _step("report", run, runs, as_json)


def _step(step: str, run: str, runs: Any, as_json: bool) -> int:
    from flows import pipeline, run_folder
    from flows.cli import say
    from flows.job import again
    from flows.progress import shown

    folder = run_folder.find(runs, run)
    job = again(folder)
    with shown(as_json) as progress:
        outcome = pipeline.step(step, job, folder, progress)
    say.stepped(outcome, step, as_json)
    return outcome.exit_code


def add_commands(app: Any) -> None:
    """Register these commands."""
    app.command("map")(map_)
    for command in (derive, check, analyse, report):
        app.command()(command)
