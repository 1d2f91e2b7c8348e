"""Options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyArgument = Annotated[Path, typer.Argument(metavar="STUDY", help="A study folder, or its study.toml.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a study's id for its newest run.")]
RunOption = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="A run folder, or a study's id for its newest run.")
]
SitesOption = Annotated[
    Path | None,
    typer.Option("--sites", metavar="FILE", help="Where the data come from (default: the study's sites.toml)."),
]
SourceOption = Annotated[
    str | None,
    typer.Option("--source", metavar="URL|FOLDER", help="One FHIR base address or folder instead of a sites file."),
]
RunsOption = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Where run folders are kept.")]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Start anew instead of going on with an unfinished run.")]
AllowIncompleteOption = Annotated[
    bool, typer.Option("--allow-incomplete", help="Analyse although something is missing; the exit code stays 6.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="auto|INSTANT",
        help="Keep a snapshot in store/ beside the runs, and ask for what changed since (or since INSTANT).",
    ),
]
EngineOption = Annotated[str, typer.Option("--engine", help="duckdb (in this process) or spark (an existing cluster).")]
JudgeOption = Annotated[
    str, typer.Option("--judge", help="fast (schemas first, then the models) or models (fhir.resources alone).")
]
MasterOption = Annotated[str | None, typer.Option("--master", help="Spark's address, for instance spark://host:7077.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one machine-readable object instead of text.")]

RUNS = Path("runs")
