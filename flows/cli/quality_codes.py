"""``bedside quality codes``: which codes no list takes, before any result. For the secure area."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import RUNS, JsonOption, RunOption, RunsOption

if TYPE_CHECKING:
    from flows.quality_codes import Codes, Untaken

_BAR = 16


def codes(
    run: RunOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Codes that few patients have too. On site only.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, help="Codes that are printed of each kind.")] = 20,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> int:
    """List the codes that no list of the study takes, most frequent first, with what they might be."""
    from flows import run_folder
    from flows.job import as_it_lies
    from flows.quality_codes import codes_of

    folder = run_folder.find(runs, run or run_folder.only_study(runs))
    found = codes_of(as_it_lies(folder), folder)
    if as_json:
        rare = [one for one in found.untaken if one.rare]
        said = {
            "outcome": "complete",
            "run": str(folder.root),
            "views": [asdict(one) for one in found.coverage],
            "codes": [asdict(one) for one in found.untaken if everything or not one.rare],
            "rare": {"codes": len(rare), "codings": sum(one.codings for one in rare)},
        }
        typer.echo(json.dumps(said, ensure_ascii=False))
        return 0
    for line in _lines(found, everything, most):
        typer.echo(line)
    return 0


def _lines(found: Codes, everything: bool, most: int) -> Iterator[str]:
    for view in found.coverage:
        share = f" ({100 * view.taken / view.codings:.1f} %)" if view.codings else ""
        yield f"{view.view}: {view.taken:,} of {view.codings:,} codings are of records that a list takes{share}"
    shown = [one for one in found.untaken if everything or not one.rare]
    for local, title in (
        (True, "In systems of the hospital's own, which no list of standard codes can hold"),
        (False, "In known systems, in no list: other care, or a code that a list lacks"),
    ):
        yield from _table(title, [one for one in shown if one.local == local], most)
    rare = [one for one in found.untaken if one.rare]
    if rare and not everything:
        n = sum(one.codings for one in rare)
        yield f"\nand {len(rare):,} codes that too few patients have to be named here, {n:,} codings: --all lists them"


def _table(title: str, rows: Sequence[Untaken], most: int) -> Iterator[str]:
    if not rows:
        return
    yield f"\n{title}:"
    largest = max(one.codings for one in rows)
    for one in rows[:most]:
        bar = "█" * max(1, round(_BAR * one.codings / largest))
        name = f"{one.system or 'no system'}|{one.code}"
        text = f"  {one.display}" if one.display else ""
        yield (
            f"{bar:<{_BAR}} {one.codings:>9,} codings  {one.patients:>7,} patients  {100 * one.share:>5.1f} % of "
            f"{one.view} ({', '.join(one.sites)})"
        )
        yield f"{'':<{_BAR}}   {name}{text}"
        for hint in one.hints[:2]:
            what = ", ".join(hint.variables) or "the study"
            yield f"{'':<{_BAR}}   might feed {what}, by list {hint.code_list}: {hint.why}"
    if len(rows) > most:
        yield f"and {len(rows) - most:,} more: --most {len(rows)} prints them"


def add_to(group: typer.Typer) -> None:
    """Register the command in the group ``quality``."""
    group.command("codes")(codes)
