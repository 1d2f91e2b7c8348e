"""How the page prints what is known of some subjects only: the number recorded beside every share and mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from analysis.report.lookup import Cell


@dataclass(frozen=True)
class Block:
    """One thing that was asked for: of how many of each arm it is recorded, and a line for each figure of it."""

    label: str
    detail: str
    recorded: list[Markup]
    lines: list[tuple[str, list[Markup]]]


def of_all(cell: Cell) -> Markup:
    """``8 of 11``; the cell alone where it cannot be given."""
    if cell.value is None:
        return Markup("{}").format(cell)
    return Markup("{} of {}").format(cell, cell.denominator)


def anybody(cells: Sequence[Cell]) -> bool:
    """Whether anything is known of anybody. Where it is not, or is suppressed, no line under it would say more."""
    return any(cell.value for cell in cells)


def share(count: Cell, percent: Cell) -> Markup:
    """``3 (37.5 %)``; the count alone where there is none, or no share, of which the section says why."""
    if count.value is None or percent.value is None:
        return Markup("{}").format(count)
    return Markup('{} <span class="interval">({}\u00a0%)</span>').format(count, percent.silent)


def with_spread(first: Cell, *spread: Cell) -> Markup:
    """``2.1 (0.8)`` or ``2.0 (1.0 to 3.0)``; the first alone where it is none."""
    if first.value is None:
        return Markup("{}").format(first)
    inside = Markup(" to ").join(spread)
    return Markup('{} <span class="interval">({})</span>').format(first, inside)


def readable(code_list: str) -> str:
    """The name of a code list in words."""
    return code_list.replace("-", " ")
