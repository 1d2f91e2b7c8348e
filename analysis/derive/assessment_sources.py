"""Response assessments that the record and the supplement both hold: what each source says of one reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.derive.origins import RECORD, SUPPLEMENT, supplemented
from analysis.supplement import PREFIX

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.workspace import Workspace
    from analysis.study.model import Study

COLUMNS = {"told_by": "string", "told_last": "boolean", "told_other": "string"}
"""What is added to the assessments, and the Ibis type."""


def with_sources(work: Workspace, study: Study, name: str, t: ir.Table, reading: Sequence[str]) -> ir.Table:
    """The assessments of list ``name`` with ``COLUMNS``; all null where there is one source.

    ``told_by`` is the source; ``told_last`` says whether a row is its source's last of a ``reading`` (the columns of
    subject, day, body site and reader; the later issued, then the higher id), and ``told_other`` is the level of the
    other source's last, null where it has none. A reader the study does not name (``role`` null) has no last.
    """
    import ibis

    if not supplemented(study, name):
        return t.mutate(**{column: ibis.null(kind) for column, kind in COLUMNS.items()})
    t = t.mutate(told_by=ibis.ifelse(t.id.startswith(PREFIX), SUPPLEMENT, RECORD))
    order = [t.issued_at.desc(), t.id.desc()]
    place = ibis.row_number().over(ibis.window(group_by=[t[key] for key in (*reading, "told_by")], order_by=order))
    t = work.keep(t.mutate(told_last=(place == 0) & t.role.notnull()))
    one = ibis.window(group_by=[t[key] for key in reading])
    last = {
        source: ibis.ifelse(t.told_last & (t.told_by == source), t.level, ibis.null("string")).max().over(one)
        for source in (RECORD, SUPPLEMENT)
    }
    other = ibis.ifelse(t.told_by == RECORD, last[SUPPLEMENT], last[RECORD])
    return work.keep(t.mutate(told_other=ibis.ifelse(t.told_last, other, ibis.null("string"))))
