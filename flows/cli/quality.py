"""``bedside quality``: what the checks of a run found, row by row, and what other thresholds would say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli import quality_codes
from flows.cli.options import RUNS, JsonOption, RunOption, RunsOption

quality = typer.Typer(help="Look at the quality of a run's data, on site.", no_args_is_help=True, rich_markup_mode=None)
SIGNS = {"PASS": "ok", "PASS_WITH_VIOLATIONS": "ok, with", "FAIL": "FAIL", "NOT_APPLICABLE": "-", "ERROR": "ERROR"}


@quality.command("show")
def show(
    check: Annotated[str | None, typer.Argument(metavar="CHECK", help="A check; without one all are listed.")] = None,
    run: RunOption = None,
    site: Annotated[str | None, typer.Option("--site", help="Only this site.")] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Rows that are printed.")] = 50,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> int:
    """List the checks of a run, or the rows that failed one with their resources' addresses. On site only."""
    from flows import run_folder
    from flows.job import as_it_lies
    from flows.quality_failures import failures_of
    from flows.quality_moved import moved_lines, moved_of

    folder = run_folder.find(runs, run or run_folder.only_study(runs))
    if check is None:
        return _list(folder, site, as_json)
    job = as_it_lies(folder)
    found = failures_of(job, folder, check, site)
    behind = moved_of(job, folder, found)
    if as_json:
        rows = [asdict(row) for row in found.rows]
        counts = [{"table": at, "site": of, **asdict(one)} for (at, of), keys in behind.items() for one in keys]
        said = {"check": check, "violations": found.violations, "rows": rows, "behind": counts}
        typer.echo(json.dumps({"outcome": "complete", **said}))
        return 0
    for one in found.outcomes:
        where = f"{one['table']} of {one['site']}" if one["site"] else str(one["table"])
        counted = str(one["error"]) or f"{one['numerator']:,} of {one['denominator']:,}"
        typer.echo(f"{where}: {counted}  {SIGNS[str(one['status'])]}")
        for line in moved_lines(check, behind.get((str(one["table"]), str(one["site"])), []), 5):
            typer.echo(f"    {line}")
    first = found.outcomes[0] if found.outcomes else None
    if first is not None:
        typer.echo(f"why it is asked: {first['reason']}\nconsequence: {first['consequence']}")
    for row in found.rows[:most]:
        typer.echo("  " + "  ".join(part for part in (row.site, row.address, _who(row.patient, row.subject)) if part))
    if len(found.rows) > most:
        typer.echo(f"  and {len(found.rows) - most:,} more: --most {len(found.rows)} prints them")
    return 0


def _who(patient: str, subject: str) -> str:
    said = [f"Patient/{patient}"] if patient else []
    return " ".join([*said, *([f"subject {subject}"] if subject else [])])


def _list(folder: Any, site: str | None, as_json: bool) -> int:
    import pandas as pd

    from mappings.errors import DefinitionError

    if not folder.checks.is_file():
        raise DefinitionError(f"{folder.root} has no quality results yet: bedside check makes them")
    rows = pd.read_parquet(folder.checks)
    rows = rows if site is None else rows[rows["site"] == site]
    if as_json:
        records = json.loads(rows.to_json(orient="records"))
        typer.echo(json.dumps({"outcome": "complete", "run": str(folder.root), "checks": records}))
        return 0
    asked = rows[rows["status"] != "NOT_APPLICABLE"]
    typer.echo(f"{'check':<38}{'table':<26}{'site':<14}{'violations':>12}{'of':>12}  {'status':<10}action")
    for row in asked.to_dict("records"):
        acts = f"{row['action']}{', stops' if row['stops'] else ''}{', let pass' if row['overridden'] else ''}"
        said = acts if row["status"] in ("FAIL", "ERROR") or row["stops"] else ""
        typer.echo(
            f"{row['check_id']:<38}{row['table']:<26}{row['site']:<14}{row['numerator']:>12,}{row['denominator']:>12,}"
            f"  {SIGNS[row['status']]:<10}{said}".rstrip()
        )
    typer.echo(f"{len(rows) - len(asked)} outcomes had nothing to look at")
    return 0


