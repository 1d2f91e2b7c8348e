"""The derivation from tables to one row a subject: every step in its own module, computed once and kept.

Everything up to :class:`Prepared` is Ibis on the tables' own engine; from there on it is frames of the cohort.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from analysis.derive import alive, arms, index, response
from analysis.derive.adverse_events import adverse_events
from analysis.derive.blocks import blocks
from analysis.derive.covariates import derive_covariates
from analysis.derive.dates import Calendar, day_number
from analysis.derive.endpoints import time_to_event
from analysis.derive.exposure import exposure
from analysis.derive.facts import TABLES, judged, usable
from analysis.derive.index import SUBJECT, Cohort
from analysis.derive.inputs import Inputs
from analysis.derive.lesions import derived_response
from analysis.derive.population import judge
from analysis.derive.rules import SiteRules
from analysis.derive.workspace import Workspace
from mappings.codelists import CodeList, ConceptMapping
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from analysis.study.model import Study

ARM_SWITCH = "arm-switch"
CENSOR = "censor_"
"""Prefix of the columns with the days from the index to a sensitivity analysis' reason to censor, by its id."""


@dataclass(frozen=True)
class Prepared:
    """The cohort before anyone is left out: what the main analysis and each sensitivity analysis are made from.

    ``subjects``: one row a screened subject, with arm, covariates, verdicts (``fails_<criterion>``, ``before_…``),
    death, last alive, best response and ``censor_<sensitivity>``. ``assessments`` and ``times`` are long, by subject;
    so is ``measured``, the visits with lesion measurements (None where the study asks for none),
    ``exposure``, what was used and given in the sessions, ``adverse_events``, and each of ``ends``, the times with
    the partial dates of events at the end it is named for.
    """

    subjects: pd.DataFrame
    assessments: pd.DataFrame
    times: pd.DataFrame
    counts: pd.DataFrame
    measured: pd.DataFrame | None = None
    exposure: pd.DataFrame | None = None
    adverse_events: pd.DataFrame | None = None
    ends: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def prepare(
    study: Study,
    codes: Mapping[str, CodeList],
    maps: Mapping[str, ConceptMapping],
    tables: Mapping[str, ir.Table],
    site_rules: Mapping[str, SiteRules],
    con: Any = None,
) -> Prepared:
    """All steps of the derivation that look at the data; ``con`` as for :class:`Workspace`.

    Raises:
        UnusableDataError: nobody has an index event.
        DefinitionError: the study names a list it does not say where to look for.
    """
    inputs = Inputs(tables)
    with Workspace(con) as work:
        calendar = Calendar(work, study.index.data_cutoff, site_rules)
        cohort = index.find(inputs, work, study, codes, calendar)
        parts = []
        for block in blocks(work, cohort):
            with work.part() as desk:
                parts.append(_prepared(inputs, desk, study, codes, maps, block, replace(calendar, work=desk)))
        return _joined(parts, work.counts())


def _prepared(
    inputs: Inputs,
    work: Workspace,
    study: Study,
    codes: Mapping[str, CodeList],
    maps: Mapping[str, ConceptMapping],
    cohort: Cohort,
    calendar: Calendar,
) -> Prepared:
    """What was prepared of some subjects; its counts are the workspace's."""
    subjects = with_patient(inputs, work, cohort.subjects)
    facts = facts_of(inputs, work, study, codes, subjects, calendar)
    used = arms.used(inputs, work, cohort)
    decided, switch = arms.decide(work, study, codes, cohort, used)
    exposed = exposure(inputs, work, study, codes, cohort, used)
    wide = derive_covariates(inputs, work, study, maps, subjects, facts, calendar)
    measured = derived_response(inputs, work, study.response, codes, maps, facts)
    events = adverse_events(inputs, work, study, maps, facts)
    assessments = response.assess(inputs, work, study, codes, maps, facts, calendar, measured)
    vital = alive.vital_facts(inputs, work, study, maps, facts)
    dead = alive.deaths(work, study, subjects, facts, vital, calendar)
    living = alive.last_alive(inputs, work, study, subjects, facts, vital, dead, calendar)
    best = response.best(work, study, subjects, assessments, facts, dead)
    other = response.other_best(work, study, subjects, assessments, facts, dead)
    verdicts = judge(work, study, subjects, facts, wide, assessments)
    censors = _censors(study, subjects, facts, switch)
    whole = subjects
    for part in (decided, switch, wide, dead, living, best, other, verdicts, censors):
        whole = whole.left_join(part, SUBJECT).drop("site_right", "patient_id_right")
    whole = work.keep(whole)
    cutoff = day_number(calendar.cutoff)
    times = time_to_event(work, study, whole, assessments, facts, cutoff)
    main, seen, ended = (work.pandas(table) for table in (whole, assessments, times))
    ends: dict[str, pd.DataFrame] = {
        end: work.pandas(time_to_event(work, study, whole, assessments, facts, cutoff, end))
        for end in sorted({one.partial_dates for one in study.analysis.sensitivity if one.partial_dates})
    }
    return Prepared(main, seen, ended, work.counts(), measured, exposed, events, ends)


