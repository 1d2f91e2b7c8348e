"""What the derivation made of each record of one subject: which list it is in, what it decided, why it was not used.

The rules are the derivation's own: its steps are called on the records of one subject, and asked for the record where
the main way keeps only the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analysis.derive import arms, index
from analysis.derive.covariates import picked, within
from analysis.derive.dates import Calendar
from analysis.derive.imaging import nearest
from analysis.derive.inputs import Inputs
from analysis.derive.pipeline import facts_of, prepare, with_patient
from analysis.derive.population import FAILS, closest, present
from analysis.derive.rules import SiteRules
from analysis.derive.workspace import Workspace
from analysis.plan import TYPE_OF_TABLE
from mappings.codelists import CodeList, ConceptMapping
from mappings.errors import UnusableDataError

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.study.model import Criterion, Study

Key = tuple[str, str]
"""A resource: its type and id."""


@dataclass
class Story:
    """``lists`` that a resource is in, and sentences on what was ``made`` of it. ``days``: its days from the index.
    ``criteria``: by id whether the subject meets each (None without an index event)."""

    lists: dict[Key, list[str]] = field(default_factory=dict)
    made: dict[Key, list[str]] = field(default_factory=dict)
    days: dict[Key, int] = field(default_factory=dict)
    criteria: dict[str, bool] | None = None

    def say(self, key: Key, sentence: str) -> None:
        """Add a sentence, once."""
        said = self.made.setdefault(key, [])
        if sentence not in said:
            said.append(sentence)

    def of(self, key: Key) -> tuple[str, ...]:
        """All that is said of a resource."""
        lists = sorted(set(self.lists.get(key, [])))
        return (*([f"in {', '.join(lists)}"] if lists else []), *self.made.get(key, []))


def story(
    study: Study,
    codes: Mapping[str, CodeList],
    maps: Mapping[str, ConceptMapping],
    tables: Mapping[str, ir.Table],
    site_rules: Mapping[str, SiteRules],
    con: Any = None,
) -> Story:
    """The story of one subject; ``tables`` hold the records of that subject and no other, else as for ``derive``.

    A subject without an index event has none: what the study's lists say of it has no day to count from.
    """
    told = Story()
    inputs = Inputs(tables)
    try:
        with Workspace(con) as work:
            calendar = Calendar(work, study.index.data_cutoff, site_rules)
            cohort = index.find(inputs, work, study, codes, calendar)
            subjects = with_patient(inputs, work, cohort.subjects)
            every = facts_of(inputs, work, study, codes, subjects, calendar, every=True)
            facts = work.keep(every.filter(every.unused.isnull()))
            _sessions(told, work, cohort)
            _arms(told, inputs, work, study, codes, cohort)
            _lists(told, work, every)
            _criteria(told, work, study, facts)
            _covariates(told, inputs, work, study, maps, facts)
            _response(told, inputs, work, study, facts, calendar)
            _endpoints(told, work, study, facts)
    except UnusableDataError:
        return told
    row = prepare(study, codes, maps, tables, site_rules, con).subjects.iloc[0]
    told.criteria = {c.id: not bool(row[FAILS + c.id]) for c in study.criterion}
    return told


def _keys(rows: ir.Table, work: Workspace, *more: str) -> Iterator[tuple[Key, dict[Any, Any]]]:
    """The resources of facts, in a fixed order, with the columns asked for."""
    frame = work.pandas(rows.select("source", "id", *more).distinct())
    for row in frame.sort_values(["source", "id", *more], na_position="last").to_dict("records"):
        yield (TYPE_OF_TABLE[row["source"]], row["id"]), row


def _sessions(told: Story, work: Workspace, cohort: index.Cohort) -> None:
    for row in work.pandas(cohort.sessions.select("id", "rel").order_by("rel", "id")).to_dict("records"):
        key = ("Procedure", row["id"])
        told.days[key] = int(row["rel"])
        what = "index event" if row["rel"] == 0 else "an earlier session" if row["rel"] < 0 else "a later session"
        told.say(key, what)


def _arms(
    told: Story, inputs: Inputs, work: Workspace, study: Study, codes: Mapping[str, CodeList], cohort: index.Cohort
) -> None:
    found = work.pandas(arms.evidence(study, codes, arms.used(inputs, work, cohort))).sort_values(["procedure", "key"])
    for row in found.to_dict("records"):
        told.say(("Procedure", row["procedure"]), f"arm: holds {row['key']}")


def _lists(told: Story, work: Workspace, every: ir.Table) -> None:
    for key, row in _keys(every, work, "rel", "list", "unused"):
        if row["rel"] == row["rel"] and row["rel"] is not None:  # neither NaN nor null
            told.days[key] = int(row["rel"])
        if row["unused"] is not None and row["unused"] == row["unused"]:
            told.say(key, f"not used for {row['list']}: {row['unused']}")
        else:
            told.lists.setdefault(key, []).append(row["list"])


def _criteria(told: Story, work: Workspace, study: Study, facts: ir.Table) -> None:
    for c in study.criterion:
        if not c.rule.list_:
            continue
        mine = facts.filter(facts.list == c.rule.list_)
        for key, row in _keys(_met(work, study, c, mine), work, "holds"):
            meets = "is what it requires" if c.require else "is what it excludes"
            told.say(key, f"criterion {c.id}: {meets if row['holds'] else 'does not count'}")


def _met(work: Workspace, study: Study, c: Criterion, mine: ir.Table) -> ir.Table:
    if c.rule.above is None:
        return mine.group_by(["source", "id"]).aggregate(holds=present(mine, c.rule).any())
    near = work.keep(closest(work, study, mine, c).select("id", over=lambda t: t.value > c.rule.above))
    joined = mine.select("source", "id").distinct().left_join(near, "id")
    return joined.select("source", "id", holds=joined.over.fill_null(False))


def _covariates(
    told: Story, inputs: Inputs, work: Workspace, study: Study, maps: Mapping[str, ConceptMapping], facts: ir.Table
) -> None:
    for name, rule in study.covariate.items():
        if rule.from_ is not None:
            patient = work.pandas(facts.select("patient_id").distinct())["patient_id"]
            for one in patient:
                told.say(("Patient", one), f"covariate {name}: from the patient")
            continue
        mine = facts.filter(facts.list == rule.list_)
        best = dict(_keys(picked(inputs, work, study, maps, name, rule, facts), work, "value"))
        looked = mine.group_by(["source", "id"]).aggregate(inside=within(mine.rel, rule.window).any())
        for key, row in _keys(looked, work, "inside"):
            if key in best:
                told.say(key, f"covariate {name}: taken, {_number(best[key]['value'])}")
            else:
                told.say(key, f"covariate {name}: " + ("another was taken" if row["inside"] else "outside the window"))


def _response(told: Story, inputs: Inputs, work: Workspace, study: Study, facts: ir.Table, calendar: Calendar) -> None:
    rule = study.response
    if rule is None:
        return
    mine = facts.filter((facts.list == rule.list_) & within(facts.rel, rule.window))
    if rule.imaging is not None:
        pairs = work.pandas(nearest(inputs, rule, work.keep(mine), calendar).order_by("id", "scan"))
        for row in pairs.to_dict("records"):
            told.say(("ImagingStudy", row["scan"]), f"imaging ({row['modality']}) of Observation/{row['id']}")
            told.say(("Observation", row["id"]), f"response: rests on ImagingStudy/{row['scan']}")


def _endpoints(told: Story, work: Workspace, study: Study, facts: ir.Table) -> None:
    for endpoint in study.endpoint:
        for event in endpoint.sources:
            if event.list_:
                for key, _ in _keys(facts.filter((facts.list == event.list_) & (facts.rel > 0)), work):
                    told.say(key, f"endpoint {endpoint.id}: {event.desc}")
    for name, what in (
        (study.alive.death, "death"), (study.alive.vital_status, "vital status"),
        (study.alive.last_contact, "last contact"),
    ):  # fmt: skip
        if name:
            for key, _ in _keys(facts.filter(facts.list == name), work):
                told.say(key, f"follow-up: {what}")


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
