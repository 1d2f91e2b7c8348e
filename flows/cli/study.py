"""``bedside study``: writing a study and seeing that it says what is meant, before any data are asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import JsonOption, StudyArgument

study = typer.Typer(
    help="Write a study file, and look at it before running it.", no_args_is_help=True, rich_markup_mode=None
)


@study.command("check")
def study_check(path: StudyArgument, as_json: JsonOption = False) -> None:
    """Read a study folder as a whole and say every fault with file, line and field."""
    from flows import study_folder

    folder = study_folder.read(path)
    said = {"id": folder.study.study.id, "sha256": folder.sha256, "codes": len(folder.codes), "maps": len(folder.maps)}
    rows = f", {len(folder.supplement):,} rows of the supplement" if folder.supplement else ""
    unused = folder.unused()
    if as_json:
        typer.echo(json.dumps({"outcome": "complete", "study": {**said, "unused": unused}}))
    else:
        for path_ in unused:
            typer.echo(f"{path_}: nothing in the study uses this file", err=True)
        typer.echo(f"{said['id']}: no fault found; {said['codes']} code lists, {said['maps']} maps{rows}")


@study.command("schema")
def schema() -> None:
    """Print the JSON Schema of study files, for editors."""
    from analysis.study.schema import study_schema

    typer.echo(json.dumps(study_schema(), indent=1, ensure_ascii=False))


@study.command("new")
def new(
    folder: Annotated[Path, typer.Argument(metavar="NAME", help="The folder to make; its name is the study's id.")],
    as_json: JsonOption = False,
) -> None:
    """Write a commented study folder whose blanks are to be filled in."""
    from flows.new_study import new_study

    written = new_study(folder)
    if as_json:
        typer.echo(json.dumps({"outcome": "complete", "folder": str(folder), "files": written}))
        return
    for path in written:
        typer.echo(f"{folder}/{path}")
    typer.echo(f"fill in the blanks, then: bedside study check {folder}")


@study.command("prove")
def prove(path: StudyArgument, as_json: JsonOption = False) -> int:
    """Run the cases beside a study and say which hold; 4 where one does not."""
    from flows import study_folder
    from flows.study_cases import prove as run_cases
    from flows.study_cases import read_cases
    from mappings.errors import UnusableDataError

    folder = study_folder.read(path)
    verdicts = run_cases(folder, read_cases(folder))
    failing = sum(bool(verdict.differences) for verdict in verdicts)
    message = f"{failing} of {len(verdicts)} cases do not hold"
    if as_json:
        outcome = {"outcome": "error", "exit_code": 4, "message": message} if failing else {"outcome": "complete"}
        cases = [{"case": v.name, "holds": not v.differences, "differences": list(v.differences)} for v in verdicts]
        typer.echo(json.dumps({**outcome, "cases": cases}))
        if failing:
            typer.echo(f"bedside: {message}", err=True)
        return 4 if failing else 0
    width = max(len(verdict.name) for verdict in verdicts) + 2
    for verdict in verdicts:
        typer.echo(f"{'✗ fails' if verdict.differences else '✓ holds'}  {verdict.name:<{width}}{verdict.text}")
        for line in verdict.differences:
            typer.echo(f"{'':<9}{line}")
    if failing:
        raise UnusableDataError(message)
    typer.echo(f"all {len(verdicts)} cases hold")
    return 0


def add_commands(app: typer.Typer) -> None:
    """Register these commands."""
    app.add_typer(study, name="study")
