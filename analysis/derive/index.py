"""The index event: the first listed procedure in the study's dates. Later ones are exposure, not a second index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.derive.dates import Calendar, day_number
from analysis.derive.facts import CODING, listed, performed
from analysis.derive.statuses import told
from mappings.codelists import CodeList
from mappings.errors import UnusableDataError

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace
    from analysis.study.model import Study

SUBJECT = ["site", "patient_id"]


@dataclass(frozen=True)
class Cohort:
    """``sessions``: every usable index-list procedure of a screened subject (site, patient_id, id, version, day, low,
    high, precision, rel = days from the index). ``subjects``: one row a screened subject (index_day, index_id,
    index_version, index_precision, washout, n_sessions)."""

    sessions: ir.Table
    subjects: ir.Table


def find(inputs: Inputs, work: Workspace, study: Study, codes: Mapping[str, CodeList], calendar: Calendar) -> Cohort:
    """Screened subjects with their index event, and all their sessions.

    A partial date stands for its middle day and is counted. Of two procedures on the index day the lower id is named.

    Raises:
        UnusableDataError: nobody has an index event in the dates.
    """
    rule = study.index
    name = rule.event.list_
    t = inputs["procedure"]
    rows = t.select(*SUBJECT, "id", "version", "status", *CODING, text=performed(t))
    found = calendar.resolve(work.keep(listed(rows, {name: codes[name]}, work.con).drop("list")), "text")

    usable = found.status.isin(list(rule.event.status)).fill_null(False)
    work.count_by("index", found.filter(~usable), told(found.status))
    done = found.filter(usable)
    work.count(
        "index",
        done,
        {
            "reference to the patient without key": done.patient_id.isnull(),
            "without date": done.text.isnull(),
            "date unreadable": done.text.notnull() & done.day.isnull(),
            "after the data cut-off": done.after_cutoff,
            "partial date, its middle is used": done.day.notnull() & done.precision.isin(["year", "month"]),
        },
    )
    done = done.filter(done.patient_id.notnull() & done.day.notnull() & ~done.after_cutoff)

    low, high = (day_number(day) for day in rule.dates)
    candidates = done.filter(done.day.between(low, high))
    first = candidates.group_by(SUBJECT).aggregate(index_day=candidates.day.min())
    sessions = done.join(first, SUBJECT).mutate(rel=lambda t: t.day - t.index_day)
    sessions = work.keep(sessions.drop("status", "after_cutoff", "text"))

    at_index = sessions.filter(sessions.rel == 0)
    named = at_index.group_by(SUBJECT).aggregate(index_id=at_index.id.min())
    row = at_index.join(named, SUBJECT)
    row = row.filter(row.id == row.index_id).group_by([*SUBJECT, "index_id"])
    index = row.aggregate(
        index_day=lambda t: t.day.min(),
        index_version=lambda t: t.version.max(),
        index_precision=lambda t: t.precision.max(),
    )
    history = sessions.group_by(SUBJECT).aggregate(
        washout=((sessions.rel < 0) & (sessions.rel >= -rule.washout_days)).any(),
        n_sessions=sessions.day.nunique(where=sessions.rel >= 0),
    )
    subjects = work.keep(index.join(history, SUBJECT))
    if work.pandas(subjects.aggregate(n=subjects.count()))["n"][0] == 0:
        raise UnusableDataError(
            f"The cohort is empty: no patient has a procedure of the list {name!r} with an accepted status "
            f"from {rule.dates[0]} to {rule.dates[1]}."
        )
    return Cohort(sessions, subjects)
