"""``bedside study``: writing a study and seeing that it says what is meant, before any data are asked for."""

from __future__ import annotations

import json

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
    if as_json:
        typer.echo(json.dumps({"outcome": "complete", "study": said}))
    else:
        typer.echo(f"{said['id']}: no fault found; {said['codes']} code lists, {said['maps']} maps")


@study.command("schema")
def schema() -> None:
    """Print the JSON Schema of study files, for editors."""
    from analysis.study.schema import study_schema

    typer.echo(json.dumps(study_schema(), indent=1, ensure_ascii=False))


def add_commands(app: typer.Typer) -> None:
    """Register these commands."""
    app.add_typer(study, name="study")
