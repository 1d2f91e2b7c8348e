"""The first screen's lists in words: what changed, the five problems, the ten codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from analysis.dashboard import clock, small_counts
from analysis.dashboard.changes import LATELY, Changes
from analysis.dashboard.grid import ERROR, FAIL, Grid
from analysis.dashboard.history import History
from analysis.dashboard.problems import Problem
from analysis.dashboard.sparkline import sparkline
from analysis.dashboard.trends import shares_of
from analysis.dashboard.unmapped import Unmapped
from analysis.pages import formats

NAMED = 5
"""Entries of a list that stand on the first screen; the rest lie behind."""


@dataclass(frozen=True)
class ChangeList:
    """One kind of change: its sign and word, how many lines of the grid it has, and these as (a line, text): the tables
    of one check at one site are one entry."""

    sign: str
    word: str
    css: str
    meaning: str
    n: int
    items: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class ProblemRow:
    line: int
    name: str
    where: str
    part: str
    lost: str
    first_seen: str
    acknowledged: str
    over: str
    note: str
    spark: Markup


@dataclass(frozen=True)
class CodeRow:
    system: Markup
    code: str
    where: str
    records: str
    patients: str
    spark: Markup


def outcome_label(name: str) -> str:
    """``Response``; endpoints by their id."""
    return name if name.isupper() else name.capitalize()


def change_lists(grid: Grid, said: Changes, least: int) -> list[ChangeList]:
    """The kinds in the order a reader needs them; an empty one is told as such by its count."""

    silent = "failed before; now there was nothing to judge or it did not run"
    kinds = (
        ("\u25b2", "new", "bad", "fails now and did not in the run before", said.new),
        ("\u2197", "worse", "bad", "failed before and fails more now", said.worse),
        ("\u2713", "resolved", "good", "failed before and holds now", said.resolved),
        ("\u25cb", "no longer judged", "odd", silent, said.silent),
        ("\u25b3", f"new in the {LATELY} runs before", "bad", "still fails", said.lately),
    )
    return [
        ChangeList(sign, word, css, meaning, len(lines), _entries(grid, lines, least))
        for sign, word, css, meaning, lines in kinds
    ]


def _entries(grid: Grid, lines: Sequence[int], least: int) -> tuple[tuple[int, str], ...]:
    """The lines by check and site, in their order; of several tables the first is named."""
    found: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        found.setdefault((grid.keys[line].check, grid.keys[line].site), []).append(line)
    entries = []
    for (_, site), here in found.items():
        first = here[0]
        if len(here) > 1:
            text = f"{grid.label(site)}: {grid.keys[first].table} and {len(here) - 1} more"
        else:
            text = f"{grid.label(site)}: {grid.keys[first].table}{_how(grid, first, least)}"
        entries.append((first, text))
    return tuple(entries)


def _how(grid: Grid, line: int, least: int) -> str:
    """What a check that fails found."""
    if grid.status[line, -1] == ERROR:
        return ", could not be computed"
    n, whole = grid.numerator[line, -1], grid.denominator[line, -1]
    return f", {small_counts.part(int(n), int(whole), least)}" if grid.status[line, -1] == FAIL else ""


def problem_rows(grid: Grid, found: Sequence[Problem], history: History, now: datetime) -> list[ProblemRow]:
    """The five problems; of several outcomes only the one with most subjects has a number."""
    rows = []
    for problem in found:
        key = grid.keys[problem.line]
        first = grid.first_seen(problem.line)
        started = grid.runs[first].started.astimezone(now.tzinfo)
        ack = problem.acknowledged
        over = ack is not None and ack.over(now.date())
        until = f" until {clock.day(ack.until)}" if ack and ack.until else ""
        rows.append(
            ProblemRow(
                problem.line,
                key.name,
                f"{key.table}, {grid.label(key.site)}",
                _touched(problem, history.min_count),
                _lost(problem, history.min_count),
                clock.day(started, year=started.year != now.year) + (" or earlier" if first == 0 else ""),
                f"{ack.name}{until}" if ack else "",
                "that is over" if over else "",
                ack.note if ack else "",
                _course(problem, grid, history.min_count),
            )
        )
    return rows


def _course(problem: Problem, grid: Grid, least: int) -> Markup:
    """Subjects touched, run by run; of a problem that touches none, its percentage of violations."""
    key = grid.keys[problem.line]
    where = f"{key.name}, {key.table}, {grid.label(key.site)}"
    if problem.touched:
        course = small_counts.rounded(problem.course, least)
        return sparkline(f"p{problem.line}", f"Subjects touched by {where}", course)
    return sparkline(f"p{problem.line}", f"Violations of {where}", shares_of(grid, problem.line, least), "%")


def _touched(problem: Problem, least: int) -> str:
    if not problem.touched:
        return "no analysed subject"
    others = f"; also {', '.join(outcome_label(o) for o in problem.others)}" if problem.others else ""
    whole = max(problem.eligible, problem.touched)
    return f"{small_counts.part(problem.touched, whole, least)} in {outcome_label(problem.outcome)}{others}"


def _lost(problem: Problem, least: int) -> str:
    """How many of those touched are removed; a number only where neither they nor the rest are few."""
    if not problem.touched or not problem.lost:
        return ""
    if problem.lost == problem.touched:
        return "all of them are lost"
    small = min(problem.lost, problem.touched - problem.lost) < least
    return "some of them are lost" if small else f"{formats.integer(problem.lost)} of them are lost"


def code_rows(found: Unmapped, grid: Grid, least: int) -> list[CodeRow]:
    """The ten codes, with a line each."""
    rows = []
    for at, one in enumerate(found.codes):
        name = f"{one.code} of {one.system}" if one.system else one.code
        several = len(one.sites) > 1
        sites = f"{len(one.sites)} of {len(grid.sites)} sites" if several else grid.label(one.sites[0])
        rows.append(
            CodeRow(
                Markup("/<wbr>").join((one.system or "no system").split("/")),
                one.code,
                f"{', '.join(one.tables)}, {sites}",
                formats.guarded(one.n, least),
                formats.guarded(one.patients, least),
                sparkline(f"c{at}", f"Records with the code {name}", small_counts.rounded(one.course, least)),
            )
        )
    return rows
