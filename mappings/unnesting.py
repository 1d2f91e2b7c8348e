"""From a table of resources to a table of rows: forEach, forEachOrNull, repeat, unionAll and columns.

Sibling selections follow one another on the same table, which makes their cross product. Working columns stand beside
the resource's elements, whose names begin with a small letter or with "_" and a small letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import ibis
import ibis.expr.types as ir

from mappings import engine
from mappings.expressions import Place, Resource, column, value
from mappings.fhirpath.typed import RowIndex, Typed, origin, parts
from mappings.read_schema import Path, below, needs
from mappings.viewdefinition import Each, Repeat, Selection

OUT = "_Out_"
"""Prefix of the columns that leave, which may be named like an element of the resource."""
_ITEM = "_Item"
_INDEX = "_Index"
_TEXT = "_Text"
_RESOURCE_NUMBER = "_Number"
_TRAIL = "_Trail"


@dataclass(frozen=True)
class Focus:
    """The working columns a path is read from: none is the resource; ``index`` holds %rowIndex."""

    item: str | None = None
    index: str | None = None


@dataclass(frozen=True)
class Unnesting:
    """``con`` executes the levels of a repeat; None only shapes one level, to check the expressions."""

    bases: tuple[str, ...]
    paths: frozenset[Path]
    con: Any = None

    @property
    def engine(self) -> engine.Engine:
        """The engine of the connection."""
        return engine.of(self.con)

    def select(self, table: ir.Table, select: Selection, focus: Focus) -> ir.Table:
        """``table`` with the selection's columns, once for each of its rows."""
        if select.over is not None:
            table, focus = self.over(table, select.over, focus, uses_row_index(select))
        place = self.place(table, focus)
        made = {
            OUT + c.name: column(c.value, c.type, c.collection, replace(place, where=c.where)) for c in select.columns
        }
        if made:
            table = table.mutate(**made)
        for part in select.selections:
            table = self.select(table, part, focus)
        if select.union:
            branches = [self.select(table, branch, focus) for branch in select.union]
            names = [*table.columns, *(OUT + c.name for c in select.union[0].all_columns)]
            table = ibis.union(*(branch.select(*names) for branch in branches)) if len(branches) > 1 else branches[0]
        return table

    def over(self, table: ir.Table, over: Each | Repeat, focus: Focus, counted: bool) -> tuple[ir.Table, Focus]:
        """``table`` once for each item, and the focus on it; ``counted``: %rowIndex is wanted."""
        if isinstance(over, Repeat):
            return self._repeat(table, over, focus, counted)
        made = value(over.items, replace(self.place(table, focus), where=over.where))
        item = _next_name(table, _ITEM)
        if not over.items.many:
            table = table.mutate(**{item: made})
            return (table if over.or_null else table.filter(table[item].notnull())), Focus(item)
        return _unnested(table, made, item, counted, over.or_null)

    def place(self, table: ir.Table, focus: Focus) -> Place:
        """Where a path of this focus is read."""
        at: Resource | ir.Value = Resource(table) if focus.item is None else table[focus.item]
        row_index = ibis.literal(0, type="int64") if focus.index is None else table[focus.index]
        return Place(at, row_index, self.bases, paths=self.paths, engine=self.engine)

    def _repeat(self, table: ir.Table, over: Repeat, focus: Focus, counted: bool) -> tuple[ir.Table, Focus]:
        """Level by level, until one is empty. Items are JSON text; each level's is parsed once."""
        item, text, number, trail = (_next_name(table, name) for name in (_ITEM, _TEXT, _RESOURCE_NUMBER, _TRAIL))
        wanted = needs(over.first[0].type, below((*(origin(over.first[0]) or ()), "*"), self.paths))

        def level(rows: ir.Table, nodes: Sequence[Typed], at: Focus) -> ir.Table:
            place = replace(self.place(rows, at), where=over.where)
            texts = reduce(lambda a, b: a.concat(b), [_as_array(node, value(node, place)) for node in nodes])
            below_rows, found = _unnested(rows, texts, text, counted, False)
            if counted:
                step = ibis.array([below_rows[found.index]])
                so_far = below_rows[trail].concat(step) if trail in rows.columns else step
                below_rows = below_rows.mutate(**{trail: so_far}).drop(found.index)
            below_rows = below_rows.mutate(**{item: self.engine.parse_json(below_rows[text], wanted)}).drop(text)
            return below_rows if self.con is None else self.engine.kept(self.con, below_rows)

        if counted:
            table = self.engine.numbered(table, number)
            table = table if self.con is None else self.engine.kept(self.con, table)
        levels = [level(table, over.first, focus)]
        while self.con is not None and _any_row(self.con, levels[-1]):
            levels.append(level(levels[-1].select(levels[0].columns), over.next, Focus(item)))
        rows = ibis.union(*(one.select(levels[0].columns) for one in levels)) if len(levels) > 1 else levels[0]
        if not counted:
            return rows, Focus(item)
        index = f"{_INDEX}{item}"
        # A parent's trail is the beginning of its children's: in this order it comes right before them.
        place_in_walk = ibis.row_number().over(group_by=rows[number], order_by=rows[trail])
        return rows.mutate(**{index: place_in_walk}).drop(number, trail), Focus(item, index)


def _unnested(table: ir.Table, items: ir.ArrayValue, name: str, counted: bool, or_null: bool) -> tuple[ir.Table, Focus]:
    if counted:
        items = items.map(lambda one, at: ibis.struct({"item": one, "at": at.cast("int64")}))
    if or_null:
        nothing = ibis.array([ibis.null(items.type().value_type)])
        items = ibis.ifelse((items.length() > 0).fill_null(False), items, nothing)
    table = table.mutate(**{name: items.unnest()})
    if not counted:
        return table, Focus(name)
    index = f"{_INDEX}{name}"
    pair = table[name]
    return table.mutate(**{index: pair["at"].fill_null(0), name: pair["item"]}), Focus(name, index)


def _as_array(node: Typed, made: ir.Value) -> ir.ArrayValue:
    empty = ibis.literal([], type="array<string>")
    if node.many:
        return made.fill_null(empty)
    return ibis.ifelse(made.notnull(), ibis.array([made]), empty)


def _any_row(con: Any, rows: ir.Table) -> bool:
    return bool(engine.of(con).arrow(con, rows.limit(1).select(one=ibis.literal(1))).num_rows)


def _next_name(table: ir.Table, prefix: str) -> str:
    return f"{prefix}{sum(name.startswith(prefix) for name in table.columns)}"


def uses_row_index(select: Selection) -> bool:
    """Whether a selection reads the %rowIndex of its own forEach or repeat."""
    nodes: list[Typed] = [c.value for c in select.columns]
    for part in (*select.selections, *select.union):
        if part.over is None and uses_row_index(part):
            return True
        if isinstance(part.over, Each):
            nodes.append(part.over.items)
        elif isinstance(part.over, Repeat):
            nodes.extend(part.over.first)
    return any(_has_row_index(node) for node in nodes)


def _has_row_index(node: Typed) -> bool:
    return isinstance(node, RowIndex) or any(_has_row_index(part) for part in parts(node))
