"""``bedside view``: one ViewDefinition run, checked or explained, and the public test files on an engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.options import EngineOption, JsonOption, MasterOption

view = typer.Typer(
    help="Run, check and explain one ViewDefinition (SQL on FHIR).", no_args_is_help=True, rich_markup_mode=None
)

ViewArgument = Annotated[
    str, typer.Argument(metavar="VIEW", help="A ViewDefinition's JSON file, or the name of a standard view.")
]
IntervalsOption = Annotated[
    bool, typer.Option("--intervals", help="Beside each date: the first and last day it may stand for, its precision.")
]
ZoneOption = Annotated[
    str | None, typer.Option("--zone", help="With --intervals: the days of instants in a zone, as Europe/Berlin.")
]
UnitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--unit", metavar="VALUE:UNIT[,UNIT]:UCUM", help="Values in one unit, from these columns; repeatable."
    ),
]
MemberOption = Annotated[
    list[str] | None,
    typer.Option(
        "--member", metavar="[SYSTEM]:CODE:FILE[:NAME]", help="Whether codings are in a ValueSet; repeatable."
    ),
]
TranslateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--translate", metavar="[SYSTEM]:CODE:FILE[:NAME]", help="Codings translated by a ConceptMap; repeatable."
    ),
]


@view.command("run")
def run(
    name: ViewArgument,
    source: Annotated[
        str,
        typer.Option("--source", metavar="FOLDER|FILE|URL", help="NDJSON or Bundles (plain, .gz, .zst), or a server."),
    ],
    out: Annotated[str, typer.Option("--out", "-o", metavar="OUT", help="The file to write; - is standard output.")],
    to: Annotated[
        str | None, typer.Option("--to", help="parquet, csv, ndjson or arrow (default: by the ending of OUT).")
    ] = None,
    engine: EngineOption = "duckdb",
    master: MasterOption = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Accept first: invalid resources are left out and counted, decimals exact.")
    ] = False,
    base: Annotated[
        list[str] | None,
        typer.Option("--base", metavar="URL", help="An address under which references are the source's own."),
    ] = None,
    sites: Annotated[
        Path | None, typer.Option("--sites", metavar="FILE", help="A sites file that names the server's credential.")
    ] = None,
    intervals: IntervalsOption = False,
    zone: ZoneOption = None,
    unit: UnitOption = None,
    member: MemberOption = None,
    translate: TranslateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the rows of a view over any source, and say what has become of every resource."""
    from flows.engines import choose
    from flows.progress import shown
    from flows.viewing import said
    from flows.viewing.enrich import Options, enrichment_of
    from flows.viewing.output import output_of
    from flows.viewing.run import run_view
    from flows.viewing.sources import Source
    from flows.viewing.views import load_view

    choice, output = choose(engine, master), output_of(out, to)
    loaded = load_view(name)
    options = Options(intervals, zone, tuple(unit or ()), tuple(translate or ()), tuple(member or ()))
    added = enrichment_of(loaded.view, options, _content)
    asked = Source(source, sites, tuple(base or ()))
    try:
        with shown(as_json) as progress:
            ran = run_view(loaded, asked, output, choice, exact, progress, added)
    except BrokenPipeError:
        if output.path is not None:
            raise
        return  # who reads the stream has had enough
    to_stream = output.path is None
    if as_json:
        typer.echo(json.dumps(said.ran_object(loaded, output, ran)), err=to_stream)
        return
    for line in said.ran_lines(loaded, output, ran):
        typer.echo(line, err=to_stream)
    if ran.through_double:
        typer.echo(
            "decimals were read as doubles, as DuckDB reads them: digits beyond the 15th may have changed; "
            "--exact keeps them",
            err=True,
        )


