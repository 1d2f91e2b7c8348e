"""Commands for running Bedside on a schedule."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flows.cli.options import (
    RUNS,
    EngineOption,
    JudgeOption,
    MasterOption,
    RunsOption,
    SinceOption,
    SitesOption,
    SourceOption,
    StudyArgument,
)


def deploy(
    study: StudyArgument,
    cron: Annotated[str, typer.Option("--cron", help='When, for instance "0 2 * * *" for two o\'clock every night.')],
    timezone: Annotated[str, typer.Option(help="The time zone of the schedule.")] = "UTC",
    name: Annotated[str | None, typer.Option(help="The deployment's name (default: the study's id).")] = None,
    sites: SitesOption = None,
    source: SourceOption = None,
    runs: RunsOption = RUNS,
    since: SinceOption = None,
    judge: JudgeOption = "fast",
    engine: EngineOption = "duckdb",
    master: MasterOption = None,
    port: Annotated[int, typer.Option(help="Where a Prefect server is started if PREFECT_API_URL names none.")] = 4200,
) -> None:
    """Run a study on a schedule through Prefect, until ended with Ctrl-C."""
    from flows import deploy as deployment
    from flows.acceptance.judges import named
    from flows.engines import choose, require
    from flows.job import prepare

    choice = choose(engine, master)
    require(choice)
    job = prepare(study, sites, source, runs, engine=choice, judge=named(judge), since=since)
    called = name or job.study.study.id
    server = deployment.choose_server(port)
    schedule = deployment.schedule_of(cron, timezone)
    typer.echo("looking for the Prefect server, or starting one", err=True)
    with deployment.started(server):
        typer.echo(f"bedside-scheduled/{called}: {cron} ({timezone}), Ctrl-C ends it", err=True)
        typer.echo(f"its runs are shown at {server.address.removesuffix('/api')}", err=True)
        parameters = deployment.parameters_of(job.folder.path, sites, source, runs, choice, job.judge, job.since)
        deployment.serve(called, parameters, schedule)


def add_commands(app: Any) -> None:
    """Register these commands."""
    app.command()(deploy)
