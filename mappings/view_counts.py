"""The ledger of a view: which resources have rows, which a ``where`` removed, which have an empty ``forEach``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from mappings.expressions import Place, exists, value
from mappings.viewdefinition import Each, Repeat, Selection


@dataclass(frozen=True)
class ViewCounts:
    """Of some files: ``accepted = with_rows + removed_by_where + empty_for_each``."""

    accepted: int
    with_rows: int
    removed_by_where: int
    empty_for_each: int


def gives_rows(select: Selection, place: Place) -> ir.BooleanValue:
    """Whether a selection has at least one row at a place, without making the rows; never null.

    Not for a repeat below which a forEach can leave an item without a row: :func:`needs_rows`.
    """

    def below(here: Place) -> ir.BooleanValue:
        asked = [gives_rows(part, here) for part in select.selections]
        if select.union:
            asked.append(ibis.or_(*(gives_rows(branch, here) for branch in select.union)))
        return ibis.and_(*asked) if asked else ibis.literal(True)

    if select.over is None:
        return below(place)
    if isinstance(select.over, Repeat):
        return ibis.or_(*(exists(node, place) for node in select.over.first))
    items = select.over.items
    if not _restricts(select):
        return ibis.literal(True) if select.over.or_null else exists(items, place)
    made = value(items, place)
    if not items.many:
        found = made.notnull() & below(replace(place, focus=made))
        empty = made.isnull()
    else:
        found = (made.filter(lambda item: below(replace(place, focus=item))).length() > 0).fill_null(False)
        empty = (made.length() == 0).fill_null(True)
    if not select.over.or_null:
        return found
    item_type = made.type().value_type if items.many else made.type()
    return found | (empty & below(replace(place, focus=ibis.null(item_type))))


def needs_rows(select: Selection) -> bool:
    """Whether the rows have to be made to know which resources have any."""
    return any(isinstance(part.over, Repeat) and _restricts(part) for part in _all(select))


def _all(select: Selection) -> Iterator[Selection]:
    yield select
    for part in (*select.selections, *select.union):
        yield from _all(part)


def _restricts(select: Selection) -> bool:
    """Whether what stands below a forEach can leave one of its items without a row."""
    return any(
        (part.over is not None and not (isinstance(part.over, Each) and part.over.or_null)) or _restricts(part)
        for part in (*select.selections, *select.union)
    )