def _joined(parts: Sequence[Prepared], counts: pd.DataFrame) -> Prepared:
    """The parts of a cohort as one."""
    import pandas as pd

    if len(parts) == 1:
        return replace(parts[0], counts=counts)
    joined: dict[str, Any] = {}
    for name in ("subjects", "assessments", "times", "measured", "exposure", "adverse_events"):
        frames = [frame for part in parts if (frame := getattr(part, name)) is not None]
        joined[name] = pd.concat(frames, ignore_index=True) if frames else None
    ends = {end: pd.concat([part.ends[end] for part in parts], ignore_index=True) for end in parts[0].ends}
    return replace(parts[0], counts=counts, ends=ends, **joined)


def with_patient(inputs: Inputs, work: Workspace, subjects: ir.Table) -> ir.Table:
    """The cohort with its Patient records; a subject without one stays, and is counted."""
    import ibis

    t = inputs["patient"].rename(patient_id="id", patient_version="version").semi_join(subjects, SUBJECT)
    place = ibis.row_number().over(group_by=[t.site, t.patient_id], order_by=[t.patient_version.desc(), t.birth_date])
    t = t.mutate(_place=place)
    t = work.keep(t)
    work.count("index", t, {"patient twice: the higher version is used": t._place > 0})
    t = t.filter(t._place == 0).drop("_place").mutate(known=True)
    joined = work.keep(subjects.left_join(t, SUBJECT).drop("site_right", "patient_id_right"))
    work.count("index", joined, {"no Patient record": joined.known.isnull()})
    return joined


def facts_of(
    inputs: Inputs,
    work: Workspace,
    study: Study,
    codes: Mapping[str, CodeList],
    subjects: ir.Table,
    calendar: Calendar,
    *,
    every: bool = False,
) -> ir.Table:
    """The cohort's facts with ``rel``, their days from the index; with ``every`` also what cannot be used, as
    :func:`analysis.derive.facts.judged` gives it and uncounted."""
    told = study.alive
    facts = judged(
        inputs,
        work,
        subjects.select(*SUBJECT),
        _uses(study),
        codes,
        calendar,
        # LOINC 75186-7 stands as `registered` for the living (docs/derivation.md).
        statuses={told.vital_status: ("final", "amended", "corrected", "registered")} if told.vital_status else {},
        undated=[name for name in (told.death, told.vital_status, told.last_contact) if name],
        # A death known to lie after the cut-off explains a patient marked dead without a date.
        told_later=[name for name in (told.last_contact, told.death) if name],
    )
    facts = facts if every else usable(work, facts)
    facts = facts.join(subjects.select(*SUBJECT, "index_day"), SUBJECT)
    return work.keep(facts.mutate(rel=facts.day - facts.index_day))


def _uses(study: Study) -> dict[str, tuple[str, ...]]:
    """Every list the derivation reads facts of, with the tables to look in; the arms' lists are read by ``arms``."""
    therapy = study.response.new_therapy if study.response else None
    acts = [study.index.event.list_, *([therapy.not_part_of] if therapy and therapy.not_part_of else [])]
    asked = [
        *acts,
        *(c.rule.list_ for c in study.criterion),
        *(rule.list_ for rule in study.covariate.values()),
        study.response.list_ if study.response else None,
        therapy.list_ if therapy else None,
        *(study.response.lesions.lists if study.response and study.response.lesions else ()),
        *(study.adverse_events.lists if study.adverse_events else ()),
        *(event.list_ for endpoint in study.endpoint for event in endpoint.sources),
        study.alive.last_contact,
        study.alive.vital_status,
        study.alive.death,
        *(s.censor for s in study.analysis.sensitivity if s.censor != ARM_SWITCH),
    ]
    uses: dict[str, tuple[str, ...]] = {}
    for name in asked:
        if not name:
            continue
        if name not in study.lists:
            raise DefinitionError(f"list.{name}: the study file does not say in which table its codes are looked for.")
        where = set(study.lists[name].table) | ({"procedure"} if name in acts else set())
        uses[name] = tuple(table for table in TABLES if table in where)
    return uses


def _censors(study: Study, subjects: ir.Table, facts: ir.Table, switch: ir.Table) -> ir.Table:
    """(subject, `censor_<id>`): days from the index to the first reason to censor of each sensitivity analysis."""
    t = subjects.select(*SUBJECT)
    for one in study.analysis.sensitivity:
        if one.censor is None:
            continue
        name = CENSOR + one.id
        if one.censor == ARM_SWITCH:
            first = switch.select(*SUBJECT, **{name: switch.switch_day})
        else:
            mine = facts.filter((facts.list == one.censor) & (facts.rel > 0) & facts.truth.fill_null(True))
            first = mine.group_by(SUBJECT).aggregate(**{name: mine.rel.min()})
        t = t.left_join(first, SUBJECT).drop("site_right", "patient_id_right")
    return t
