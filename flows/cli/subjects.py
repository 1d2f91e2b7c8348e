"""Commands about single subjects, for the secure area: what they print can lead back to a patient."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.options import RUNS, JsonOption, RunsOption
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    from flows.trace import Step, Trace


def trace(
    usubjid: Annotated[str, typer.Argument(metavar="USUBJID", help="The subject's pseudonym.")],
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="A run folder, or a study's id for its newest run.")
    ] = None,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> int:
    """Walk one subject's story: its resources in time order, and what the derivation made of each. On site only."""
    from dataclasses import asdict

    from flows import run_folder
    from flows.job import again
    from flows.trace import trace as traced

    folder = run_folder.find(runs, run or _only_study(runs))
    found = traced(again(folder), folder, usubjid)
    if as_json:
        typer.echo(json.dumps({"outcome": "complete", "run": str(folder.root), **asdict(found)}))
    else:
        for line in _lines(found):
            typer.echo(line)
    return 0


def _only_study(runs: Path) -> str:
    studies = sorted({path.parent.parent.name for path in runs.glob("*/*/run.json")})
    if len(studies) != 1:
        raise DefinitionError(
            f"{runs} holds {'no runs' if not studies else 'runs of several studies'}: say which with --run"
        )
    return studies[0]


def _lines(found: Trace) -> list[str]:
    head = [f"{found.usubjid} is Patient/{found.patient} of site {found.site}"]
    if not found.screened:
        head.append("not screened: no index event in the study's dates")
    else:
        outcome = "analysed" if found.excluded is None else f"not analysed: {found.excluded}"
        head.append(f"arm {found.arm or 'none'}, index date {found.index_date}; {outcome}")
        failed = [name for name, met in found.criteria.items() if not met]
        head.append(f"criteria not met: {', '.join(failed) or 'none'}")
        head.append(
            "covariates: " + ", ".join(f"{k} {'missing' if v is None else v}" for k, v in found.covariates.items())
        )
        if found.best_response is not None:
            head.append(f"best response: {found.best_response}")
        head += [f"{name}: {text}" for name, text in found.endpoints.items()]
    return [*head, "", *(line for step in found.steps for line in _step(step))]


def _step(step: Step) -> list[str]:
    day = "" if step.day is None else f"day {step.day}"
    version = f" version {step.version}" if step.version else ""
    place = f"{step.file}:{step.line}"
    first = f"{step.date[:10] or 'no date':<12}{day:<10}{step.resource}{version} ({place})"
    return [f"{first}  {step.says}".rstrip(), *(f"{'':<22}{said}" for said in step.made)]


def add_commands(app: Any) -> None:
    """Register these commands."""
    app.command()(trace)
