"""From tables to analysis sets: who was treated how, who is analysed, and what happened when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from analysis.derive.derived import Derived
from analysis.derive.rules import SiteRules

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from analysis.derive.tables import Framed
    from analysis.study.model import Sensitivity, Study
    from mappings.codelists import CodeList, ConceptMapping

__all__ = ["Derived", "SiteRules", "derive", "sensitivity_tables"]


def derive(
    study: Study,
    codes: Mapping[str, CodeList],
    maps: Mapping[str, ConceptMapping],
    tables: Mapping[str, ir.Table],
    key: bytes,
    site_rules: Mapping[str, SiteRules],
    con: Any = None,
) -> Derived:
    """The study's analysis sets from the mapped tables (docs/derivation.md).

    Args:
        tables: view name to Ibis table, `site` among the columns; a view that is missing counts as empty.
        key: the pseudonym key; USUBJID is the first 16 hex of HMAC-SHA256(key, site + "|" + patient id).
        site_rules: by site, where its deaths are complete to and its time zone; a site not named has neither.
        con: the Ibis connection the tables lie on, DuckDB's or Spark's; None asks each table.

    Raises:
        UnusableDataError: nobody has an index event (an empty arm is the analysis step's to judge).
        DefinitionError: the study asks for what it does not define.
    """
    from analysis.derive.pipeline import prepare
    from analysis.derive.tables import pseudonymise
    from analysis.derive.tables import tables as frames

    framed = pseudonymise(prepare(study, codes, maps, tables, site_rules, con), key)
    main = frames(study, framed)
    variants = {one.id: sensitivity_tables(study, framed, one) for one in study.analysis.sensitivity if one.other_data}
    return replace(main, variants=variants)


def sensitivity_tables(study: Study, framed: Framed, sensitivity: Sensitivity) -> Derived:
    """The sets of one sensitivity analysis, from what the main one was made from: nothing is read again."""
    from analysis.derive.tables import tables as frames

    return frames(study, framed, sensitivity)
