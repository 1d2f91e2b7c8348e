"""Who is analysed: the study's criteria, each judged for every screened subject, in the order of the flow diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.derive.covariates import within
from analysis.derive.index import SUBJECT
from analysis.derive.levels import with_value
from analysis.derive.origins import behind
from mappings.comparators import comparator_reason

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.workspace import Workspace
    from analysis.study.model import Criterion, Requirement, Study

FAILS = "fails_"
"""Prefix of the columns that say whether a subject fails a criterion, by its id."""
BEFORE = "before_"
"""Prefix of the same, judged on what was known up to the index date only."""


def judge(
    work: Workspace, study: Study, subjects: ir.Table, facts: ir.Table, wide: ir.Table, adrs: ir.Table
) -> ir.Table:
    """One row a subject: `fails_<criterion id>` (bool), and `before_<id>` for criteria on a list after the index.

    Missing evidence: "fails" leaves, "passes" and "later" stay (later: the completeness criterion decides). A list
    that is required and not found is missing, and so is an excluded measurement (``above``) that was not taken; a list
    that is excluded and not found is no reason to leave, whatever ``missing`` says.
    """
    on_lists = [c for c in study.criterion if c.rule.list_ and c.rule.above is None]
    marks = {f"_{i}": present(facts, c.rule).any() for i, c in enumerate(on_lists)}
    marks |= {f"_{i}_before": (present(facts, c.rule) & (facts.rel <= 0)).any() for i, c in enumerate(on_lists)}
    t = subjects.select(*SUBJECT)
    if marks:
        found = facts.group_by(SUBJECT).aggregate(**marks)
        t = _joined(t, found).mutate(**{mark: (lambda r, m=mark: r[m].fill_null(False)) for mark in marks})
    fails: dict[str, ir.BooleanValue] = {}
    t = _joined(t, wide)
    for c in study.criterion:
        if c.rule.above is not None:
            nearest = work.keep(closest(work, study, facts, c))
            work.count_by("criteria", nearest, f"{c.id}: " + comparator_reason(nearest.comparator))
            t = _joined(t, nearest.select(*SUBJECT, **{f"_above_{c.id}": nearest.value}))
    assessed = adrs.filter(adrs.adequate).group_by(SUBJECT).aggregate(_days=adrs.rel.collect())
    t = work.keep(_joined(t, assessed))
    for i, c in enumerate(on_lists):
        fails |= _by_list(c, t[f"_{i}"], t[f"_{i}_before"])
    for c in study.criterion:
        if c.rule.above is not None:
            over = t[f"_above_{c.id}"] > c.rule.above
            fails[FAILS + c.id] = _verdict(c, over if c.require else ~over)
        elif c.rule.covariate:
            value, allowed = t[c.rule.covariate], c.rule.in_ or ()
            has = value.isin([str(one) if value.type().is_string() else float(one) for one in allowed])
            fails[FAILS + c.id] = _verdict(c, has if c.require else ~has)
        elif c.rule.complete:
            fails[FAILS + c.id] = _incomplete(study, c, t)
    return work.keep(t.select(*SUBJECT, **fails))


def _joined(left: ir.Table, right: ir.Table) -> ir.Table:
    return left.left_join(right, SUBJECT).drop("site_right", "patient_id_right")


def present(facts: ir.Table, rule: Requirement) -> ir.BooleanValue:
    """Whether a fact is what a criterion's list asks for: in its window, verified as asked, not answered `false`."""
    hit = (facts.list == rule.list_) & within(facts.rel, rule.window) & facts.truth.fill_null(True)
    if rule.verification:
        hit = hit & (facts.verification == rule.verification)
    return hit.fill_null(False)


def _by_list(c: Criterion, found: ir.BooleanValue, before: ir.BooleanValue) -> dict[str, ir.BooleanValue]:
    if c.require:
        return {FAILS + c.id: ~found if c.missing == "fails" else found & False}
    made = {FAILS + c.id: found}
    return made | ({BEFORE + c.id: before} if c.after_index else {})


def _verdict(c: Criterion, met: ir.BooleanValue) -> ir.BooleanValue:
    """Fails where not met; null (nothing known) goes by the criterion's ``missing``."""
    return (~met).fill_null(c.missing == "fails")


def closest(work: Workspace, study: Study, facts: ir.Table, c: Criterion) -> ir.Table:
    """(subject, id, value, comparator): of a criterion's list the one nearest to the index, as for a covariate."""
    import ibis

    mine = facts.filter((facts.list == c.rule.list_) & within(facts.rel, c.rule.window))
    t = with_value(work, mine, c.rule.unit)
    t = t.filter(t.value.notnull())
    nearest = [t.rel.abs(), t.rel > 0, t.issued_at.desc(), t.id.desc(), t.value.desc()]
    order = [*behind(study, c.rule.list_, t), *nearest]
    t = t.mutate(_place=ibis.row_number().over(ibis.window(group_by=[t[key] for key in SUBJECT], order_by=order)))
    return t.filter(t._place == 0).select(*SUBJECT, "id", "value", "comparator")


def _incomplete(study: Study, c: Criterion, t: ir.Table) -> ir.BooleanValue:
    import ibis

    lacking = [t[name].isnull() for name in study.covariate]
    if c.rule.assessments:
        days = t._days.filter(lambda day: within(day, c.rule.window))
        lacking.append(days.length().fill_null(0) < c.rule.assessments)
    incomplete = ibis.or_(*lacking) if lacking else ibis.literal(False)
    return incomplete if c.require else ~incomplete
