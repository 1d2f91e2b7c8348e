"""Check by site: the heaviest status over the tables, as sign and word before any colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.dashboard.grid import ABSENT, ERROR, FAIL, NOT_APPLICABLE, PASS, STATUSES, WITHIN, Grid
from analysis.pages.statuses import SIGNS

WORDS = {ABSENT: "not run", NOT_APPLICABLE: "n/a", PASS: "pass", WITHIN: "some", FAIL: "fail", ERROR: "error"}
CSS = {ABSENT: "a", NOT_APPLICABLE: "n", PASS: "p", WITHIN: "w", FAIL: "f", ERROR: "e"}
"""Classes are short: there is one a cell."""


@dataclass(frozen=True)
class Cell:
    """``tables``: how many tables have this status, of how many, where there are several: ``2/14``."""

    css: str
    sign: str
    word: str
    tables: str = ""


@dataclass(frozen=True)
class Row:
    """One check over all sites; ``worst`` is the class of its heaviest cell."""

    check: str
    worst: str
    cells: tuple[Cell, ...]


def heat(grid: Grid) -> tuple[list[str], list[Row]]:
    """The columns (sites, after the whole study where a check looks at it) and the rows, in the catalogue's order."""
    places = [*([""] if any(not key.site for key in grid.keys) else []), *grid.sites]
    column = {site: i for i, site in enumerate(places)}
    lines: dict[str, list[list[int]]] = {}
    for line, key in enumerate(grid.keys):
        lines.setdefault(key.check, [[] for _ in places])[column[key.site]].append(line)
    status, stops = grid.status[:, -1], grid.stops[:, -1]
    rows = []
    for check, by_place in lines.items():
        if not any(status[line] for here in by_place for line in here):
            continue
        cells = tuple(_cell(status, stops, here) for here in by_place)
        heaviest = max(int(status[line]) for here in by_place for line in here)
        rows.append(Row(check, CSS[heaviest], cells))
    return places, rows


def _cell(status: np.ndarray, stops: np.ndarray, lines: list[int]) -> Cell:
    if not lines:
        return Cell("a", "", "")
    here = status[lines]
    worst = int(here.max())
    several = worst >= WITHIN and len(lines) > 1
    tables = f"{int((here == worst).sum())}/{int((here != ABSENT).sum())}" if several else ""
    stopping = bool(stops[lines].any())
    css = "s" if stopping else CSS[worst]
    return Cell(css, SIGNS.get(STATUSES[worst], "\u00b7"), "stops" if stopping else WORDS[worst], tables)
