"""What a row alone does not tell: its patient, whether it is there twice, what other tables hold of it.

Looked up first and joined as columns, so that every check is a flag of a row. Each look-up is a short table: of the
patients, or of the records that are wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expectations.raw_dates import end_of_follow_up
from expectations.raw_views import RawView

DUPLICATE, EMPTY, NO_MODALITY, DANGLING = "_duplicate", "_empty", "_no_modality", "_dangling"
RANGE_LOW, RANGE_HIGH = "_low", "_high"
DAYS_AFTER_DEATH = 30
KEY = "_key"


def persons_of(patients: Any) -> Any:
    """(site, patient_id, birth_date, followed_to): each patient once; ``followed_to`` is 30 days after the death."""
    return patients.group_by("site", "id").agg(
        birth_date=patients.birth_date.min(),
        followed_to=end_of_follow_up(patients.deceased_date, DAYS_AFTER_DEATH).max(),
    )


def with_person(rows: Any, persons: Any) -> Any:
    """``rows`` with ``found``, ``birth_date`` and ``followed_to`` of their patient; null where there is none."""
    import ibis

    person = persons.select(
        _site="site", _patient="id", found=ibis.literal(True), birth_date="birth_date", followed_to="followed_to"
    )
    on = [rows.site == person._site, rows.patient_id == person._patient]
    return rows.left_join(person, on).drop("_site", "_patient")


def with_mark(rows: Any, wrong: Any, name: str) -> Any:
    """``rows`` with a column ``name`` that is null but for the resources (site, id) in ``wrong``."""
    import ibis

    listed = wrong.select(_site="site", _id="id", **{name: ibis.literal(True)})
    return rows.left_join(listed, [rows.site == listed._site, rows.id == listed._id]).drop("_site", "_id")


def duplicates(view: RawView, rows: Any, engine: Any) -> Any:
    """(site, id) of the surplus resources: all but the first of those that say the same of one patient on one day."""
    import ibis

    told = {
        "site": rows.site,
        "patient_id": rows.patient_id,
        "_day": ibis.coalesce(*(rows[column] for column in view.dates)),
        **{column: rows[column] for column in view.same},
    }
    if view.coded:
        told |= {"code_system": rows.code_system, "_code": rows.code.fill_null(rows.code_text)}
    named = [name for name in told if name != "site"]
    made = rows.select(id="id", **told)
    asked = made.patient_id.notnull() & made._day.notnull()
    if view.coded:
        asked &= made._code.notnull()
    if view.values:
        asked &= ibis.or_(*(made[column].notnull() for column in view.values))
    made = made.filter(asked)
    # Grouped by a number first: most records are alone, and numbers are grouped in a third of the memory of texts.
    made = made.mutate(**{KEY: engine.hashed(joined([made.site, *(made[name] for name in named)]))})
    several = more_than_once(made)
    alike = made.semi_join(several, KEY)
    first = alike.id.min().over(group_by=["site", *named])
    return alike.mutate(_first=first).filter(lambda t: t.id != t._first).select("site", "id").distinct()


def joined(columns: list[Any]) -> Any:
    """Columns as one text, for :meth:`Engine.hashed`; nulls leave no trace."""
    import ibis

    return ibis.literal("|").join([column.cast("string") for column in columns])


def more_than_once(rows: Any) -> Any:
    """(_key): the numbers that several rows have."""
    counted = rows.group_by(KEY).agg(_n=rows.count())
    return counted.filter(counted._n > 1).select(KEY)


def without_value(view: RawView, tables: Mapping[str, Any]) -> Any:
    """(site, id) of the observations without an answer: none of their own, no coded one, no component."""
    rows = tables["observation"]
    bare = rows.filter([rows[column].isnull() for column in view.values]).select("site", "id").distinct()
    for other in ("observation_value", "observation_component"):
        if other in tables:
            bare = bare.anti_join(tables[other], ["site", "id"])
    return bare


def without_modality(tables: Mapping[str, Any]) -> Any:
    """(site, id) of the imaging studies that name a modality neither themselves nor in a series."""
    rows = tables["imaging_study"]
    bare = rows.filter(rows.modality.isnull()).select("site", "id").distinct()
    if "imaging_series" in tables:
        series = tables["imaging_series"]
        bare = bare.anti_join(series.filter(series.modality.notnull()), ["site", "id"])
    return bare


def dangling(name: str, tables: Mapping[str, Any], references: Sequence[tuple[str, str, str, tuple[str, ...]]]) -> Any:
    """(site, id) of the resources with a reference (check, column, target, sites) to what the target does not hold."""
    import ibis

    rows, parts = tables[name], []
    for _, column, target, sites in references:
        pointing = rows.filter(rows[column].notnull() & rows.site.isin(sites)).select("site", "id", _to=column)
        there = tables[target].select(_site="site", _there="id")
        lost = pointing.anti_join(there, [pointing.site == there._site, pointing._to == there._there])
        parts.append(lost.select("site", "id"))
    return ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0].distinct()
