"""Baseline variables: for each subject one value a covariate, with its distance in days from the index date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.derive.dates import Calendar, as_date
from analysis.derive.index import SUBJECT
from analysis.derive.levels import with_level, with_value
from analysis.derive.origins import behind, origins
from mappings.codelists import ConceptMapping
from mappings.comparators import comparator_reason
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace
    from analysis.study.model import Covariate, Study, Window

PATIENT_COVARIATES = ("age", "sex")


def within(rel: ir.IntegerValue, window: Window | None) -> ir.BooleanValue:
    """Whether a distance in days from the index lies in a window, both ends included; the cut-off has been applied."""
    import ibis

    low, high = (window.low, window.high) if window else (None, None)
    inside: ir.BooleanValue = rel.notnull()
    if low is not None:
        inside = inside & (rel >= low)
    if high is not None:
        inside = inside & (rel <= high)
    return ibis.ifelse(inside, True, False)


def derive_covariates(
    inputs: Inputs,
    work: Workspace,
    study: Study,
    maps: Mapping[str, ConceptMapping],
    subjects: ir.Table,
    facts: ir.Table,
    calendar: Calendar,
) -> ir.Table:
    """One row a subject: `<id>` (float or level text), `<id>_cat` where it is cut, `<id>_day` where it is measured.

    ``facts`` carry ``rel``, the days from the index. What falls in the window without a usable value is counted.

    Raises:
        DefinitionError: a covariate from the patient other than age and sex.
    """
    wide = _from_patient(work, study, subjects, calendar)
    for name, rule in study.covariate.items():
        if rule.from_ is None:
            with work.part() as desk:
                # What is only needed on the way is given up at the end: there are many covariates.
                good = _usable(inputs, desk, study, maps, name, rule, facts)
                best = _best(desk, study, name, rule, good)
                parts = [work.keep(best.select(*SUBJECT, **{name: best.value, f"{name}_day": best.rel}))]
                # Where a supplement may hold the variable: what each of the two sources alone would give.
                for origin, mine in origins(study, rule.list_, good).items():
                    alone = _first(rule, mine)
                    parts.append(work.keep(alone.select(*SUBJECT, **{f"{name}_{origin}": alone.value})))
            for part in parts:
                wide = wide.left_join(part, SUBJECT).drop("site_right", "patient_id_right")
            if rule.cut:
                wide = wide.mutate(**{f"{name}_cat": _category(wide[name], rule)})
    return work.keep(wide)


def _category(value: ir.NumericValue, rule: Covariate) -> ir.StringValue:
    """The label of the half-open interval [cut, next cut) a number falls into."""
    import ibis

    labels = [(value < cut, ibis.literal(label)) for cut, label in zip(rule.cut, rule.labels, strict=False)]
    return ibis.cases((value.isnull(), ibis.null("string")), *labels, else_=ibis.literal(rule.labels[-1]))


def _from_patient(work: Workspace, study: Study, subjects: ir.Table, calendar: Calendar) -> ir.Table:
    import ibis

    wide = subjects
    for name, rule in study.covariate.items():
        if rule.from_ is None:
            continue
        if name == "age":
            born = calendar.resolve(wide.select(*SUBJECT, "index_day", "birth_date"), "birth_date")
            partial = born.precision.isin(["year", "month"])
            work.count(
                "covariates",
                born,
                {
                    "age: no readable birth date": born.day.isnull(),
                    "age: partial birth date, its middle is used": partial,
                },
            )
            born = work.keep(born.select(*SUBJECT, birth=as_date(born.day), index=as_date(born.index_day)))
            # Month and day as one number: the birthday of 29 February falls on 1 March in other years.
            month_day = {one: born[one].month() * 100 + born[one].day() for one in ("birth", "index")}
            years = born["index"].year() - born.birth.year()
            years = years - ibis.ifelse(month_day["index"] < month_day["birth"], 1, 0)
            value = born.select(*SUBJECT, **{name: years.cast("float64")})
        elif name == "sex":
            known = [str(level) for level in rule.levels]
            sex = wide.gender if not known else ibis.ifelse(wide.gender.isin(known), wide.gender, ibis.null("string"))
            value = wide.select(*SUBJECT, **{name: sex})
            work.count("covariates", value, {"sex: not among the levels": value[name].isnull()})
        else:
            raise DefinitionError(
                f"covariate.{name}: only {' and '.join(PATIENT_COVARIATES)} come from the patient; name a list."
            )
        wide = wide.left_join(value, SUBJECT).drop("site_right", "patient_id_right")
        if rule.cut:
            wide = wide.mutate(**{f"{name}_cat": _category(wide[name], rule)})
    made = [c for n, r in study.covariate.items() if r.from_ for c in (n, f"{n}_cat") if c in wide.columns]
    return work.keep(wide.select(*SUBJECT, *made))


def picked(
    inputs: Inputs,
    work: Workspace,
    study: Study,
    maps: Mapping[str, ConceptMapping],
    name: str,
    rule: Covariate,
    facts: ir.Table,
) -> ir.Table:
    """The one record of each subject that the rule picks: a fact, with what the covariate takes as ``value``."""
    return _best(work, study, name, rule, _usable(inputs, work, study, maps, name, rule, facts))


def _best(work: Workspace, study: Study, name: str, rule: Covariate, good: ir.Table) -> ir.Table:
    best = work.keep(_first(rule, good, behind(study, rule.list_, good)))
    if not rule.levels:  # the number written is used, and its comparator is said (C-43)
        work.count_by("covariates", best, f"{name}: " + comparator_reason(best.comparator))
    return best


def _usable(
    inputs: Inputs,
    work: Workspace,
    study: Study,
    maps: Mapping[str, ConceptMapping],
    name: str,
    rule: Covariate,
    facts: ir.Table,
) -> ir.Table:
    """The facts in the rule's window that have a usable ``value``, with its ``rank``; what has none is counted."""
    import ibis

    mine = work.keep(facts.filter((facts.list == rule.list_) & within(facts.rel, rule.window)))
    if rule.levels:
        levels = [str(level) for level in rule.levels]
        asked = {str(level) for c in study.criterion if c.rule.covariate == name for level in c.rule.in_ or ()}
        t = with_level(mine, inputs, maps[rule.values] if rule.values else None, {*levels, *asked})
        # A level the study does not list ranks as the worst: it must be seen by the criterion that excludes it.
        rank = t.level.cases(*((level, i) for i, level in enumerate(levels)), else_=len(levels))
        t = t.mutate(value=t.level, rank=rank.cast("float64"))
    else:
        t = with_value(work, mine, rule.unit)
        t = t.mutate(rank=t.value, several=ibis.literal(False))
    t = work.keep(t)
    records = t.group_by(["site", "id"]).aggregate(usable=t.value.notnull().any(), several=t.several.any())
    reasons = {
        f"{name}: codings that answer differently": records.several,
        f"{name}: without a usable value": ~records.usable,
    }
    work.count("covariates", records, reasons)
    return t.filter(t.value.notnull())


def _first(rule: Covariate, good: ir.Table, before: Sequence[ir.Value] = ()) -> ir.Table:
    """The record of each subject that the rule picks; ``before`` are sort keys that go before the rule's own."""
    import ibis

    # The index day counts as before; of two records equally near, the one before.
    order = [good.rel.abs(), good.rel > 0, good.issued_at.desc(), good.id.desc(), good.rank.desc()]
    if rule.pick in ("largest", "worst"):
        order = [good.rank.desc(), *order[:-1]]
    order = [*before, *order]
    place = ibis.row_number().over(ibis.window(group_by=[good[key] for key in SUBJECT], order_by=order))
    placed = good.mutate(_place=place)
    return placed.filter(placed._place == 0)
