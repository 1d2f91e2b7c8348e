"""Table 1: each covariate by arm with its missing counts, the test named, and the standardised difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from analysis.report import words
from analysis.report.context import Context
from analysis.report.figures.intervals import balance
from analysis.report.lookup import Cell, Lookup
from analysis.stats.rows import TOTAL
from analysis.study.model import Covariate

WITH_ALL = 3  # so many arms at most have a column of all subjects beside them


@dataclass(frozen=True)
class Line:
    """One line of Table 1: the covariate's own, or one of its categories."""

    label: str
    groups: list[Markup]  # each arm, and all where there is room
    missing: list[Cell]
    tests: list[Markup]
    smd: list[Cell]
    test_name: str = ""
    category: bool = False


def baseline(context: Context) -> dict[str, Any] | None:
    """Table 1 and the balance plot; None when the study has no covariates."""
    lookup = context.lookup()
    names = [n for n in context.study.covariate if context.has("baseline", n)]
    if context.masked or not names:
        return None
    lines = [line for name in names for line in _covariate(context, lookup, name, context.study.covariate[name])]
    short = sum(len(arm) for arm in context.arms) <= 20
    return {
        "lines": lines,
        "all": len(context.arms) <= WITH_ALL,
        "lookup": lookup,
        "short": short,
        "figure": _balance(context, lookup, names),
    }


def _groups(context: Context) -> list[str]:
    """The arms, and behind two or three of them all subjects; more arms leave no room on paper."""
    return [*context.arms, *([TOTAL] if len(context.arms) <= WITH_ALL else [])]


def _covariate(context: Context, lookup: Lookup, name: str, covariate: Covariate) -> list[Line]:
    label = words.covariate_label(name, covariate)
    levels = {r.level for r in context.index.of("baseline", name) if r.statistic == "count"}
    continuous = any(r.statistic == "mean" for r in context.index.of("baseline", name))
    tests, test_name = _tests(context, lookup, name)
    shared = {
        "missing": [_missing(lookup, name, arm) for arm in context.arms],
        "tests": tests,
        "smd": [smd(context, lookup, name, c.group) for c in context.contrasts],
        "test_name": test_name,
    }
    as_numbers = continuous and covariate.table1 != "count"
    if as_numbers:
        median = covariate.table1 == "median_iqr"
        described = f"{label}: median (quartiles)" if median else f"{label}: mean (SD)"
        show = _median if median else _mean
        lines = [Line(described, [show(lookup, name, group) for group in _groups(context)], **shared)]  # type: ignore[arg-type]
    else:
        lines = [Line(f"{label}: n (%)", [Markup("") for _ in _groups(context)], **shared)]  # type: ignore[arg-type]
    order = [c for c in covariate.categories if c in levels] + sorted(levels - set(covariate.categories))
    if as_numbers:
        return lines
    for level in order:
        lines.append(
            Line(
                words.level_label(level, covariate),
                [_count(lookup, name, level, group) for group in _groups(context)],
                [],
                [],
                [],
                category=True,
            )
        )
    return lines


def smd_method(covariate: Covariate) -> str:
    """The standardised difference that fits how the covariate is shown: of means, or over categories."""
    return "means" if covariate.table1 in ("mean_sd", "median_iqr") or not covariate.categories else "categories"


def smd(context: Context, lookup: Lookup, name: str, group: str) -> Cell:
    """The standardised difference of one covariate in one contrast, as Table 1 prints it."""
    method = smd_method(context.study.covariate[name])
    return lookup.cell("baseline", name, "smd", group=group, method=method)


def _missing(lookup: Lookup, name: str, arm: str) -> Cell:
    return lookup.cell("baseline", name, "missing", group=arm)


def _mean(lookup: Lookup, name: str, arm: str) -> Markup:
    return Markup("{} ({})").format(*(lookup.cell("baseline", name, s, group=arm) for s in ("mean", "sd")))


def _median(lookup: Lookup, name: str, arm: str) -> Markup:
    return Markup("{} ({} to {})").format(
        *(lookup.cell("baseline", name, s, group=arm) for s in ("median", "q1", "q3"))
    )


def _count(lookup: Lookup, name: str, level: str, arm: str) -> Markup:
    cells = (lookup.cell("baseline", name, s, group=arm, level=level) for s in ("count", "percent"))
    return Markup("{} ({} %)").format(*cells)


def _tests(context: Context, lookup: Lookup, name: str) -> tuple[list[Markup], str]:
    """The P values: of the study's own test first, others that were computed behind it."""
    rows = [r for r in context.index.of("baseline", name) if r.statistic == "p" and r.level == ""]
    wanted = context.study.covariate[name].test
    rows.sort(key=lambda r: r.method != wanted)
    many = len({r.group for r in rows}) > 1
    shown = []
    for row in rows:
        if row.method == rows[0].method:
            arm = Markup('<span class="which">{}</span> ').format(row.group.partition(" vs ")[0]) if many else ""
            shown.append(Markup("{}{}").format(arm, lookup.show(row)))
    return shown, words.method(rows[0].method) if rows else ""


def _balance(context: Context, lookup: Lookup, names: list[str]) -> Markup | None:
    rows = []
    for name in names:
        cells = [(c, smd(context, lookup, name, c.group)) for c in context.contrasts]
        dots = [(context.arms[c.experimental], cell.value) for c, cell in cells if cell.value is not None]
        if not dots:
            continue
        shown = cells[0][1].tspan if len(cells) == 1 else Markup("")
        label = words.covariate_label(name, context.study.covariate[name])
        rows.append((label, dots, shown))
    if not rows:
        return None
    described = "; ".join(f"{label}: {', '.join(f'{abs(v):.2f}' for _, v in dots)}" for label, dots, _ in rows)
    return balance(
        "balance",
        "Balance of the arms at baseline",
        f"Absolute standardised mean differences, a line at 0.1. {described}",
        rows,
    )
