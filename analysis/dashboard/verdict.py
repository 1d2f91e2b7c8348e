"""The first lines of the page: can today's data be used, how old are they, and what a reader must know before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analysis.dashboard import clock
from analysis.dashboard.gate import NOT_WHOLE, Gate, gate_words, study_overrides, study_stops
from analysis.dashboard.grid import Grid
from analysis.dashboard.history import History

FEW_SITES = 5
INCOMPLETE = 6
ENDED = (0, 5)
"""Exit codes of runs that need no word: complete, or held, which the gate of each site says."""


@dataclass(frozen=True)
class Age:
    """When the newest run with results began. ``usual``: seconds between runs that are still no delay, or None."""

    run: str
    words: str
    started: int
    late: bool
    usual: int | None
    usual_words: str


def age(grid: Grid, now: datetime) -> Age:
    """The newest run's age at ``now``, and whether the next one should have come already."""
    started = grid.newest.started
    seconds = (now - started).total_seconds()
    usual = clock.usual_distance([run.started for run in grid.runs])
    allowed = None if usual is None else int(usual * clock.SLACK)
    return Age(
        clock.moment(started.astimezone(now.tzinfo)),
        clock.ago(seconds),
        int(started.timestamp()),
        allowed is not None and seconds > allowed,
        allowed,
        "" if usual is None else clock.length(usual),
    )


def sentence(gates: Sequence[Gate]) -> str:
    """``2 of 3 sites: yes``."""
    usable = sum(gate.usable for gate in gates)
    if not usable:
        return f"no: none of {len(gates)} sites" if len(gates) > 1 else "no"
    return f"{usable} of {len(gates)} sites: yes" if len(gates) > 1 else "yes"


def state(gates: Sequence[Gate]) -> str:
    """``all``, ``some`` or ``none`` of the sites; a site that did not land whole makes it ``some``."""
    usable = [gate for gate in gates if gate.usable]
    whole = len(usable) == len(gates) and all(gate.whole for gate in usable)
    return "all" if whole else "some" if usable else "none"


def notes(history: History, grid: Grid, gates: Sequence[Gate], now: datetime) -> list[str]:
    """Sentences below the verdict: how the run ended, the study's own stop, overrides, later runs without results,
    runs left out."""
    said = _ended(grid, gates)
    stops = study_stops(grid)
    if stops:
        names = ", ".join(grid.keys[line].name for line in stops)
        said.append(f"The whole study is held by: {names}.")
    said += _unusable(grid, gates)
    said += [f"Overridden for the whole study: {text}." for text in study_overrides(grid)]
    said += [f"{grid.label(g.site)} is used under an override." for g in gates if g.state == "overridden"]
    said += _later(history, grid, now)
    if history.left_out:
        runs = "run of another source is" if history.left_out == 1 else "runs of other sources are"
        said.append(f"{history.left_out} {runs} left out: they cannot be compared.")
    return said


def _ended(grid: Grid, gates: Sequence[Gate]) -> list[str]:
    """How the newest run ended, where it is not as it should: types and counts of what is missing, and no more."""
    run = grid.newest
    if run.missing:
        used = {gate.site: gate.usable for gate in gates}
        short = [_short(grid.label(site), types, used.get(site, False)) for site, types in run.missing.items()]
        more = f"; and {len(short) - FEW_SITES} more sites" if len(short) > FEW_SITES else ""
        return [f"The run ended incomplete: {'; '.join(short[:FEW_SITES])}{more}."]
    if run.exit_code is None:
        return ["The run has not come to its end: what stands here is what its checks found."]
    if run.exit_code == INCOMPLETE:
        return ["The run ended incomplete."]
    return [] if run.exit_code in ENDED else [f"The run ended with exit code {run.exit_code} after its checks."]


def _short(label: str, types: Mapping[str, int], used: bool) -> str:
    """``North did not land whole (missing: 2 pieces of Observation) and is not used``."""
    pieces = [f"{n} piece{'s' * (n > 1)} of {type_}" for type_, n in sorted(types.items()) if type_]
    more = ["something else"] if "" in types else []
    what = f" (missing: {', '.join([*pieces, *more])})" if pieces else ""
    return f"{label} {NOT_WHOLE}{what} and {'is used as far as it landed' if used else 'is not used'}"


def _unusable(grid: Grid, gates: Sequence[Gate]) -> list[str]:
    """Which sites are left out, where the table below is too long to see it at once."""
    out = [f"{grid.label(gate.site)} ({gate_words(gate).text})" for gate in gates if not gate.usable]
    if not out or len(gates) <= FEW_SITES:
        return []
    more = f" and {len(out) - FEW_SITES} more" if len(out) > FEW_SITES else ""
    return [f"Not used: {', '.join(out[:FEW_SITES])}{more}."]


def _later(history: History, grid: Grid, now: datetime) -> list[str]:
    """Runs newer than what is shown: they ended, or stand still, before their checks were made."""
    shown = {run.id for run in grid.runs}
    later: list[dict[Any, Any]] = [
        row
        for row in history.runs.to_dict("records")
        if row["run"] not in shown and clock.instant(str(row["started"])) > grid.newest.started
    ]
    if not later:
        return []
    last = max(later, key=lambda row: str(row["started"]))
    when = clock.moment(clock.instant(str(last["started"])).astimezone(now.tzinfo))
    code = last["exit_code"]
    none = code is None or code != code
    ended = "has not come to its checks" if none else f"ended with exit code {int(code)} before its checks"
    more = f" ({len(later)} such runs)" if len(later) > 1 else ""
    return [f"A later run, of {when}, {ended}{more}: what stands here is older."]
