"""Comparators of quantities (``<5``): what a number stands for where it is not the value itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

KNOWN = ("<", "<=", ">=", ">", "ad")
"""FHIR's quantity-comparator codes; ``ad`` (sufficient to achieve this total) is R5's."""


def comparator_reason(comparator: ir.StringValue) -> ir.StringValue:
    """``comparator <`` and so on, to be counted; null without one. A code that is not FHIR's is not shown."""
    import ibis

    return ibis.cases(
        (comparator.isnull(), ibis.null("string")),
        (comparator.isin(KNOWN), ibis.literal("comparator ") + comparator),
        else_=ibis.literal("comparator unreadable"),
    )
