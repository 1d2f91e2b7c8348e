"""ADAE: adverse events in the study's window, those said to be absent, and what shows that someone looked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.derive.covariates import within
from analysis.derive.dates import dates_of
from analysis.derive.index import SUBJECT
from analysis.derive.levels import with_level
from analysis.derive.references import references
from analysis.study.adverse_events import GRADES, NO_EVENT
from mappings.codelists import ConceptMapping

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from analysis.derive.inputs import Inputs
    from analysis.derive.tables import Framed
    from analysis.derive.workspace import Workspace
    from analysis.study.model import Study


def adverse_events(
    inputs: Inputs, work: Workspace, study: Study, maps: Mapping[str, ConceptMapping], facts: ir.Table
) -> pd.DataFrame | None:
    """One row a record in the window, or None without ``[adverse_events]``.

    Columns: site, patient_id, source, id, version, rel (days from the index), item (the list), paramcd (``EVENT``,
    ``ABSENT``: grade 0, or an Observation whose value is false, ``LOOKED``) and grade (``1`` to ``5``, null where none
    is told; without a map none is: a plain number may be anything).
    """
    import ibis

    asked = study.adverse_events
    if asked is None:
        return None
    mine = facts.filter(facts.list.isin(list(asked.lists)) & within(facts.rel, asked.window))
    if asked.grades:
        levels = (NO_EVENT, *GRADES)
        graded = work.keep(with_level(mine, inputs, maps[asked.grades], levels, severities=True))
    else:
        graded = mine.mutate(level=ibis.null("string"), several=ibis.literal(False))
    kinds = {event.list_ for event in asked.events}
    known = graded.level.isin(list(GRADES)).fill_null(False)
    is_event = graded.list.isin(sorted(kinds))
    absent = ((graded.truth == ibis.literal(False)) | (graded.level == NO_EVENT)).fill_null(False)
    work.count(
        "adverse events",
        graded,
        {
            "event without a grade": is_event & ~absent & ~known,
            "event whose codings give different grades": is_event & graded.several,
        },
    )
    paramcd = ibis.cases((~is_event, "LOOKED"), (absent, "ABSENT"), else_="EVENT")
    grade = ibis.ifelse(known & is_event & ~absent, graded.level, ibis.null("string"))
    columns = graded.select(*SUBJECT, "source", "id", "version", "rel", item="list", paramcd=paramcd, grade=grade)
    return work.pandas(columns.distinct())


def adae(framed: Framed) -> pd.DataFrame | None:
    """USUBJID, TRT01A, PARAMCD (``EVENT``, ``ABSENT``, ``LOOKED``), AEDECOD (the list), ATOXGR (grade or null), ASTDT,
    ADY, SRCREF. Sorted by subject, day, list and source."""
    import pandas as pd

    from analysis.plan import TYPE_OF_TABLE

    t = framed.adverse_events
    if t is None:
        return None
    begun = t["USUBJID"].map(framed.subjects.set_index("USUBJID")["index_day"])
    named = references("", t["id"], t["version"])
    made = pd.DataFrame(
        {
            "USUBJID": t["USUBJID"],
            "TRT01A": t["arm"].astype("object").where(t["arm"].notna(), None),
            "PARAMCD": t["paramcd"],
            "AEDECOD": t["item"],
            "ATOXGR": t["grade"].astype("object").where(t["grade"].notna(), None),
            "ASTDT": dates_of(begun + t["rel"]),
            "ADY": t["rel"].astype("Int64"),
            "SRCREF": t["source"].map(TYPE_OF_TABLE).astype("object") + named.astype("object"),
        }
    )
    order = framed.subjects[["USUBJID"]].reset_index(names="_at")
    made = made.merge(order, on="USUBJID")
    by = ["_at", "ADY", "AEDECOD", "SRCREF", "ATOXGR"]
    return made.sort_values(by, kind="stable", ignore_index=True).drop(columns="_at")
