"""Whether a record speaks of the body sites of a code list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mappings.codelists import CodeList, matches

if TYPE_CHECKING:
    import ibis.expr.types as ir


def at_site(t: ir.Table, asked: CodeList, column: str) -> ir.Table:
    """``t`` (site, id, body_site_system, body_site) with a boolean ``column``: its body site is in the list. False
    where none is told."""
    spoken = t.select("site", "id", "body_site_system", "body_site")
    at = matches(spoken, "body_site_system", "body_site", {asked.name: asked})
    t = t.left_join(at.select("site", "id", _there=True).distinct(), ["site", "id"]).drop("site_right", "id_right")
    return t.mutate(**{column: t._there.fill_null(False)}).drop("_there")
