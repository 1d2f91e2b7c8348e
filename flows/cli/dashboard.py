"""``bedside dashboard``: the page of data quality over all runs of a study."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.options import RUNS, JsonOption, RunsOption, StudyArgument
from mappings.errors import DefinitionError


def dashboard(
    study: StudyArgument,
    runs: RunsOption = RUNS,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The page (default: dashboard.html beside the study's runs)."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Write one page that says whether today's data can be used, and what changed since the last run."""
    from analysis.dashboard.page import render
    from flows import study_folder
    from flows.dashboard_files import read_history
    from flows.run_folder import write_bytes

    folder = study_folder.read(study)
    now = datetime.now(UTC).astimezone()
    history = read_history(folder, runs, now.date())
    page = render(history, now).encode()
    path = out or runs / folder.study.study.id / "dashboard.html"
    try:
        write_bytes(path, page)
    except OSError as error:
        raise DefinitionError(f"{path} cannot be written: {error.strerror}") from error
    if as_json:
        typer.echo(json.dumps({"outcome": "complete", "dashboard": str(path), "bytes": len(page)}))
    else:
        typer.echo(f"dashboard: {path}")
    return 0


def add_commands(app: Any) -> None:
    """Register this command."""
    app.command()(dashboard)
