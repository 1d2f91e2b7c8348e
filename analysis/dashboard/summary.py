"""One line a site: newest record, volume, checks that stop, subjects lost from each outcome, gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from markupsafe import Markup

from analysis.dashboard import clock, small_counts
from analysis.dashboard.freshness import stillness
from analysis.dashboard.gate import NOT_WHOLE, Flagged, Gate, gate_words
from analysis.dashboard.grid import WINDOW, Grid
from analysis.dashboard.history import History
from analysis.dashboard.profiles import Profiles
from analysis.dashboard.sparkline import sparkline
from analysis.dashboard.volume import expected
from analysis.pages import formats

RESPONSE = "response"


@dataclass(frozen=True)
class SiteRow:
    """One site as the first screen shows it. ``lost`` has one text an outcome.

    ``stops``: of each check that stops a line of the grid, and on how many tables it does. ``failing``: a line of each
    check that fails without stopping, the youngest failure first.
    """

    site: str
    label: str
    newest: Flagged
    volume: Flagged
    stops: tuple[tuple[int, int], ...]
    failing: tuple[int, ...]
    lost: tuple[str, ...]
    gate: Gate
    gate_words: Flagged
    spark: Markup


@dataclass(frozen=True)
class Lost:
    """Subjects of a site without a usable value of an outcome: ``n`` of ``whole``, ``dropped`` of them by checks."""

    n: int
    dropped: int
    whole: int


def outcomes(history: History, grid: Grid) -> list[str]:
    """The study's outcomes as the results name them: response first, then the endpoints as they come."""
    rows = history.subjects[history.subjects["run"] == grid.newest.id]
    found = list(dict.fromkeys(str(name) for name in rows["outcome"]))
    return sorted(found, key=lambda name: name != RESPONSE)


def site_rows(history: History, grid: Grid, found: Profiles, gates: Sequence[Gate], now: datetime) -> list[SiteRow]:
    """The sites in the order of the file. They are never ranked."""
    names = outcomes(history, grid)
    rows = history.subjects[history.subjects["run"] == grid.newest.id]
    lost = {
        (str(r["site"]), str(r["outcome"])): Lost(int(r["lost"]), int(r["dropped"]), int(r["analysed"] + r["dropped"]))
        for r in rows.to_dict("records")
    }
    total, newest = found.total(), found.newest_of_site()
    failing = grid.failing()
    made = []
    for at, gate in enumerate(gates):
        site = gate.site
        volume = total[at]
        made.append(
            SiteRow(
                site,
                grid.label(site),
                _newest(newest[at], grid, now, gate.whole),
                _volume(at, found, total, grid, history.min_count, now)
                if gate.whole
                else Flagged("not counted", "", NOT_WHOLE),
                _stops(grid, gate),
                _failing(grid, site, failing),
                tuple(_lost(site, names, lost, history.min_count)),
                gate,
                gate_words(gate),
                sparkline(
                    f"v{at}",
                    f"Records of {grid.label(site)} in the last {min(WINDOW, len(grid.runs))} runs",
                    small_counts.rounded(volume[-WINDOW:], history.min_count),
                    from_zero=False,
                ),
            )
        )
    return made


def _stops(grid: Grid, gate: Gate) -> tuple[tuple[int, int], ...]:
    by_check: dict[str, list[int]] = {}
    for line in gate.stops:
        by_check.setdefault(grid.keys[line].check, []).append(line)
    return tuple((lines[0], len(lines)) for lines in by_check.values())


def _failing(grid: Grid, site: str, failing: np.ndarray) -> tuple[int, ...]:
    """A line of each check that fails at a site without stopping it, the youngest failure first."""
    lines = [i for i, key in enumerate(grid.keys) if key.site == site and failing[i] and not grid.stops[i, -1]]
    lines.sort(key=lambda line: -grid.first_seen(line))
    youngest: dict[str, int] = {}
    for line in lines:
        youngest.setdefault(grid.keys[line].check, line)
    return tuple(youngest.values())


def _newest(days: np.ndarray, grid: Grid, now: datetime, whole: bool) -> Flagged:
    if not whole:
        known = days[~np.isnan(days)]
        if not known.size:
            return Flagged("not known", "", NOT_WHOLE)
        day = date.fromordinal(int(known[-1]))
        return Flagged(clock.day(day, year=day.year != now.year), "", "before this run")
    if not days.size or np.isnan(days[-1]):
        return Flagged("none", "no record with a date")
    last = date.fromordinal(int(days[-1]))
    before = (grid.newest.started.astimezone(now.tzinfo).date() - last).days
    note = {0: "the day of the run", 1: "1 day before the run"}.get(before, f"{before} days before the run")
    still = stillness(days)
    flag = ""
    if still:
        usual = f"at most {still.before}" if still.before else "newer ones in every run"
        flag = f"nothing newer for {still.runs} runs; before, {usual}"
    return Flagged(clock.day(last, year=last.year != now.year), flag, note)


def _volume(at: int, found: Profiles, total: np.ndarray, grid: Grid, least: int, now: datetime) -> Flagged:
    """The site's records, and how they stand to what was expected; the table that fell furthest where one did."""
    values = total[at]
    if not values.size or np.isnan(values[-1]):
        return Flagged("none", "no records in this run")
    text = formats.guarded(float(values[-1]), least)
    all_of_it, by_table = expected(values, least), expected(found.records[at], least)
    few = 0 < values[-1] < least
    level = float(all_of_it.level)
    told = "too few runs to expect anything" if np.isnan(level) else "" if few else _share(values[-1], level)
    fallen = np.flatnonzero(by_table.since >= 0)
    if all_of_it.since < 0 and not fallen.size:
        return Flagged(text, "", told)
    if all_of_it.since >= 0:
        flag = f"{told or 'far below what was expected'} since {_since(int(all_of_it.since), grid, now)}"
        if not fallen.size or values[-1] == 0:
            return Flagged(text, flag)
    shares = found.records[at, fallen, -1] / by_table.level[fallen]
    worst = int(fallen[np.argmin(shares)])
    left = found.records[at, worst, -1]
    share = "few" if 0 < left < least else _share(left, float(by_table.level[worst]))
    more = f", and {fallen.size - 1} more" if fallen.size > 1 else ""
    since = _since(int(by_table.since[worst]), grid, now)
    return Flagged(text, f"{found.tables[worst]}: {share} since {since}{more}", told)


def _share(n: float, level: float) -> str:
    return f"{formats.decimal(100 * n / level, 0)}\u00a0% of expected"


def _since(run: int, grid: Grid, now: datetime) -> str:
    return clock.day(grid.runs[run].started.astimezone(now.tzinfo), year=False)


def _lost(site: str, names: Sequence[str], lost: dict[tuple[str, str], Lost], least: int) -> list[str]:
    known = [lost[site, name] for name in names if (site, name) in lost]
    if known and not any(one.whole for one in known):
        return ["no subjects"] * len(names)
    same = len({(one.whole, one.dropped) for one in known}) == 1
    texts = (
        small_counts.parts([one.n for one in known], known[0].whole, least, known[0].dropped)
        if same
        else [small_counts.part(one.n, one.whole, least) for one in known]
    )
    told = iter(texts)
    return [next(told) if (site, name) in lost else "not analysed" for name in names]
