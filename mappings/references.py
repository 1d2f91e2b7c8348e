"""Reference keys as expressions, and why a reference gives none."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

REASONS = (
    "identifier only",
    "display only",
    "empty",
    "contained",
    "urn",
    "conditional",
    "absolute",
    "other type",
    "unreadable",
)
"""Why a reference that is there gives no key; ``absolute``: under an address not known to be the server's own."""

_RELATIVE = r"^[A-Za-z]+/[^/?#|]+(/_history/.*)?$"


def relative(reference: ir.StringValue, bases: Sequence[str]) -> ir.StringValue:
    """The reference without a base address that is the server's own."""
    made = reference
    for base in bases:
        prefix = base.rstrip("/") + "/"
        made = ibis.ifelse(reference.startswith(prefix), reference.substr(len(prefix)), made)
    return made


def key_expression(reference: ir.StringValue, to: str | None, bases: Sequence[str] = ()) -> ir.StringValue:
    """The id a reference leads to, without type and history; null where it gives no key."""
    # One anchored expression costs 0.2 µs a row in DuckDB, and reads well in the query.
    pattern = f"^{to or '[A-Za-z]+'}/([^/?#|]+)(/_history/.*)?$"
    return relative(reference, bases).re_extract(pattern, 1).nullif("")


def loss_reason(reference: ir.StructValue, types: Sequence[str], bases: Sequence[str] = ()) -> ir.StringValue:
    """Why a Reference (structure of reference, identifier, display) gives no key of ``types`` (none: any type).

    Null where it gives one, or where there is no Reference.
    """
    raw = reference["reference"]
    text = relative(raw, bases)
    given = text.re_search(_RELATIVE)
    right = given & text.split("/")[0].isin(list(types)) if types else given
    return ibis.cases(
        (reference.isnull() | right.fill_null(False), ibis.null("string")),
        (raw.isnull() & reference["identifier"].notnull(), "identifier only"),
        (raw.isnull() & reference["display"].notnull(), "display only"),
        (raw.isnull(), "empty"),
        (given, "other type"),
        (raw.startswith("#"), "contained"),
        (raw.startswith("urn:"), "urn"),
        (raw.re_search(r"^[A-Za-z]+\?"), "conditional"),
        (raw.re_search(r"^[A-Za-z][A-Za-z0-9+.-]*://"), "absolute"),
        else_="unreadable",
    )
