"""Treatment received by arm: sessions, days between them, materials, sizes, drugs and doses, with of how many known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context
from analysis.report.lookup import Cell, Lookup
from analysis.report.sections.recorded import Block, anybody, of_all, readable, share, with_spread

PARAMETER = "treatment"


def treatment(context: Context) -> dict[str, Any] | None:
    """The table of what was received; None where the study does not ask for it or arms are masked."""
    asked = context.study.treatment
    if asked is None or context.masked or not context.has(PARAMETER):
        return None
    lookup = context.lookup()
    blocks = [
        _numbers(context, lookup, "sessions", "Sessions", "of each subject"),
        _numbers(context, lookup, "days_between", "Days between sessions", "of subjects with two or more, their mean"),
    ]
    for variable, label, names in (
        ("material", "Material", asked.materials),
        ("size", "Size", asked.sizes),
        ("drug", "Drug", tuple(drug.list_ for drug in asked.drugs)),
    ):
        if names:
            blocks.append(_shares(context, lookup, variable, label, names))
    for drug in asked.drugs:
        label = f"Dose of {readable(drug.list_)} a session, {drug.unit}"
        blocks.append(_numbers(context, lookup, "dose", label, "of each subject the mean", drug.list_))
    return {"lookup": lookup, "blocks": blocks}


def _recorded(context: Context, lookup: Lookup, variable: str, level: str = "") -> list[Cell]:
    return [lookup.cell(PARAMETER, variable, "recorded", group=arm, level=level) for arm in context.arms]


def _numbers(context: Context, lookup: Lookup, variable: str, label: str, detail: str, level: str = "") -> Block:
    recorded = _recorded(context, lookup, variable, level)

    def line(*statistics: str) -> list[Markup]:
        return [
            with_spread(*(lookup.cell(PARAMETER, variable, s, group=arm, level=level) for s in statistics))
            for arm in context.arms
        ]

    lines = []
    if anybody(recorded):
        lines = [
            ("Mean (standard deviation)", line("mean", "sd")),
            ("Median (quartiles)", line("median", "q1", "q3")),
            ("Smallest to largest", _range(context, lookup, variable, level)),
        ]
    return Block(label, detail, [of_all(cell) for cell in recorded], lines)


def _range(context: Context, lookup: Lookup, variable: str, level: str) -> list[Markup]:
    ends = [
        [lookup.cell(PARAMETER, variable, s, group=arm, level=level) for s in ("min", "max")] for arm in context.arms
    ]
    return [
        Markup("{}").format(low) if low.value is None else Markup("{} to {}").format(low, high) for low, high in ends
    ]


def _shares(context: Context, lookup: Lookup, variable: str, label: str, names: Sequence[str]) -> Block:
    recorded = _recorded(context, lookup, variable)
    lines = [
        (
            words.sentence_case(readable(name)),
            [
                share(*(lookup.cell(PARAMETER, variable, s, group=arm, level=name) for s in ("count", "percent")))
                for arm in context.arms
            ],
        )
        for name in (names if anybody(recorded) else ())
    ]
    return Block(label, "subjects with it in any session", [of_all(cell) for cell in recorded], lines)
