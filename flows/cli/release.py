"""Commands about who may see the comparison, and who stands by it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from flows.cli.options import RUNS, JsonOption, RunArgument, RunsOption, StudyArgument
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


def sign(
    run: RunArgument,
    by: Annotated[str, typer.Option("--by", help="Who signs.")],
    role: Annotated[str, typer.Option("--role", help="In which role, for instance statistician.")],
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> int:
    """Sign a run's report over the hashes of study, data, results and report, and write it again as SIGNED."""
    from dataclasses import asdict

    from flows import run_folder, signing
    from flows.job import again

    folder = run_folder.find(runs, run)
    made = signing.sign(again(folder), folder, by, role)
    if as_json:
        typer.echo(json.dumps({"outcome": "complete", "run": str(folder.root), "signature": asdict(made)}))
    else:
        typer.echo(f"signed {made.who}: {folder.report}")
        typer.echo(f"the report as DRAFT: sha256 {made.hashes.report}")
    return 0


def status(run: RunArgument, runs: RunsOption = RUNS, as_json: JsonOption = False) -> int:
    """Say how a run ended, whether its report is MASKED, DRAFT or SIGNED, and what voids which signature."""
    from dataclasses import asdict

    from flows import run_folder, signing

    folder = run_folder.find(runs, run)
    said, now = folder.read(), signing.state_now(folder)
    steps = [step for step in run_folder.STEPS if step in said["steps"]]
    if as_json:
        signatures = [
            {**{k: v for k, v in asdict(one.signature).items() if k != "hashes"}, "void": list(one.void)}
            for one in now.signatures
        ]
        typer.echo(
            json.dumps(
                {
                    "outcome": said["outcome"], "exit_code": said["exit_code"], "run": str(folder.root),
                    "steps": steps, "state": now.name, "note": now.note, "signatures": signatures,
                }
            )
        )  # fmt: skip
        return 0
    ended = said["outcome"] or "not ended"
    typer.echo(f"{folder.root}: {ended}; done: {', '.join(steps) or 'nothing'}")
    typer.echo(f"{now.name}: {now.note}")
    if now.name != "SIGNED" and signing.says_signed(folder):
        typer.echo("the page in the folder was written before that and says SIGNED", err=True)
    return 0


def add_commands(app: Any) -> None:
    """Register these commands."""
    for command in (lock, sign, status):
        app.command()(command)
