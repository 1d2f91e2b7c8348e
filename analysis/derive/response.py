"""Tumour response: recorded assessments, the reading that counts, and the best response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.derive.assessment_sources import COLUMNS, with_sources
from analysis.derive.body_site import at_site
from analysis.derive.covariates import within
from analysis.derive.dates import Calendar
from analysis.derive.imaging import with_imaging
from analysis.derive.index import SUBJECT
from analysis.derive.levels import with_level
from analysis.derive.origins import behind
from mappings.codelists import CodeList, ConceptMapping

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace
    from analysis.study.model import Response, Study

NOT_EVALUABLE = "NE"
RECORDED, DERIVED = "recorded", "derived"
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
    measured: pd.DataFrame | None = None,
) -> ir.Table:
    """One row an assessment after the index: its level, reader, ``origin`` (recorded, or derived from ``measured``),
    whether it is the accepted reading of its day (``accepted``), whether the study goes by it (``used``), whether it
    counts for the response (``adequate``: used, accepted, evaluable, of the study's body site), ``at_<list>`` for each
    body site asked for, and the imaging within reach (``imaging``, ``img_modality``, ``img_phase``), and what the
    record and the supplement each say (``told_by``, ``told_last``, ``told_other``).
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
    t = _accepted(work, study, rule, t).mutate(origin=ibis.literal(RECORDED))
    t = t if measured is None else t.union(_derived(facts, rule, measured, t))
    for name in site_lists(study):
        t = at_site(t, codes[name], site_column(name))
    there = t[site_column(rule.site)] if rule.site else ibis.literal(True)
    t = work.keep(t.mutate(_counts=t.accepted & t.level.isin(rule.order) & there))
    t = t.mutate(used=_used(rule, t))
    t = work.keep(t.mutate(adequate=t._counts & t.used).drop("_counts"))
    t = work.keep(with_imaging(inputs, work, rule, codes, t, calendar))
    counted = t.accepted & t.used
    reasons = {"not evaluable": counted & (t.level == NOT_EVALUABLE)}
    if rule.site:
        reasons["of no or another body site"] = counted & ~t[site_column(rule.site)]
    if rule.imaging:
        reasons["assessment without imaging in reach"] = counted & ~t.imaging
    work.count("response", t, reasons)
    # A running number, so that an endpoint can point at the row it rests on.
    order = [t.rel, t.accepted, t.id]
    return work.keep(t.mutate(aseq=ibis.row_number().over(group_by=[t[k] for k in SUBJECT], order_by=order) + 1))


def _none(study: Study, facts: ir.Table) -> ir.Table:
    import ibis

    t = facts.filter(ibis.literal(False))
    flags = ("accepted", "adequate", "imaging", "used", "latest", *(site_column(name) for name in site_lists(study)))
    made = dict.fromkeys(flags, ibis.literal(False))
    texts = dict.fromkeys(("level", "img_modality", "img_phase", "origin"), ibis.null("string"))
    told = {column: ibis.null(kind) for column, kind in COLUMNS.items()}
    return t.mutate(**texts, **told, aseq=ibis.literal(1, "int64"), **made)


def _derived(facts: ir.Table, rule: Response, measured: pd.DataFrame, like: ir.Table) -> ir.Table:
    """The derived assessments with the columns of ``like``; each stands on one Observation of its visit."""
    import ibis

    assert rule.lesions is not None
    rows = measured[["site", "id", "level"]].astype("object")
    made = ibis.memtable(rows, schema=ibis.schema(dict.fromkeys(("site", "id", "level"), "string")))
    anchors = facts.filter((facts.list == rule.lesions.list_) & (facts.source == "observation"))
    t = anchors.join(made, ["site", "id"]).mutate(
        several=ibis.literal(False),
        role=ibis.literal(DERIVED),
        accepted=ibis.literal(True),
        latest=ibis.literal(True),
        origin=ibis.literal(DERIVED),
        **{column: ibis.null(kind) for column, kind in COLUMNS.items()},
    )
    return t.select(**{name: t[name].cast(like[name].type()) for name in like.columns})


def _used(rule: Response, t: ir.Table) -> ir.BooleanValue:
    """Whether the study goes by a row: by its origin, and with both by the recorded one where the day has one."""
    import ibis

    recorded = t.origin == RECORDED
    if rule.source == "recorded-then-derived":
        day = ibis.window(group_by=[t[key] for key in (*SUBJECT, "rel")])
        return recorded | ~(recorded & t._counts).any().over(day)
    return recorded if rule.source == "recorded" else ~recorded


def other_best(
    work: Workspace, study: Study, subjects: ir.Table, adrs: ir.Table, facts: ir.Table, deaths: ir.Table
) -> ir.Table:
    """One row a subject: the best response by the source the study does not go by, and the assessment it rests on
    (``other_bor``, ``other_bor_id``, ``other_bor_version``); null without such a source."""
    import ibis

    names = ("other_bor", "other_bor_id", "other_bor_version")
    rule = study.response
    if rule is None or rule.lesions is None:
        return subjects.select(*SUBJECT, **dict.fromkeys(names, ibis.null("string")))
    other = RECORDED if rule.source == "derived" else DERIVED
    there = adrs[site_column(rule.site)] if rule.site else ibis.literal(True)
    theirs = adrs.mutate(adequate=(adrs.origin == other) & adrs.accepted & adrs.level.isin(rule.order) & there)
    made = best(work, study, subjects, theirs, facts, deaths)
    return made.select(*SUBJECT, **{name: name.removeprefix("other_") for name in names})


def site_lists(study: Study) -> tuple[str, ...]:
    """Every body-site list the response or an endpoint asks for, once, the response's first."""
    asked = [study.response.site if study.response else None]
    asked += [source.site for endpoint in study.endpoint for source in endpoint.sources]
    return tuple(dict.fromkeys(name for name in asked if name))


def _contradicted(inputs: Inputs, t: ir.Table) -> ir.Table:
    import ibis

    coded = inputs["observation_value"].select("site", "id", _display=ibis._.code_display.lower())
    shown = t.filter(t.source == "observation").select("site", "id", "level").distinct().join(coded, ["site", "id"])
    said = ibis.cases(*((shown._display.contains(words), level) for words, level in _WORDS.items()), else_=None)
    return shown.filter((said != shown.level).fill_null(False)).select("site", "id").distinct()


def _accepted(work: Workspace, study: Study, rule: Response, t: ir.Table) -> ir.Table:
    """Adds ``accepted``: one reading for each day and body site.

    The first reader's where the second agrees or is absent; the adjudicator's where they differ (or the first's, as
    the study says); else nothing. Two records of one reader on one day: that of the source the study prefers (record
    or supplement), then the later issued, then the higher id.
    """
    import ibis

    readers = rule.readers
    role: ir.StringValue = ibis.literal("only")
    if readers:
        named = {"first": readers.first, "second": readers.second, "adjudicator": readers.adjudicator}
        role = t.performer_id.cases(*((person, what) for what, person in named.items() if person), else_=None)
    t = with_sources(work, study, rule.list_, t.mutate(role=role), [*_AT, "role"])
    order = [*behind(study, rule.list_, t), t.issued_at.desc(), t.id.desc()]
    place = ibis.row_number().over(ibis.window(group_by=[t[key] for key in (*_AT, "role")], order_by=order))
    t = work.keep(t.mutate(_place=place))
    reasons = {
        "reader not named by the study": t.role.isnull(),
        "superseded on the same day": (t._place > 0) & t.role.notnull(),
    }
    work.count("response", t, reasons)
    if not readers:
        return t.mutate(accepted=t._place == 0, latest=t._place == 0).drop("_place")
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
    latest = t._place == 0
    t = t.mutate(accepted=(latest & (t.role == t._counts)).fill_null(False), latest=latest)
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
        return subjects.select(*SUBJECT, **dict.fromkeys(("bor", "bor_id", "bor_version"), ibis.null("string")))
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
