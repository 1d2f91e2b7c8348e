"""Commands about who may see the comparison, and who stands by it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from flows.cli.options import RUNS, JsonOption, RunsOption, StudyArgument
from mappings.errors import DefinitionError


def lock(
    study: StudyArgument,
    cutoff: Annotated[
        datetime, typer.Option("--cutoff", formats=["%Y-%m-%d"], help="The data cut-off, as the study file says it.")
    ],
    by: Annotated[str, typer.Option("--by", help="Who releases the comparison.")],
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> int:
    """Freeze a locked study, its codes and the data of its newest complete run, and release the comparison."""
    from dataclasses import asdict

    from flows import release, run_folder, study_folder
    from flows.job import again

    given = study_folder.read(study)
    run = run_folder.newest_complete(runs, given.study.study.id)
    job = again(run)
    if given.sha256 != job.folder.sha256:
        raise DefinitionError(f"{study} is not the study that {run.root} was made from; start anew with: bedside run")
    made = release.lock(job, run, cutoff.date(), by)
    if as_json:
        typer.echo(json.dumps({"outcome": "complete", "run": str(run.root), "lock": asdict(made)}))
    else:
        frozen = f"{len(made.files)} study files and the data of {len(made.data)} sites"
        typer.echo(f"locked by {made.by}: {frozen} as of {run.root}")
        typer.echo(f"the comparison is shown by: bedside analyse {run.root}, then bedside report {run.root}", err=True)
    return 0


def add_commands(app: Any) -> None:
    """Register these commands."""
    app.command()(lock)
