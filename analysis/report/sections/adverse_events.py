"""Adverse events by arm: the worst grade of each subject, and of how many anything is known.

What is not recorded is never printed as 0: where nothing is known of an arm, its cells say so.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context
from analysis.report.lookup import Cell, Lookup
from analysis.report.sections.recorded import Block, anybody, of_all, readable, share
from analysis.study.adverse_events import GRADES

PARAMETER = "adverse_events"
ANY, SEVERE, UNKNOWN = "any", ">=3", "unknown"


def adverse_events(context: Context) -> dict[str, Any] | None:
    """The tables of adverse events; None where the study does not ask for them or arms are masked."""
    asked = context.study.adverse_events
    if asked is None or context.masked or not context.has(PARAMETER):
        return None
    lookup = context.lookup()
    named = [(event.list_, event.label or words.sentence_case(readable(event.list_))) for event in asked.events]
    named.append((ANY, "Any of these"))
    known = [recorded_of(lookup, name, arm) for name, _ in named for arm in context.arms]
    return {
        "lookup": lookup,
        "window": words.window(asked.window),
        "looked": bool(asked.looked),
        # A value of 0 throughout, not one that is suppressed or missing.
        "nothing": all(cell.value == 0 for cell in known),
        "blocks": [_block(context, lookup, name, label) for name, label in named],
        "grades": [
            (label, [(arm, _grades(lookup, name, arm)) for arm in context.arms])
            for name, label in named
            if anybody([recorded_of(lookup, name, arm) for arm in context.arms])
        ],
        "grade_names": [*GRADES, UNKNOWN],
        "sites": [
            (row.level, of_all(lookup.show(row)))
            for row in context.index.of(PARAMETER, "site")
            if row.statistic == "recorded"
        ],
    }


def recorded_of(lookup: Lookup, name: str, group: str) -> Cell:
    """Of how many of a group anything is recorded on an event."""
    return lookup.cell(PARAMETER, name, "recorded", group=group)


def _block(context: Context, lookup: Lookup, name: str, label: str) -> Block:
    recorded = [recorded_of(lookup, name, arm) for arm in context.arms]
    lines = []
    if anybody(recorded):
        levels = [(ANY, "Any grade"), (SEVERE, "Grade 3 or more")]
        if any(_cells(lookup, name, arm, UNKNOWN, quiet=True)[0].value for arm in context.arms):
            levels.append((UNKNOWN, "Grade unknown"))
        lines = [(text, [share(*_cells(lookup, name, arm, level)) for arm in context.arms]) for level, text in levels]
    return Block(label, "", [of_all(cell) for cell in recorded], lines)


def _cells(lookup: Lookup, name: str, arm: str, level: str, quiet: bool = False) -> list[Cell]:
    """Count and share. The share sets no mark: why there may be none is said above the table."""
    return [
        lookup.cell(PARAMETER, name, "count", group=arm, level=level, quiet=quiet),
        lookup.cell(PARAMETER, name, "percent", group=arm, level=level, quiet=True),
    ]


def _grades(lookup: Lookup, name: str, arm: str) -> list[Markup]:
    return [share(*_cells(lookup, name, arm, level)) for level in (*GRADES, UNKNOWN)]
