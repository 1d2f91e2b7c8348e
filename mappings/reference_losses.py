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

from mappings.expressions import Place, Resource, value
from mappings.fhirpath.typed import Field, ReferenceKey, Typed, origin, parts
from mappings.read_schema import Path, paths_read
from mappings.references import loss_reason
from mappings.viewdefinition import Each, Selection, ViewDefinition


@dataclass(frozen=True)
class _Asked:
    """A reference path below the items of some forEach paths, and the types asked of it (None: any)."""

    over: tuple[Typed, ...]
    base: Typed
    types: frozenset[str | None]

    @property
    def name(self) -> str:
        return ".".join(origin(self.base) or ("computed",))


def loss_paths(view: ViewDefinition) -> set[Path]:
    """The JSON paths to read for the losses of a view."""
    found: set[Path] = {("resourceType",)}
    for asked in _asked(view):
        found |= paths_read([*asked.over, asked.base])
        at = origin(asked.base)
        if at is not None:
            found |= {(*at, name) for name in ("reference", "identifier", "display")}
    return found


def reference_losses(
    view: ViewDefinition, table: ir.Table, con: Any, bases: Sequence[str]
) -> dict[tuple[str, str], int]:
    """Counts by (path of the reference, reason) over a table of the view's resources; nothing lost is an empty dict."""
    found: dict[tuple[str, str], int] = {}
    for asked in _asked(view):
        rows, focus = table, None
        for items in asked.over:
            rows, focus = _unnested(rows, items, focus, bases)
        rows, focus = _unnested(rows, asked.base, focus, bases)
        reason = loss_reason(rows[focus], sorted(to for to in asked.types if to is not None), bases)
        if None in asked.types:
            reason = loss_reason(rows[focus], (), bases)
        counted = rows.select(reason=reason).filter(ibis._.reason.notnull()).group_by("reason").agg(n=ibis._.count())
        for row in con.to_pyarrow(counted).to_pylist():
            key = (asked.name, row["reason"])
            found[key] = found.get(key, 0) + int(row["n"])
    return dict(sorted(found.items()))


def _unnested(rows: ir.Table, items: Typed, focus: str | None, bases: Sequence[str]) -> tuple[ir.Table, str]:
    place = Place(
        Resource(rows) if focus is None else rows[focus], ibis.literal(0, type="int64"), tuple(bases), "forEach"
    )
    made = value(items, place)
    name = "_focus" if focus is None else f"{focus}_"
    rows = rows.mutate(**{name: made.unnest() if items.many else made})
    return rows.filter(rows[name].notnull()), name


def _asked(view: ViewDefinition) -> list[_Asked]:
    merged: dict[tuple[tuple[Typed, ...], Typed], frozenset[str | None]] = {}
    for over, base, to in _keys(view.select, ()):
        merged[over, base] = merged.get((over, base), frozenset()) | {to}
    return [_Asked(over, base, types) for (over, base), types in merged.items()]


def _keys(select: Selection, over: tuple[Typed, ...]) -> Iterator[tuple[tuple[Typed, ...], Typed, str | None]]:
    if isinstance(select.over, Each):
        over = (*over, select.over.items)
    for column in select.columns:
        for node in _below(column.value):
            if isinstance(node, ReferenceKey):
                yield over, node.base, node.to
    for part in (*select.selections, *select.union):
        yield from _keys(part, over)


def _below(node: Typed) -> Iterator[Typed]:
    # A key inside where() is read from another focus; only keys of the column's own path are rows' keys.
    yield node
    for part in parts(node):
        if not isinstance(part, Field):
            yield from _below(part)
