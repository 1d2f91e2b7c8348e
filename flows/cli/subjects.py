"""Commands about single subjects, for the secure area: what they print can lead back to a patient."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.options import RUNS, JsonOption, RunOption, RunsOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.changes import Moved
    from flows.diff import Diff, Resource
    from flows.subject_story import Step, Trace


def trace(
    usubjid: Annotated[str, typer.Argument(metavar="USUBJID", help="The subject's pseudonym.")],
    run: RunOption = None,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> int:
    """Walk one subject's story: its resources in time order, and what the derivation made of each. On site only."""
    from dataclasses import asdict

    from flows import run_folder
    from flows.job import again
    from flows.subject_story import trace as traced

    folder = run_folder.find(runs, run or run_folder.only_study(runs))
    found = traced(again(folder), folder, usubjid)
    if as_json:
        typer.echo(json.dumps({"outcome": "complete", "run": str(folder.root), **asdict(found)}))
    else:
        for line in _lines(found):
            typer.echo(line)
    return 0


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


def diff(
    before: Annotated[str, typer.Argument(metavar="RUN1", help="A run folder: what was.")],
    after: Annotated[str, typer.Argument(metavar="RUN2", help="A run folder: what is.")],
    counts: Annotated[
        bool, typer.Option("--counts", help="Subjects as counts, small ones suppressed: for outside the site.")
    ] = False,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> int:
    """Say which subjects differ between two runs, because of which resource version, and which figures moved."""
    from flows import run_folder
    from flows.diff import as_dict
    from flows.diff import diff as compared

    first, second = run_folder.find(runs, before), run_folder.find(runs, after)
    found = compared(first, second, counts)
    if as_json:
        typer.echo(
            json.dumps({"outcome": "complete", "before": str(first.root), "after": str(second.root), **as_dict(found)})
        )
        return 0
    typer.echo(f"from {first.root} to {second.root}")
    for line in _differences(found):
        typer.echo(line)
    return 0


def _differences(found: Diff) -> Iterator[str]:
    from analysis.changes import kinds_in_words

    yield from found.inputs or ("study, sites and versions are the same",)
    if found.masked:
        yield "MASKED: arms are not compared in one of the runs, and none is named"
    yield f"subjects: {', '.join(kinds_in_words(found.counts)) or 'none differs'}"
    for subject in found.subjects:
        yield f"{subject.usubjid} of site {subject.site}"
        yield from (f"  {kind}: {said}" for kind, said in subject.what)
        yield from (f"  because of {_resource(one)}" for one in subject.resources)
        if not subject.resources:
            yield "  no resource of this subject is another"
    yield f"figures: {len(found.figures)} moved"
    yield from (f"  {_figure(one)}" for one in found.figures)


def _figure(one: Moved) -> str:
    if one.note in ("only before", "only after"):
        return f"{one.id} {_number(one.after if one.before is None else one.before)}, {one.note}"
    return f"{one.id} {_number(one.before)} to {_number(one.after)} {one.note}".rstrip()


def _resource(one: Resource) -> str:
    said = [
        "which is not there" if version is None else f"version {version}" if version else "without a version"
        for version in (one.before, one.after)
    ]
    return f"{one.resource}: {said[0]} before, {said[1]} now{', a changed row rests on it' if one.named else ''}"


def _number(value: float | None) -> str:
    return "no value" if value is None else f"{value:.6g}"


def add_commands(app: Any) -> None:
    """Register these commands."""
    app.command()(trace)
    app.command()(diff)
