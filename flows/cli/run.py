"""``bedside run`` and ``bedside extract``: the whole way, and its first step."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flows.cli.options import (
    RUNS,
    AllowIncompleteOption,
    EngineOption,
    FreshOption,
    JsonOption,
    JudgeOption,
    MasterOption,
    RunsOption,
    SinceOption,
    SitesOption,
    SourceOption,
    StudyArgument,
)


def run(
    study: StudyArgument,
    sites: SitesOption = None,
    source: SourceOption = None,
    runs: RunsOption = RUNS,
    direct: Annotated[bool, typer.Option("--direct", help="Without Prefect: same steps, same results.")] = False,
    allow_incomplete: AllowIncompleteOption = False,
    fresh: FreshOption = False,
    since: SinceOption = None,
    judge: JudgeOption = "fast",
    engine: EngineOption = "duckdb",
    master: MasterOption = None,
    as_json: JsonOption = False,
) -> int:
    """Extract, accept, map, derive, check, analyse and report one study."""
    from flows import pipeline
    from flows.acceptance.judges import named
    from flows.cli import say
    from flows.engines import choose, require
    from flows.job import prepare
    from flows.progress import shown

    choice = choose(engine, master)
    require(choice)
    job = prepare(
        study,
        sites,
        source,
        runs,
        allow_incomplete=allow_incomplete,
        fresh=fresh,
        engine=choice,
        judge=named(judge),
        since=since,
    )
    folder = pipeline.open_run(job)
    say.begun(job, folder, as_json)
    with shown(as_json) as progress:
        if direct:
            outcome = pipeline.run(job, folder, progress, pipeline.Direct())
        else:
            from flows.orchestrate import run_here

            outcome = run_here(job, folder, progress)
    say.ended(job, outcome, as_json)
    return outcome.exit_code


def extract(
    study: StudyArgument,
    sites: SitesOption = None,
    source: SourceOption = None,
    runs: RunsOption = RUNS,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be asked, with the server's counts.")
    ] = False,
    allow_incomplete: AllowIncompleteOption = False,
    fresh: FreshOption = False,
    since: SinceOption = None,
    judge: JudgeOption = "fast",
    as_json: JsonOption = False,
) -> int:
    """Make a run folder and fill its landing and accepted folders."""
    from flows import pipeline
    from flows.acceptance.judges import named
    from flows.cli import say
    from flows.job import prepare
    from flows.progress import shown

    job = prepare(
        study, sites, source, runs, allow_incomplete=allow_incomplete, fresh=fresh, judge=named(judge), since=since
    )
    if plan:
        say.plan(job, as_json)
        return 0
    folder = pipeline.open_run(job)
    say.begun(job, folder, as_json)
    with shown(as_json) as progress, folder.held():
        missing = pipeline.ingest(job, folder, progress, pipeline.Direct())
    say.extracted(folder, missing, as_json)
    return 6 if missing else 0


def add_commands(app: Any) -> None:
    """Register these commands."""
    app.command()(run)
    app.command()(extract)
