"""Death, and the last day a subject is known to have lived.

Which of the two rules holds is the site's own: where its deaths are complete to a date, who is not dead lived then;
elsewhere the latest evidence of life counts, and never a claim, a letter or a booking (BMC Med Res Methodol
2024;24:203: the wrong choice biases either way).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.derive.dates import Calendar, day_number
from analysis.derive.index import SUBJECT
from analysis.derive.levels import with_level
from mappings.codelists import ConceptMapping

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace
    from analysis.study.model import Study

COMPLETE = "deaths complete"
_STATUS = {
    "encounter": ("arrived", "triaged", "in-progress", "onleave", "finished"),
    "procedure": ("completed", "in-progress", "stopped"),
    "observation": ("final", "amended", "corrected"),
    "medication_administration": ("completed", "in-progress", "stopped"),
    "imaging_study": ("available",),
}
_TYPE = {
    "encounter": "Encounter",
    "procedure": "Procedure",
    "observation": "Observation",
    "medication_administration": "MedicationAdministration",
    "imaging_study": "ImagingStudy",
}
# Which source is named where several speak of the same day.
_RANK = ("last contact", "vital status", *_TYPE, "index")


def vital_facts(
    inputs: Inputs, work: Workspace, study: Study, maps: Mapping[str, ConceptMapping], facts: ir.Table
) -> ir.Table:
    """Facts of the vital-status list with their ``level`` (alive, dead, lost); unmapped answers are counted."""
    rule = study.alive
    mine = facts.filter(facts.list == (rule.vital_status or ""))
    mapping = maps[rule.vital_status_values] if rule.vital_status_values else None
    t = work.keep(with_level(mine, inputs, mapping, ("alive", "dead", "lost")))
    work.count("alive", t, {"vital status unmapped": ~t.level.isin(["alive", "dead", "lost"]).fill_null(False)})
    return t


def deaths(
    work: Workspace, study: Study, subjects: ir.Table, facts: ir.Table, vital: ir.Table, calendar: Calendar
) -> ir.Table:
    """One row a subject: `death_day`, `death_low`, `death_high`, `death_rel`, `death_precision`, `death_ref`, and
    `dead` (true also undated).

    The patient's own date goes before a death observation's; of several observations the earliest. A partial date is
    its middle, or the end that the study names, of the part from the index date on where the index lies within it:
    nobody is treated after death. A death after the data cut-off, by its middle, is not used, and none is put beyond.
    Dead without a date stays an event without a time.
    """
    import ibis

    t = calendar.resolve(subjects, "deceased_date")
    t = t.select(
        *SUBJECT, "index_day", "deceased", "patient_version", own_text="deceased_date", own_low="low", own_high="high",
        own_precision="precision",
    )  # fmt: skip
    seen = facts.filter((facts.list == (study.alive.death or "")) & facts.truth.fill_null(True))
    order = [seen.low, seen.high, seen.id.desc()]
    seen = seen.mutate(_place=ibis.row_number().over(ibis.window(group_by=[seen[k] for k in SUBJECT], order_by=order)))
    seen = seen.filter(seen._place == 0)
    seen = seen.select(
        *SUBJECT, obs_low="low", obs_high="high", obs_precision="precision", obs_id="id", obs_version="version"
    )
    said = vital.filter(vital.level == "dead").select(*SUBJECT, said=True).distinct()
    t = t.left_join(seen, SUBJECT).drop("site_right", "patient_id_right")
    t = t.left_join(said, SUBJECT).drop("site_right", "patient_id_right")

    own = t.own_low.notnull()
    t = t.mutate(
        low=ibis.coalesce(t.own_low, t.obs_low),
        high=ibis.coalesce(t.own_high, t.obs_high),
        precision=ibis.coalesce(t.own_precision, t.obs_precision),
        ref=ibis.ifelse(
            own,
            reference("Patient", t.patient_id, t.patient_version),
            reference("Observation", t.obs_id, t.obs_version),
        ),
        claimed=t.deceased.fill_null(False) | t.said.fill_null(False) | t.own_text.notnull() | t.obs_id.notnull(),
    )
    low = ibis.ifelse((t.low < t.index_day) & (t.index_day <= t.high), t.index_day, t.low)
    middle, cutoff = low + (t.high - low) // 2, day_number(calendar.cutoff)
    # `least` passes over a null: a death without a date would lie on the cut-off.
    high = ibis.ifelse(t.high > cutoff, ibis.literal(cutoff, "int64"), t.high)
    t = t.mutate(late=(middle > cutoff).fill_null(False), middle=middle, low=low, high=high)
    t = work.keep(t)
    work.count(
        "deaths",
        t,
        {
            "after the data cut-off": t.late,
            "dead without a readable date": t.claimed & t.low.isnull(),
            "partial date, its middle is used": t.precision.isin(["year", "month"]) & ~t.late,
            "the patient's date and an observation's differ": (t.own_high < t.obs_low) | (t.obs_high < t.own_low),
        },
    )
    used = {name: ibis.ifelse(t.late, ibis.null("int64"), t[name]) for name in ("middle", "low", "high")}
    day = used[study.endpoint_rules.partial_dates.event]
    return work.keep(
        t.select(
            *SUBJECT,
            death_day=day,
            death_low=used["low"],
            death_high=used["high"],
            death_rel=day - t.index_day,
            death_precision=ibis.ifelse(day.isnull(), ibis.null("string"), t.precision),
            death_ref=ibis.ifelse(day.isnull(), ibis.null("string"), t.ref),
            dead=t.claimed & ~t.late,
        )
    )


def reference(kind: str, key: ir.StringValue, version: ir.StringValue) -> ir.StringValue:
    """`Type/id/_history/version`, without the version where none is known; null without an id."""
    import ibis

    base = ibis.literal(f"{kind}/") + key
    return ibis.ifelse(version.isnull(), base, base + "/_history/" + version)


def last_alive(
    inputs: Inputs,
    work: Workspace,
    study: Study,
    subjects: ir.Table,
    facts: ir.Table,
    vital: ir.Table,
    dead: ir.Table,
    calendar: Calendar,
) -> ir.Table:
    """One row a subject: `alive_day`, `alive_precision`, `alive_source`, `alive_ref`.

    The latest evidence up to cut-off and death. Where the site's deaths are complete to a date, that date (at most the
    cut-off) for those not dead, unless later evidence exists.
    """
    import ibis

    # The many records that show life are given up as soon as the last one of each subject is known.
    with work.part() as desk:
        mine = replace(calendar, work=desk)
        parts = [_evidence(inputs, study, facts, subjects, mine)]
        contact = facts.filter(facts.list == (study.alive.last_contact or ""))
        told = mine.resolve(contact.drop("low", "high", "day", "precision", "after_cutoff"), "value_date")
        desk.count(
            "alive",
            told,
            {
                "last contact without a readable date": told.day.isnull(),
                "last contact after the data cut-off": told.after_cutoff,
            },
        )
        parts.append(
            _row(told.filter(~told.after_cutoff), "last contact", reference("Observation", told.id, told.version))
        )
        living = vital.filter((vital.level == "alive") & vital.day.notnull())
        parts.append(_row(living, "vital status", reference("Observation", living.id, living.version)))
        index = subjects.mutate(day=subjects.index_day, precision=subjects.index_precision)
        parts.append(_row(index, "index", reference("Procedure", index.index_id, index.index_version)))
        t = desk.keep(ibis.union(*parts).join(dead.select(*SUBJECT, "death_day", "dead"), SUBJECT))
        desk.count("alive", t, {"evidence of life after death": t.day > t.death_day})
        t = t.filter(t.day.notnull() & ((t.day <= t.death_day).fill_null(True) | (t.source == "index")))
        rank = t.source.cases(*((name, i) for i, name in enumerate(_RANK)), else_=len(_RANK))
        order = [t.day.desc(), rank, t.ref.desc()]
        t = t.mutate(_place=ibis.row_number().over(ibis.window(group_by=[t[key] for key in SUBJECT], order_by=order)))
        t = t.filter(t._place == 0)

        cutoff = day_number(calendar.cutoff)
        complete = {
            site: min(day_number(rules.deaths_complete_to), cutoff)
            for site, rules in calendar.site_rules.items()
            if rules.deaths_complete_to
        }
        known = t.site.cases(*complete.items(), else_=None).cast("int64") if complete else ibis.null("int64")
        fills = ((known > t.day) & ~t.dead).fill_null(False)
        return work.keep(
            t.select(
                *SUBJECT,
                alive_day=ibis.ifelse(fills, known, t.day),
                alive_precision=ibis.ifelse(fills, "day", t.precision),
                alive_source=ibis.ifelse(fills, COMPLETE, t.source),
                alive_ref=ibis.ifelse(fills, ibis.null("string"), t.ref),
            )
        )


# A stay that ends after the cut-off still shows life at its start, so each date speaks for itself.
_DATES = {
    "encounter": ("period_end", "period_start"),
    "procedure": ("performed_end", "performed_date", "performed_start"),
    "observation": ("effective_end", "effective_date", "effective_start"),
    "medication_administration": ("effective_end", "effective_date", "effective_start"),
    "imaging_study": ("started",),
}


def _evidence(inputs: Inputs, study: Study, facts: ir.Table, subjects: ir.Table, calendar: Calendar) -> ir.Table:
    """Each subject's records that show life: done or measured, by status; never a death's own record."""
    import ibis

    # The day a death or a contact was written down is no day of life; a result only issued may come after death.
    spoken = [name for name in (study.alive.death, study.alive.vital_status, study.alive.last_contact) if name]
    about = facts.filter(facts.list.isin(spoken) & (facts.source == "observation"))
    parts = []
    for view in dict.fromkeys(study.alive.tables):
        t = inputs[view].filter(ibis._.status.isin(_STATUS[view]))
        if view == "observation" and spoken:
            t = t.anti_join(about.select("site", "id").distinct(), ["site", "id"])
        for name in _DATES[view]:
            dated = t.filter(t[name].notnull())
            parts.append(dated.select(*SUBJECT, "id", "version", text=name, source=ibis.literal(view)))
    rows = (ibis.union(*parts) if len(parts) > 1 else parts[0]).semi_join(subjects, SUBJECT).distinct()
    found = calendar.resolve(rows, "text")
    found = found.filter(~found.after_cutoff & found.day.notnull())
    kind = found.source.cases(*_TYPE.items(), else_="")
    ref = kind + "/" + found.id + ibis.ifelse(found.version.isnull(), "", ibis.literal("/_history/") + found.version)
    return found.select(*SUBJECT, "day", "precision", "source", ref=ref)


def _row(t: ir.Table, source: str, ref: ir.StringValue) -> ir.Table:
    import ibis

    return t.select(*SUBJECT, "day", "precision", source=ibis.literal(source), ref=ref)
