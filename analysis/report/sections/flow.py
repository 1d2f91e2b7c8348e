"""The flow of subjects: the diagram and the table behind it."""

from __future__ import annotations

from typing import Any

from analysis.report import words
from analysis.report.context import Context
from analysis.report.figures.flow_diagram import Left, flow_diagram
from analysis.report.lookup import Cell, Lookup

_ENDS = ("screened", "excluded", "analysed")


def flow(context: Context) -> dict[str, Any] | None:
    """Boxes in the order subjects met them; None when the results hold no flow."""
    lookup = context.lookup()
    screened = lookup.cell("flow", "screened", "n")
    if not screened:
        return None
    left = _left(context, lookup)
    analysed = lookup.cell("flow", "analysed", "n")
    arms = [(s, lookup.cell("flow", "analysed", "n", group=label)) for label, s in context.arms.items()]
    described = "; ".join(f"{step.words}: {step.count.text}" for step in left)
    ends = "; ".join(f"{s.label}: {c.text}" for s, c in arms)
    figure = flow_diagram(
        "flow",
        "Flow of subjects from screening to analysis",
        f"Screened: {screened.text}. Left: {described}. Analysed: {analysed.text}. {ends}",
        ("Screened", screened),
        left,
        ("Analysed", analysed),
        arms,
    )
    return {
        "figure": figure,
        "lookup": lookup,
        "screened": screened,
        "excluded": lookup.cell("flow", "excluded", "n"),
        "left": left,
        "analysed": analysed,
        "arms": arms,
        "after_index": [c for c in context.study.criterion if c.after_index],
    }


def _left(context: Context, lookup: Lookup) -> list[Left]:
    """Rules of the arms and the washout, then the criteria in the order of the study file, then what checks dropped."""
    study = context.study
    known = {row.variable for row in context.index.rows if row.parameter == "flow"} - set(_ENDS)
    rules = [name for name in known_rules(study) if name in known]
    steps = [Left(rule_words(name), lookup.cell("flow", name, "n")) for name in rules]
    steps += [
        Left(criterion_words(c.text, excludes=c.exclude is not None), _count(lookup, c.id), bool(c.after_index))
        for c in study.criterion
    ]
    named = {*rules, *(c.id for c in study.criterion)}
    steps += [
        Left(f"Dropped by the check {name.replace('_', ' ')}", lookup.cell("flow", name, "n"))
        for name in sorted(known - named)
    ]
    return steps


def known_rules(study: Any) -> list[str]:
    """The names of what excludes before any criterion, in the order it is judged."""
    arm_rules = [study.arm_rules.both.partition(":")[2], study.arm_rules.neither.partition(":")[2]]
    return ["washout", "before-landmark", *arm_rules]


def rule_words(name: str) -> str:
    """A reason of exclusion that is no criterion, in words: an arm rule, or the id of a check."""
    return words.ARM_RULES.get(name, words.sentence_case(name.replace("-", " ")))


def criterion_words(text: str, excludes: bool) -> str:
    """A requirement is left by not meeting it; an exclusion by having it. "At most ..." reads as a requirement."""
    asks = not excludes or text.casefold().startswith(("at most", "no ", "at least", "insufficient"))
    insufficient = text.casefold().startswith("insufficient")
    return f"Not met: {text[:1].lower() + text[1:] if _plain(text) else text}" if asks and not insufficient else text


def _plain(text: str) -> bool:
    """Whether the first word is an ordinary word, so that it may lose its capital after a colon."""
    first = text.split()[0]
    return first[1:].islower() and "-" not in first


def _count(lookup: Lookup, name: str) -> Cell:
    return lookup.cell("flow", name, "n")
