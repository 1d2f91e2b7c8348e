"""``bedside export``: a comparison in other forms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.options import RUNS, RunArgument, RunsOption
from mappings.errors import DefinitionError


def export(
    run: RunArgument,
    as_csv: Annotated[bool, typer.Option("--csv", help="The results as CSV on standard output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The results as one JSON object on standard output.")] = False,
    fhir: Annotated[
        Path | None, typer.Option("--fhir", metavar="DIR", help="The results as FHIR resources into a new folder.")
    ] = None,
    r: Annotated[
        Path | None,
        typer.Option(
            "--r", metavar="DIR", help="Subjects' data and an R script that recomputes the figures: on site only."
        ),
    ] = None,
    runs: RunsOption = RUNS,
) -> int:
    """Hand on the comparison of a run, small counts suppressed; or, on site, all that R needs to compute it again."""
    from flows import run_folder
    from flows.export import comparison
    from flows.job import again

    if sum((as_csv, as_json, fhir is not None, r is not None)) != 1:
        raise DefinitionError("say one form of export: --csv, --json, --fhir DIR, or --r DIR")
    folder = run_folder.find(runs, run)
    job = again(folder)
    if fhir is not None:
        counts = comparison.write_fhir(job, folder, fhir)
        typer.echo(f"{fhir}: " + ", ".join(f"{n:,} {type_}" for type_, n in counts.items()))
        return 0
    if r is not None:
        from flows.export.for_r import write_for_r

        typer.echo(f"{r}: {', '.join(write_for_r(job, folder, r))}")
        typer.echo(f"it holds subjects' data and stays on site; recompute with: Rscript {r}/recompute.R", err=True)
        return 0
    made = comparison.csv_of(job, folder) if as_csv else comparison.json_of(job, folder)
    typer.echo(made.decode(), nl=False)
    return 0


def add_commands(app: Any) -> None:
    """Register this command."""
    app.command()(export)
