"""A large cohort in blocks of subjects: what is computed for a subject looks at no other, so memory need not grow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analysis.derive.index import SUBJECT, Cohort

if TYPE_CHECKING:
    from analysis.derive.workspace import Workspace

SUBJECTS = 100_000
"""How many subjects are derived at once on an engine within this process."""


def blocks(work: Workspace, cohort: Cohort, most: int | None = None) -> Iterator[Cohort]:
    """The cohort in parts of ``most`` subjects (``SUBJECTS``) by site and patient id.

    An engine of other processes divides its work itself and gets the cohort whole. So does a small cohort.
    """
    import ibis

    from mappings import engine

    most = most or SUBJECTS
    n = int(work.pandas(cohort.subjects.aggregate(n=cohort.subjects.count()))["n"][0])
    if n <= most or not engine.of(work.con or ibis.get_backend(cohort.subjects)).embedded:
        yield cohort
        return
    order = ibis.window(order_by=[cohort.subjects[key] for key in SUBJECT])
    placed = work.keep(cohort.subjects.mutate(_block=(ibis.row_number().over(order) // most).cast("int64")))
    for block in range(-(-n // most)):
        mine = placed.filter(placed._block == block).drop("_block")
        with work.part() as desk:
            subjects = desk.keep(mine)
            yield Cohort(desk.keep(cohort.sessions.semi_join(subjects, SUBJECT)), subjects)
