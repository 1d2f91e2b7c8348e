"""References that are there and give no key, counted by reason: what a view loses is said, not lost.

A reference is counted once for each place it stands in a resource, not for each row it ends in. Where a view asks the
same reference for several types (``used``: Device, Substance, Medication), it is lost only if none of them is its type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from mappings import engine
from mappings.expressions import structures
from mappings.fhirpath.typed import ReferenceKey, Typed, Where, origin, parts
from mappings.read_schema import Path, paths_read
from mappings.references import loss_reason
from mappings.unnesting import Focus, Unnesting
from mappings.viewdefinition import Each, Repeat, Selection, ViewDefinition


@dataclass(frozen=True)
class _Asked:
    """A reference path below the items of some forEach paths, and the types asked of it (None: any)."""

    over: tuple[Each | Repeat, ...]
    base: Typed
    types: frozenset[str | None]

    @property
    def name(self) -> str:
        return ".".join(name for name in origin(self.base) or ("computed",) if name != "*")


def loss_paths(view: ViewDefinition) -> frozenset[Path]:
    """The JSON paths to read for the losses of a view."""
    found: set[Path] = {("resourceType",)}
    for asked in _asked(view):
        found |= paths_read([asked.base], asked.over)
        at = origin(asked.base)
        if at is not None:
            found |= {(*at, name) for name in ("reference", "identifier", "display")}
    return frozenset(found)


def reference_losses(
    view: ViewDefinition, table: ir.Table, con: Any, bases: Sequence[str], read: frozenset[Path]
) -> dict[tuple[str, str], int]:
    """Counts by (path of the reference, reason) over a table of the view's resources; nothing lost is an empty dict."""
    unnesting = Unnesting(tuple(bases), read, con)
    found: dict[tuple[str, str], int] = {}
    for asked in _asked(view):
        rows, focus = table, Focus()
        for over in asked.over:
            rows, focus = unnesting.over(rows, over, focus, False)
        made = structures(asked.base, unnesting.place(rows, focus))
        rows = rows.select(reference=made.unnest() if asked.base.many else made)
        types = () if None in asked.types else sorted(to for to in asked.types if to is not None)
        reasons = rows.select(reason=loss_reason(rows.reference, types, bases)).filter(ibis._.reason.notnull())
        for row in engine.of(con).arrow(con, reasons.group_by("reason").agg(n=ibis._.count())).to_pylist():
            key = (asked.name, row["reason"])
            found[key] = found.get(key, 0) + int(row["n"])
    return dict(sorted(found.items()))


def _asked(view: ViewDefinition) -> list[_Asked]:
    merged: dict[tuple[tuple[Each | Repeat, ...], Typed], frozenset[str | None]] = {}
    for over, base, to in _keys(view.select, ()):
        merged[over, base] = merged.get((over, base), frozenset()) | {to}
    return [_Asked(over, base, types) for (over, base), types in merged.items()]


def _keys(
    select: Selection, over: tuple[Each | Repeat, ...]
) -> Iterator[tuple[tuple[Each | Repeat, ...], Typed, str | None]]:
    if select.over is not None:
        # Counted are references that are there, so the null row of forEachOrNull is left out.
        plain = Each(select.over.items, False, select.over.where) if isinstance(select.over, Each) else select.over
        over = (*over, plain)
    for column in select.columns:
        for node in _below(column.value):
            if isinstance(node, ReferenceKey):
                yield over, node.base, node.to
    for part in (*select.selections, *select.union):
        yield from _keys(part, over)


def _below(node: Typed) -> Iterator[Typed]:
    yield node
    # A key in a condition is read from another focus, and only compared: it is no key of the row.
    for part in (node.base,) if isinstance(node, Where) else parts(node):
        yield from _below(part)
