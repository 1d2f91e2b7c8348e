"""From the record or from the supplement: which fact goes first, and each source by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.supplement import PREFIX

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.study.model import Study

RECORD, SUPPLEMENT = "record", "supplement"


def supplemented(study: Study, name: str | None) -> bool:
    """Whether a supplement may hold facts of the list ``name``."""
    return study.supplement is not None and name in study.supplement.lists


def behind(study: Study, name: str | None, facts: ir.Table) -> list[ir.Value]:
    """Sort key by which facts of the source the study does not prefer come last; none where there is one source."""
    if study.supplement is None or not supplemented(study, name):
        return []
    added = facts.id.startswith(PREFIX)
    return [added if study.supplement.prefer == RECORD else ~added]


def origins(study: Study, name: str | None, facts: ir.Table) -> dict[str, ir.Table]:
    """The facts of each source by its name; empty where there is one source."""
    if not supplemented(study, name):
        return {}
    added = facts.id.startswith(PREFIX)
    return {RECORD: facts.filter(~added), SUPPLEMENT: facts.filter(added)}
