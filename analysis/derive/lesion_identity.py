"""Which lesion an Observation measures: what makes measurements of several scans one lesion's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mappings.code_systems import normalise_system, system_expression

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.inputs import Inputs
    from analysis.derive.workspace import Workspace
    from analysis.study.lesions import Lesions


def with_identity(inputs: Inputs, work: Workspace, asked: Lesions, whole: ir.Table, parts: ir.Table) -> ir.Table:
    """``whole`` (one row an Observation) with text column ``identity`` and boolean ``ambiguous``.

    Of several answers of the components in ``parts`` the lowest is taken: a list may hold both a lesion's number and
    its UID. An Observation that points to several body structures, or has several identifiers of the system, measures
    nobody knows which lesion: it is ``ambiguous`` and has no identity.
    """
    import ibis

    if asked.identity_by == "component":
        named = parts.filter(parts.list == asked.identity)
        called = ibis.coalesce(named.words.strip(), named.whole.cast("string"), named.answer_code)
        rows = named.select("site", "id", value=called)
    elif asked.identity_by == "body-structure":
        given = inputs["observation_body_structure"].semi_join(whole, ["site", "id"])
        rows = given.select("site", "id", value="body_structure_id")
    else:
        given = inputs["observation_identifier"].semi_join(whole, ["site", "id"])
        mine = given.filter(system_expression(given.identifier_system) == normalise_system(asked.identity_system))
        rows = mine.select("site", "id", value=mine.identifier_value.strip())
    rows = rows.mutate(value=rows.value.nullif(""))
    one = rows.group_by(["site", "id"]).aggregate(_lowest=rows.value.min(), _several=rows.value.nunique() > 1)
    t = whole.left_join(one, ["site", "id"]).drop("site_right", "id_right")
    unsure = ibis.literal(False) if asked.identity_by == "component" else t._several.fill_null(False)
    t = t.mutate(ambiguous=unsure, identity=ibis.ifelse(unsure, ibis.null("string"), t._lowest))
    return work.keep(t.drop("_lowest", "_several"))
