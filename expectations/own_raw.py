"""Checks that a study or site adds on tables as mapped: the rules of rows, as expressions in Ibis on either engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from expectations.model import Check, Finding
from expectations.raw_failures import cut

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


def own_findings(tables: Mapping[str, ir.Table], checks: Sequence[Check], sites: Sequence[str]) -> list[Finding]:
    """Count the resources that violate each check, a finding a site; a resource of several rows violates if any does.

    A column that the table does not have, or a rule that does not fit its type, is the finding's error.
    """
    found: list[Finding] = []
    for check in checks:
        try:
            counts = _counts(tables[check.table], check)
        except Exception as error:  # of either engine: its message may hold values
            found += [Finding(check.id, check.table, 0, 0, error=_crash(error), site=site) for site in sites]
            continue
        found += [Finding(check.id, check.table, *counts.get(site, (0, 0)), site=site) for site in sites]
    return found


def own_failing(table: ir.Table, check: Check, most: int | None) -> pd.DataFrame:
    """The resources that violate: site, id, version and patient_id where the view has them, cut to ``most`` a site."""
    _, violates = _flags(table, check)
    columns = [column for column in ("site", "id", "version", "patient_id") if column in table.columns]
    rows = table.filter(violates.fill_null(False)).select(*columns).distinct()
    found: pd.DataFrame = (rows if most is None else cut(rows, most)).order_by(columns).to_pandas()
    return found


def _counts(table: ir.Table, check: Check) -> dict[str, tuple[int, int]]:
    asked, violates = _flags(table, check)
    rows = table.mutate(asked_=asked.fill_null(False), violates_=violates.fill_null(False))
    resources = rows.group_by("site", "id").agg(asked_=rows.asked_.any(), violates_=rows.violates_.any())
    summed = resources.group_by("site").agg(n=resources.asked_.sum(), k=resources.violates_.sum())
    return {row["site"]: (int(row["n"] or 0), int(row["k"] or 0)) for row in summed.to_pyarrow().to_pylist()}


def _flags(table: ir.Table, check: Check) -> tuple[Any, Any]:
    """Whether a row is asked, and whether it violates."""
    import ibis

    rule = check.rule
    column = getattr(table, getattr(rule, "column", ""))
    known = column.notnull()
    match rule.kind:
        case "not_null":
            return ibis.literal(True), ~known
        case "in_set":
            return known, known & ~column.cast("string").isin(list(rule.values))
        case "matches":
            return known, known & ~column.cast("string").re_search(rule.regex)
        case "between":
            number = column.cast("float64")
            low = number < rule.low if rule.low is not None else ibis.literal(False)
            high = number > rule.high if rule.high is not None else ibis.literal(False)
            return known, known & (low | high)
    other = getattr(table, getattr(rule, "other", ""))
    both = known & other.notnull()
    match rule.kind:
        case "equal":
            return both, both & (column != other)
        case "not_before":
            # Texts of dates compare at the precision they share.
            shared = ibis.least(column.length(), other.length(), 10)
            return both, both & (column.substr(0, shared) < other.substr(0, shared))
        case "not_together":
            first = column.cast("string").isin(list(rule.values))
            return both, both & first & other.cast("string").isin(list(rule.other_values))
    raise ValueError(f"{rule.kind} cannot be asked of a table as mapped")


def _crash(error: Exception) -> str:
    return f"the check could not be computed ({type(error).__name__})"