@quality.command("judge")
def judge(run: RunOption = None, runs: RunsOption = RUNS, as_json: JsonOption = False) -> int:
    """Say what the thresholds of study and sites, as their files are now, make of a run's counts. Writes nothing."""
    import pandas as pd

    from flows import run_folder
    from flows.job import as_it_lies
    from flows.quality_judgement import changes, rejudged
    from mappings.errors import DefinitionError

    folder = run_folder.find(runs, run or run_folder.only_study(runs))
    if not folder.checks.is_file():
        raise DefinitionError(f"{folder.root} has no quality results yet: bedside check makes them")
    kept = pd.read_parquet(folder.checks)
    found = changes(kept, rejudged(kept, as_it_lies(folder).asked_checks()))
    if as_json:
        said = [asdict(one) for one in found]
        typer.echo(json.dumps({"outcome": "complete", "run": str(folder.root), "judged": len(kept), "changes": said}))
        return 0
    for one in found:
        where = f"{one.table} of {one.site}" if one.site else one.table
        typer.echo(
            f"{one.check} ({where}): {one.numerator:,} of {one.denominator:,}, was {one.was}"
            f"{' and stopped' if one.stopped else ''}, would be {one.status}{' and stop' if one.stops else ''}"
        )
    typer.echo(f"{len(kept):,} outcomes judged by today's thresholds, {len(found)} would be another")
    return 0


@quality.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for the resources.")],
    run: RunOption = None,
    runs: RunsOption = RUNS,
) -> int:
    """Write what the checks found as FHIR: Measure, MeasureReport and OperationOutcome, small counts suppressed."""
    from flows import run_folder
    from flows.export.quality import write_quality
    from flows.job import as_it_lies

    found = run_folder.find(runs, run or run_folder.only_study(runs))
    counts = write_quality(as_it_lies(found), found, folder)
    typer.echo(f"{folder}: " + ", ".join(f"{n:,} {type_}" for type_, n in counts.items()))
    return 0


@quality.command("catalogue")
def catalogue(
    markdown: Annotated[bool, typer.Option("--markdown", help="As the table of docs/quality-checks.md.")] = False,
    as_json: JsonOption = False,
) -> int:
    """List every check of the catalogue with category, severity, threshold, action and reason."""
    from expectations.catalogue import catalogue as checks

    if as_json:
        said = [check.model_dump() for check in checks()]
        typer.echo(json.dumps({"outcome": "complete", "checks": said}))
        return 0
    if markdown:
        typer.echo("| Check | Table | Category | Severity | Accepted, % | Stops above, % | Action | Why; consequence |")
        typer.echo("|---|---|---|---|---:|---:|---|---|")
    for check in checks():
        category = check.category if check.context == "verification" else f"{check.category} (validation)"
        stops = "" if check.stop_above is None else f"{check.stop_above:g}"
        action = check.action if check.action != "stop" else f"stop the {check.scope}"
        if markdown:
            why = f"{check.reason}; {check.consequence}"
            table = "all" if check.table == "*" else check.table
            cells = (f"`{check.id}`", table, category, check.severity, f"{check.threshold:g}", stops, action, why)
            typer.echo(f"| {' | '.join(cells)} |")
        else:
            typer.echo(f"{check.id}  ({check.table}; {category}; {check.severity})\n  {check.reason}")
            over = f"; above {stops} % stops" if stops else ""
            typer.echo(f"  accepted up to {check.threshold:g} %, then: {action}{over}; {check.consequence}")
    return 0


def add_commands(app: Any) -> None:
    """Register these commands."""
    quality_codes.add_to(quality)
    app.add_typer(quality, name="quality")
