"""Time to event: for each endpoint the earliest of its events and competing events, else the latest censoring date.

Each source is described in the study file, and its description ends in the row (as in admiral's event and censor
sources). On one day an event goes before a competing one, both before censoring, and progression before death. An
event of which only the month or year is known lies in its middle or at one of its ends, as the study says; what
censors lies in the middle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from analysis.derive.alive import reference
from analysis.derive.facts import TABLES
from analysis.derive.index import SUBJECT
from analysis.derive.response import site_column
from analysis.plan import TYPE_OF_TABLE

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.workspace import Workspace
    from analysis.study.model import CensorSource, Endpoint, EventSource, Study

_NEVER = 10**6
End = Literal["low", "high"]
"""Where a partial date may be put instead of its middle."""


def time_to_event(
    work: Workspace,
    study: Study,
    subjects: ir.Table,
    adrs: ir.Table,
    facts: ir.Table,
    cutoff: int,
    end: End | None = None,
) -> ir.Table:
    """One row a subject and endpoint: `paramcd`, `aval` (days, null for an event without a time), `cnsr`, `day`,
    `precision`, `evntdesc`, `cnsdtdsc`, `srcdom`, `srcvar`, `srcseq`, `srcref`.

    ``subjects`` carry index, death and last-alive columns, ``facts`` the records an event's list names; ``cutoff`` is a
    day number, ``end`` where partial dates of events are put (None: as the study says). ``cnsr`` is 0 for an event,
    the place of its source in the study file, from 1, for a censored time, and what follows these
    (``Endpoint.competing_codes``) for a competing event.
    """
    import ibis

    at = end or study.endpoint_rules.partial_dates.event
    subjects = subjects.mutate(event_day=subjects.death_day if end is None else subjects[f"death_{end}"])
    adrs, facts = (t.mutate(event_day=_event_day(t, at, cutoff)) for t in (adrs, facts))
    parts = [_endpoint(study, endpoint, subjects, adrs, facts, cutoff) for endpoint in study.endpoint]
    if not parts:
        parts = [_row(subjects, subjects.index_day, 0, 0, "", "", "", "").filter(ibis.literal(False)).drop("place")]
        parts = [parts[0].mutate(paramcd=ibis.literal(""))]
    return work.keep(ibis.union(*parts) if len(parts) > 1 else parts[0])


def _event_day(t: ir.Table, end: str, cutoff: int) -> ir.IntegerValue:
    """The day of a record where it is an event: never before the day after the index, never after the cut-off."""
    import ibis

    if end == "low":
        return ibis.greatest(t.low, t.day - t.rel + 1)
    return ibis.least(t.high, cutoff) if end == "high" else t.day


def _endpoint(
    study: Study, endpoint: Endpoint, subjects: ir.Table, adrs: ir.Table, facts: ir.Table, cutoff: int
) -> ir.Table:
    import ibis

    events = [_event(study, source, subjects, adrs, facts) for source in endpoint.events]
    competing = [
        _event(study, source, subjects, adrs, facts, cnsr=code)
        for code, source in zip(endpoint.competing_codes, endpoint.competing, strict=True)
    ]
    censors = [_censor(source, subjects, adrs, place, cutoff) for place, source in enumerate(endpoint.censors, 1)]
    # Ordered: events, competing ones too, before censoring; the earliest event, the latest censoring; on one day the
    # event before the competing one; progression before death (place 0 before 1); the order of the study file.
    happened = [*events, *competing]
    rows = ibis.union(
        *(_ranked(t, t.day.fill_null(_NEVER), False, i) for i, t in enumerate(happened)),
        *(_ranked(t, -t.day, True, i) for i, t in enumerate(censors)),
    )
    order = [rows.censored, rows.late, rows.cnsr > 0, rows.place, rows.source]
    at = ibis.row_number().over(ibis.window(group_by=[rows[key] for key in SUBJECT], order_by=order))
    rows = rows.mutate(_at=at)
    return (
        rows.filter(rows._at == 0)
        .drop("_at", "censored", "late", "source", "place")
        .mutate(paramcd=ibis.literal(endpoint.id))
    )


def _ranked(t: ir.Table, late: ir.Value, censored: bool, source: int) -> ir.Table:
    import ibis

    return t.mutate(censored=ibis.literal(censored), late=late, source=ibis.literal(source))


def _row(
    t: ir.Table,
    day: ir.IntegerValue,
    cnsr: int,
    place: int,
    desc: str,
    domain: str,
    variable: str,
    ref: ir.StringValue | str,
    *,
    seq: ir.IntegerValue | None = None,
    precision: ir.StringValue | None = None,
) -> ir.Table:
    import ibis

    none = ibis.null("string")
    return t.select(
        *SUBJECT,
        day=day.cast("int64"),
        aval=(day - t.index_day).cast("int64"),
        cnsr=ibis.literal(cnsr, "int64"),
        place=ibis.literal(place, "int64"),
        precision=none if precision is None else precision,
        evntdesc=ibis.literal(desc),
        cnsdtdsc=none if cnsr == 0 else ibis.literal(desc),
        srcdom=ibis.literal(domain),
        srcvar=ibis.literal(variable),
        srcseq=ibis.null("int64") if seq is None else seq.cast("int64"),
        srcref=ref if not isinstance(ref, str) else ibis.literal(ref),
    )


def _event(
    study: Study, source: EventSource, subjects: ir.Table, adrs: ir.Table, facts: ir.Table, cnsr: int = 0
) -> ir.Table:
    import ibis

    if source.death:
        t = subjects.filter(subjects.dead)
        return _row(
            t, t.event_day, cnsr, 1, source.desc, "ADSL", "DTHDT", t.death_ref, precision=t.death_precision
        )  # fmt: skip
    if source.list_:
        # From day 1 on: what was there on the index day is what the treatment was given for.
        mine = facts.filter((facts.list == source.list_) & (facts.rel > 0) & facts.truth.fill_null(True))
        first = _one(mine, [mine.event_day, mine.rel, mine.source, mine.id])
        named = [(first.source == t, reference(TYPE_OF_TABLE[t], first.id, first.version)) for t in TABLES]
        ref = ibis.cases(*named, else_=ibis.null("string"))
        return _row(first, first.event_day, cnsr, 0, source.desc, "", "", ref, precision=first.precision)
    site = source.site or (study.response.site if study.response else None)
    there = adrs[site_column(site)] if site else ibis.literal(True)
    hits = adrs.filter(adrs.accepted & adrs.used & (adrs.level == source.response) & there)
    first = _one(hits, [hits.event_day, hits.rel, hits.aseq])
    ref = reference("Observation", first.id, first.version)
    return _row(
        first, first.event_day, cnsr, 0, source.desc, "ADRS", "ADT", ref, seq=first.aseq, precision=first.precision
    )  # fmt: skip


def _censor(source: CensorSource, subjects: ir.Table, adrs: ir.Table, cnsr: int, cutoff: int) -> ir.Table:
    import ibis

    s = subjects
    if source.last == "adequate assessment":
        t = adrs.filter(adrs.adequate)
        last = _one(t, [t.rel.desc(), t.aseq.desc()])
        ref = reference("Observation", last.id, last.version)
        return _row(
            last, last.day, cnsr, 0, source.desc, "ADRS", "ADT", ref, seq=last.aseq, precision=last.precision
        )  # fmt: skip
    if source.last == "evidence alive":
        return _row(s, s.alive_day, cnsr, 0, source.desc, "ADSL", "LSTALVDT", s.alive_ref, precision=s.alive_precision)
    if source.at == "cutoff":
        return _row(s, ibis.literal(cutoff, "int64"), cnsr, 0, source.desc, "", "", ibis.null("string"))
    ref = reference("Procedure", s.index_id, s.index_version)
    return _row(s, s.index_day, cnsr, 0, source.desc, "ADSL", "TRTSDT", ref, precision=s.index_precision)


def _one(t: ir.Table, order: list[ir.Value]) -> ir.Table:
    """The first row of each subject in an order."""
    import ibis

    t = t.mutate(_first=ibis.row_number().over(ibis.window(group_by=[t[key] for key in SUBJECT], order_by=order)))
    return t.filter(t._first == 0)
