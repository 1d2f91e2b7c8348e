"""What commands say: text for people on standard error and output, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import typer

from flows import ledger_files
from flows.job import Job
from flows.landing.landed_snapshot import snapshot_lines
from flows.landing.manifest import read_manifest
from flows.landing.notices import warning_lines
from flows.landing.supplement import supplement_lines
from flows.pipeline import Outcome
from flows.release import release_of
from flows.run_folder import RunFolder
from flows.steps.tables import modifier_lines
from flows.summary import synthetic_note


def begun(job: Job, run: RunFolder, as_json: bool) -> None:
    """Which study runs where, and what a reader must know before any number."""
    if as_json:
        return
    head = job.study.study
    where = ", ".join(f"{site.label}" for site in job.sites.sites)
    going_on = list(run.read()["steps"])
    typer.echo(f"{head.title}\nfrom {where} into {run.root}", err=True)
    if going_on:
        typer.echo(f"going on after: {', '.join(going_on)}", err=True)
    _say_synthetic(job, err=True)
    if job.key()[1]:
        typer.echo("pseudonyms are made with the public key: fit for synthetic data only", err=True)


def ended(job: Job, outcome: Outcome, as_json: bool) -> None:
    """The comparison and where everything lies."""
    run = outcome.run
    if as_json:
        said = run.read()
        typer.echo(
            json.dumps(
                {
                    "outcome": said["outcome"], "exit_code": outcome.exit_code, "run": str(run.root),
                    "report": str(run.report) if run.report.exists() else None, "missing": list(outcome.missing),
                    "held": list(outcome.held), "steps": said["steps"],
                }
            )
        )  # fmt: skip
        return
    ledger(run)
    if job.comparison is not None:
        from flows.steps.comparison import read_results
        from flows.summary import comparison_lines

        typer.echo()
        if run.read().get("masked"):
            typer.echo(f"MASKED: {release_of(job, run).note}")
        else:
            for line in comparison_lines(job.comparison, read_results(run)):
                typer.echo(line)
        _say_synthetic(job)
        typer.echo(f"\nreport: {run.report}")
    for line in outcome.missing:
        typer.echo(f"missing: {line}", err=True)
    _gate(run, outcome.held)


def _say_synthetic(job: Job, err: bool = False) -> None:
    note = synthetic_note(job.study)
    if note is not None:
        typer.echo(f"SYNTHETIC: {note}", err=err)


def extracted(run: RunFolder, missing: list[str], as_json: bool) -> None:
    """How an extract ended: the ledger, and what is missing."""
    if not as_json:
        ledger(run)
        if missing:
            typer.echo("\n".join(["bedside: the extract is incomplete:", *(f"  {line}" for line in missing)]), err=True)
        return
    said = {
        "outcome": "incomplete" if missing else "complete", "exit_code": 6 if missing else 0, "run": str(run.root),
        "missing": missing, "ledger": json.loads(run.ledger.read_bytes()),
    }  # fmt: skip
    typer.echo(json.dumps(said))


def ledger(run: RunFolder) -> None:
    """The ledger by site and type, as people read it."""
    found = ledger_files.read(run)
    typer.echo(f"{'site':<14}{'type':<26}{'received':>10}{'landed':>10}{'accepted':>10}{'quarantine':>12}")
    for site, types in found.types.items():
        for type_, c in sorted(types.items()):
            typer.echo(
                f"{site:<14}{type_:<26}{c.received:>10,}{c.landed:>10,}{c.accepted or 0:>10,}{c.quarantined or 0:>12,}"
            )
    for site in found.types:
        manifest = read_manifest(run.landing(site))
        for line in (*snapshot_lines(manifest), *warning_lines(manifest)) if manifest is not None else ():
            typer.echo(line)
    said = run.read()
    for line in supplement_lines(said.get("supplement")):
        typer.echo(line)
    for lost in _lost(said.get("references_without_key", [])):
        typer.echo(lost)
    for line in modifier_lines(said):
        typer.echo(line)
    for type_, n in said.get("types_without_view", {}).items():
        typer.echo(f"in no table, since no standard view reads {type_}: {n:,}")
    for reason, n in said.get("quarantine_reasons", {}).items():
        typer.echo(f"quarantined: {reason} {n:,}")


def _lost(losses: list[dict[str, Any]]) -> list[str]:
    by_reason: dict[str, int] = {}
    for one in losses:
        by_reason[one["reason"]] = by_reason.get(one["reason"], 0) + one["n"]
    return [f"references that give no key: {reason} {n:,}" for reason, n in sorted(by_reason.items())]


def plan(job: Job, as_json: bool) -> None:
    """What would be asked of each site, with the server's counts."""
    from flows.landing.counts import plan_counts
    from flows.progress import shown
    from flows.steps.ingest import reachable

    said: list[dict[str, object]] = []
    for site in job.sites.sites:
        made = job.plan(site)
        with shown(as_json) as progress, reachable(site, progress) as asked:
            counts = plan_counts(asked, made, progress, sites=job.sites)
        if as_json:
            rows = [asdict(row) for row in counts.rows]
            said.append(
                {
                    "site": site.id,
                    "scope": made.scope,
                    "patients": counts.patients,
                    "searches": rows,
                    "notes": made.notes,
                }
            )
            continue
        people = "" if counts.patients is None else f", {counts.patients} patients"
        typer.echo(f"{site.label}: scope {made.scope}{people}")
        for row in counts.rows:
            count = "known later" if row.count is None else f"{row.count:,}"
            typer.echo(f"  {row.phase:<12}{row.type:<26}{row.requests:>5} requests  {count:>12}  {row.why}")
        for note in made.notes:
            typer.echo(f"  note: {note}")
    if as_json:
        typer.echo(json.dumps({"outcome": "complete", "sites": said}))


def stepped(outcome: Outcome, step: str, as_json: bool) -> None:
    """One step's counts, and from the checks on what they hold or somebody lets pass."""
    run = outcome.run
    said = run.read()
    counts = said["steps"].get(step, {})
    if as_json:
        held = {"held": list(outcome.held)} if outcome.held else {}
        how = "held" if outcome.held else "complete"
        typer.echo(json.dumps({"outcome": how, "run": str(run.root), "step": step, "counts": counts, **held}))
        return
    typer.echo(f"{step} done in {run.root}: " + (", ".join(f"{k} {v:,}" for k, v in counts.items()) or "written"))
    if step == "check":
        _gate(run, outcome.held)


def _gate(run: RunFolder, held: Sequence[str]) -> None:
    for line in held:
        typer.echo(f"held by the quality gate, and not analysed: {line}", err=True)
    for one in run.read().get("overridden", []):
        where = f"{one['table']} of {one['site']}" if one["site"] else one["table"]
        typer.echo(f"let pass: {one['check']} ({where}), by {one['by']}", err=True)