@view.command("check")
def check(
    names: Annotated[list[str], typer.Argument(metavar="VIEW...", help="JSON files, or names of standard views.")],
    as_json: JsonOption = False,
) -> int:
    """Say every fault of some views, each with file and place, before any data are read."""
    from flows.viewing import said
    from flows.viewing.views import check_views
    from mappings.errors import DefinitionError

    checked = check_views(names)
    problems = tuple(problem for one in checked for problem in one.problems)
    wrong = sum(one.loaded is None for one in checked)
    listed = "view" if len(checked) == 1 else "views"
    error = DefinitionError(f"{wrong} of {len(checked)} {listed} cannot be used:", problems) if problems else None
    if as_json:
        views = [
            {
                "view": one.label,
                "problems": [
                    {"file": p.file, "line": p.line, "field": p.field, "message": p.message} for p in one.problems
                ],
            }
            if one.loaded is None
            else {"view": one.label, **said.facts(one.loaded), "problems": []}
            for one in checked
        ]
        outcome = {"outcome": "error", "exit_code": 2, "message": str(error)} if error else {"outcome": "complete"}
        typer.echo(json.dumps({**outcome, "views": views}))
        if error:
            typer.echo(f"bedside: {error}", err=True)
        return 2 if error else 0
    for one in checked:
        if one.loaded is not None:
            facts = said.facts(one.loaded)
            typer.echo(f"{one.label}: no fault found; {facts['columns']} columns of {facts['resource']}")
    if error:
        raise error
    return 0


@view.command("explain")
def explain(
    name: ViewArgument, engine: EngineOption = "duckdb", master: MasterOption = None, as_json: JsonOption = False
) -> None:
    """Say a view's columns, the elements it reads and the SQL it becomes."""
    from flows.engines import choose
    from flows.viewing import explain as explaining
    from flows.viewing import said
    from flows.viewing.views import load_view

    choice = choose(engine, master)
    loaded = load_view(name)
    made = explaining.explain(loaded, choice)
    if as_json:
        typer.echo(json.dumps(said.explained_object(loaded, made, choice.name)))
        return
    for line in said.explained_lines(loaded, made, choice.name):
        typer.echo(line)


@view.command("conformance")
def conformance(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of SQL on FHIR test files.")],
    engine: Annotated[str, typer.Option("--engine", help="duckdb, spark or reference (the interpreter).")] = "duckdb",
    master: MasterOption = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write the public report (test_report.json).")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Run the public test files on an engine; 4 where a case fails."""
    from flows.progress import shown
    from flows.run_folder import write_json
    from flows.viewing.conformance import read_suites, run_suites
    from mappings.errors import DefinitionError

    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise DefinitionError(f"the report cannot be written to {report}: name a file in a folder that is there")
    suites = read_suites(folder)
    with shown(as_json) as progress:
        made = run_suites(suites, engine, master, progress)
    if report is not None:
        write_json(report, made)
    return _conformance_said(made, engine, as_json)


def add_commands(app: typer.Typer) -> None:
    """Register these commands."""
    app.add_typer(view, name="view")


def _content(file: str) -> bytes:
    return Path(file).expanduser().read_bytes()


def _conformance_said(made: dict[str, Any], engine: str, as_json: bool) -> int:
    from mappings.errors import UnusableDataError

    failing = [
        {"file": file, "test": entry["name"], "reason": entry["result"]["reason"]}
        for file, found in made.items()
        for entry in found["tests"]
        if not entry["result"]["passed"]
    ]
    total = sum(len(found["tests"]) for found in made.values())
    message = f"{len(failing)} of {total} cases fail on {engine}"
    if as_json:
        outcome = {"outcome": "error", "exit_code": 4, "message": message} if failing else {"outcome": "complete"}
        typer.echo(
            json.dumps(
                {**outcome, "engine": engine, "cases": total, "passed": total - len(failing), "failing": failing}
            )
        )
        return 4 if failing else 0
    for file, found in made.items():
        passed = sum(entry["result"]["passed"] for entry in found["tests"])
        typer.echo(f"{file:<28}{passed:>5} of {len(found['tests']):>4} passed")
    typer.echo(f"{'in all':<28}{total - len(failing):>5} of {total:>4} passed on {engine}")
    if failing:
        listed = "".join(f"\n  {one['file']}: {one['test']}: {one['reason']}" for one in failing)
        raise UnusableDataError(f"{message}:{listed}")
    return 0
