"""Tumour response: recorded assessments, the reading that counts, and the best response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.derive.covariates import within
from analysis.derive.dates import Calendar
from analysis.derive.imaging import with_imaging
from analysis.derive.index import SUBJECT
from analysis.derive.levels import with_level
from mappings.codelists import CodeList, ConceptMapping, matches

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace
    from analysis.study.model import Response, Study

NOT_EVALUABLE = "NE"
# The words of the response criteria themselves, to notice where a display says another level than its code: the codes
# LA28370-7 (PD) and LA28371-5 (SD) are often swapped.
_WORDS = {"complete resp": "CR", "complete remission": "CR", "partial": "PR", "stable": "SD", "progress": "PD"}
_AT = [*SUBJECT, "rel", "body_site_system", "body_site"]


def site_column(name: str) -> str:
    """The boolean column that says whether an assessment speaks of the body sites of list ``name``."""
    return f"at_{name}"


def assess(
    inputs: Inputs,
    work: Workspace,
    study: Study,
    codes: Mapping[str, CodeList],
    maps: Mapping[str, ConceptMapping],
    facts: ir.Table,
    calendar: Calendar,
) -> ir.Table:
    """One row a recorded assessment after the index: its level, reader, whether it is the accepted reading of its day
    (``accepted``), whether it counts for the response (``adequate``: accepted, evaluable, of the study's body site),
    ``at_<list>`` for each body site asked for, and the imaging within reach (``imaging``, ``img_modality``).
    """
    import ibis

    rule = study.response
    if rule is None:
        return _none(study, facts)
    recorded = facts.filter(facts.list == rule.list_)
    inside = within(recorded.rel, rule.window)
    work.count("response", recorded, {"outside the assessment window": ~inside})
    t = with_level(work.keep(recorded.filter(inside)), inputs, maps[rule.values], {*rule.order, NOT_EVALUABLE})
    t = work.keep(t)
    known = t.level.isin([*rule.order, NOT_EVALUABLE]).fill_null(False)
    work.count("response", t, {"value unmapped": ~known, "codings that answer differently": t.several})
    contradicted = _contradicted(inputs, t)
    work.count("response", contradicted, {"display says another level than its code": contradicted.id.notnull()})
    t = t.filter(known)
    t = _accepted(work, rule, t)
    for name in site_lists(study):
        spoken = t.select("site", "id", "body_site_system", "body_site")
        at = matches(spoken, "body_site_system", "body_site", {name: codes[name]})
        t = t.left_join(at.select("site", "id", _there=True).distinct(), ["site", "id"]).drop("site_right", "id_right")
        t = t.mutate(**{site_column(name): t._there.fill_null(False)}).drop("_there")
    there = t[site_column(rule.site)] if rule.site else ibis.literal(True)
    t = t.mutate(adequate=t.accepted & t.level.isin(rule.order) & there)
    t = work.keep(t)
    t = work.keep(with_imaging(inputs, rule, t, calendar))
    reasons = {"not evaluable": t.accepted & (t.level == NOT_EVALUABLE)}
    if rule.site:
        reasons["of no or another body site"] = t.accepted & ~t[site_column(rule.site)]
    if rule.imaging:
        reasons["assessment without imaging in reach"] = t.accepted & ~t.imaging
    work.count("response", t, reasons)
    # A running number, so that an endpoint can point at the row it rests on.
    order = [t.rel, t.accepted, t.id]
    return work.keep(t.mutate(aseq=ibis.row_number().over(group_by=[t[k] for k in SUBJECT], order_by=order) + 1))


def _none(study: Study, facts: ir.Table) -> ir.Table:
    import ibis

    t = facts.filter(ibis.literal(False))
    flags = ("accepted", "adequate", "imaging", *(site_column(name) for name in site_lists(study)))
    made = dict.fromkeys(flags, ibis.literal(False))
    return t.mutate(level=ibis.null("string"), img_modality=ibis.null("string"), aseq=ibis.literal(1, "int64"), **made)


def site_lists(study: Study) -> tuple[str, ...]:
    """Every body-site list the response or an endpoint asks for, once, the response's first."""
    asked = [study.response.site if study.response else None]
    asked += [source.site for endpoint in study.endpoint for source in endpoint.events]
    return tuple(dict.fromkeys(name for name in asked if name))


def _contradicted(inputs: Inputs, t: ir.Table) -> ir.Table:
    import ibis

    coded = inputs["observation_value"].select("site", "id", _display=ibis._.code_display.lower())
    shown = t.filter(t.source == "observation").select("site", "id", "level").distinct().join(coded, ["site", "id"])
    said = ibis.cases(*((shown._display.contains(words), level) for words, level in _WORDS.items()), else_=None)
    return shown.filter((said != shown.level).fill_null(False)).select("site", "id").distinct()


def _accepted(work: Workspace, rule: Response, t: ir.Table) -> ir.Table:
    """Adds ``accepted``: one reading for each day and body site.

    The first reader's where the second agrees or is absent; the adjudicator's where they differ (or the first's, as
    the study says); else nothing. Two records of one reader on one day: the later issued, then the higher id.
    """
    import ibis

    readers = rule.readers
    role: ir.StringValue = ibis.literal("only")
    if readers:
        named = {"first": readers.first, "second": readers.second, "adjudicator": readers.adjudicator}
        role = t.performer_id.cases(*((person, what) for what, person in named.items() if person), else_=None)
    t = t.mutate(role=role)
    place = ibis.row_number().over(
        ibis.window(group_by=[t[key] for key in (*_AT, "role")], order_by=[t.issued_at.desc(), t.id.desc()])
    )
    t = work.keep(t.mutate(_place=place))
    reasons = {
        "reader not named by the study": t.role.isnull(),
        "superseded on the same day": (t._place > 0) & t.role.notnull(),
    }
    work.count("response", t, reasons)
    if not readers:
        return t.mutate(accepted=t._place == 0).drop("_place")
    top = t.filter(t._place == 0)
    by_day = top.group_by(_AT).aggregate(
        _first=top.level.max(where=top.role == "first"),
        _second=top.level.max(where=top.role == "second"),
        _third=top.level.max(where=top.role == "adjudicator"),
    )
    differ = (by_day._first != by_day._second).fill_null(False)
    settled = "first" if readers.on_disagreement == "first" else None
    by_day = by_day.mutate(
        _counts=ibis.cases(
            (differ & ibis.literal(settled == "first"), "first"),
            (differ & by_day._third.notnull(), "adjudicator"),
            (differ, None),
            (by_day._first.notnull(), "first"),
            (by_day._second.notnull(), "second"),
            (by_day._third.notnull(), "adjudicator"),
            else_=None,
        ),
        _differ=differ,
    )
    by_day = work.keep(by_day)
    reasons = {
        "readers differ": by_day._differ,
        "readers differ and nobody settles it": by_day._differ & by_day._counts.isnull(),
    }
    if readers.second:
        reasons["read by one reader only"] = by_day._first.isnull() | by_day._second.isnull()
    work.count("response", by_day, reasons)
    t = t.join(by_day, [t[key].identical_to(by_day[key]) for key in _AT])
    t = t.mutate(accepted=((t._place == 0) & (t.role == t._counts)).fill_null(False))
    return t.drop(*(name for name in t.columns if name.startswith("_") or name.endswith("_right")))


def best(
    work: Workspace, study: Study, subjects: ir.Table, adrs: ir.Table, facts: ir.Table, deaths: ir.Table
) -> ir.Table:
    """One row a subject: ``bor`` (a level, or NE) and the assessment it rests on (``bor_id``, ``bor_rel``…).

    Counted up to and with the first progression, death or new therapy, as the study says. Stable disease before
    ``min_days_sd`` is no stable disease: without anything else the answer is NE.
    """
    import ibis

    rule = study.response
    if rule is None:
        return subjects.select(*SUBJECT, bor=ibis.null("string"), bor_id=ibis.null("string"))
    good = adrs.filter(adrs.adequate)
    until = subjects.select(*SUBJECT)
    ends = []
    if "PD" in rule.best_until:
        until = _add(until, good.filter(good.level == "PD"), "_pd")
        ends.append("_pd")
    if "death" in rule.best_until:
        until = _add(until, deaths.filter(deaths.death_rel.notnull()).mutate(rel=deaths.death_rel), "_death")
        ends.append("_death")
    if "new-therapy" in rule.best_until and rule.new_therapy:
        until = _add(until, new_therapy(study, facts), "_therapy")
        ends.append("_therapy")
    never = ibis.literal(10**6, "int64")
    until = until.mutate(_until=ibis.least(never, *(until[end].fill_null(10**6) for end in ends)))
    t = good.join(work.keep(until), SUBJECT)
    t = t.filter(t.rel <= t._until)
    early = (t.level == "SD") & (t.rel < rule.min_days_sd)
    t = t.mutate(_level=ibis.ifelse(early, NOT_EVALUABLE, t.level))
    rank = t._level.cases(*((level, i) for i, level in enumerate(rule.order)), else_=len(rule.order))
    order = [rank, t.rel, t.id.desc()]
    t = t.mutate(_place=ibis.row_number().over(ibis.window(group_by=[t[k] for k in SUBJECT], order_by=order)))
    top = t.filter(t._place == 0).select(*SUBJECT, "version", "rel", bor=t._level, bor_id=t.id)
    top = top.rename(bor_version="version", bor_rel="rel")
    made = subjects.select(*SUBJECT).left_join(top, SUBJECT).drop("site_right", "patient_id_right")
    return work.keep(made.mutate(bor=made.bor.fill_null(NOT_EVALUABLE)))


def new_therapy(study: Study, facts: ir.Table) -> ir.Table:
    """Facts of the new-therapy list after the index day that are no part of a procedure the study names."""
    rule = study.response.new_therapy if study.response else None
    assert rule is not None
    t = facts.filter((facts.list == rule.list_) & (facts.rel > 0))
    if rule.not_part_of:
        acts = facts.filter((facts.list == rule.not_part_of) & (facts.source == "procedure"))
        # The act itself (where a list holds both), and what was given as a part of it.
        itself = acts.select("site", "id", "source").distinct()
        t = t.anti_join(itself, ["site", "id", "source"])
        t = t.anti_join(acts.select("site", part_of="id").distinct(), ["site", "part_of"])
    return t


def _add(until: ir.Table, rows: ir.Table, name: str) -> ir.Table:
    first = rows.group_by(SUBJECT).aggregate(**{name: rows.rel.min()})
    return until.left_join(first, SUBJECT).drop("site_right", "patient_id_right")
