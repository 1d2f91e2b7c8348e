"""ViewDefinitions compiled to Ibis: a reader that parses only what the view reads, then expressions and unnesting.

The caller hands in an Ibis backend connection and file paths; nothing is executed here but what counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import ibis
import ibis.expr.types as ir

from mappings import engine
from mappings.errors import DefinitionError
from mappings.expressions import STORED, Place, Resource, column, exists, single, value
from mappings.fhirpath.typed import RowIndex, Typed, parts
from mappings.read_schema import needs, paths_read, typed_paths
from mappings.reference_losses import loss_paths, reference_losses
from mappings.viewdefinition import Each, Repeat, Selection, ViewDefinition

# Working columns beside the resource's elements, whose names begin with a small letter or "_" and one.
_ITEM = "_Item"
_INDEX = "_Index"
_OUT = "_Out_"


@dataclass(frozen=True)
class ViewCounts:
    """The ledger of one view over some files: ``accepted = with_rows + removed_by_where + empty_for_each``."""

    accepted: int
    with_rows: int
    removed_by_where: int
    empty_for_each: int


@dataclass(frozen=True)
class CompiledView:
    """A view ready to read files. ``bases`` are absolute addresses that are the server's own (for reference keys)."""

    view: ViewDefinition
    bases: tuple[str, ...] = ()

    @property
    def resource_type(self) -> str:
        return self.view.resource

    @cached_property
    def columns(self) -> dict[str, str]:
        """Column name to its Ibis type: string, boolean, int64, decimal(38, 18), or an array of it."""
        made = ((c.name, STORED[c.stored], c.collection) for c in self.view.columns)
        return {name: f"array<{stored}>" if many else stored for name, stored, many in made}

    @cached_property
    def read_columns(self) -> dict[str, str]:
        """What is parsed of a resource: its elements and their nested DuckDB types."""
        found = needs(self.view.resource, paths_read(typed_paths(self.view)))
        return {name: engine.sql_type(need) for name, need in found.items()}

    def relation(self, con: Any, paths: Sequence[str]) -> ir.Table:
        """The rows of the view over NDJSON files, in no promised order; no file gives no row.

        Execute it within :func:`mappings.engine.clear_errors`: what the engine raises may show values.
        """
        table, kept = self._kept(con, paths, self.read_columns)
        table = table.filter(table["resourceType"] == self.view.resource, *kept)
        return self._selected(table)

    def sql(self, con: Any, paths: Sequence[str]) -> str:
        """The query the view becomes, for people to read."""
        return str(ibis.to_sql(self.relation(con, paths), dialect=con.name))

    def count(self, con: Any, paths: Sequence[str]) -> ViewCounts:
        """The ledger of the view over files, in one pass that reads only what decides whether there is a row.

        Raises:
            DefinitionError, BedsideError: as :func:`mappings.engine.clear_errors`.
        """
        nodes = [*self.view.where, *_deciding(self.view.select)]
        read = {name: engine.sql_type(n) for name, n in needs(self.view.resource, paths_read(nodes)).items()}
        table, kept = self._kept(con, paths, read)
        mine = table["resourceType"] == self.view.resource
        stays = ibis.and_(*kept).fill_null(False) if kept else ibis.literal(True)
        place = Place(Resource(table), ibis.literal(0, type="int64"), self.bases)
        gives = _gives_rows(self.view.select, place)
        asked = table.aggregate(
            accepted=mine.sum(),
            with_rows=(mine & stays & gives).sum(),
            removed_by_where=(mine & ~stays).sum(),
            empty_for_each=(mine & stays & ~gives).sum(),
        )
        with engine.clear_errors(self.view.name):
            row = con.to_pyarrow(asked).to_pylist()[0]
        return ViewCounts(**{name: int(number or 0) for name, number in row.items()})

    def reference_losses(self, con: Any, paths: Sequence[str]) -> dict[tuple[str, str], int]:
        """References that are there and give no key, by (path, reason); see :mod:`mappings.reference_losses`."""
        read_paths = paths_read(self.view.where) | loss_paths(self.view)
        read = {name: engine.sql_type(n) for name, n in needs(self.view.resource, read_paths).items()}
        table, kept = self._kept(con, paths, read)
        table = table.filter(table["resourceType"] == self.view.resource, *kept)
        with engine.clear_errors(self.view.name):
            return reference_losses(self.view, table, con, self.bases)

    def _kept(self, con: Any, paths: Sequence[str], read: Mapping[str, str]) -> tuple[ir.Table, list[ir.BooleanValue]]:
        with engine.clear_errors(self.view.name):
            table = engine.read(con, paths, read)
        place = Place(Resource(table), ibis.literal(0, type="int64"), self.bases)
        return table, [single(node, replace(place, where=f"where[{i}].path")) for i, node in enumerate(self.view.where)]

    def _selected(self, table: ir.Table) -> ir.Table:
        made = _Rows(self.bases).select(table, self.view.select, None, None)
        return made.select(**{name: made[_OUT + name] for name in self.columns})


def compile_view(view: ViewDefinition, bases: Sequence[str] = ()) -> CompiledView:
    """A view compiled; everything that can be wrong in it is found here, before any file is read.

    Raises:
        DefinitionError: the view uses what this engine cannot do yet.
    """
    _refuse_unsupported(view.select)
    compiled = CompiledView(view, tuple(bases))
    # Building the expressions on a table of the right shape finds what only the compiler can see.
    found = needs(view.resource, paths_read(typed_paths(view)))
    shape = ibis.table({name: engine.ibis_type(need) for name, need in found.items()}, name="resources")
    compiled._selected(shape)
    return compiled


def _refuse_unsupported(select: Selection) -> None:
    if isinstance(select.over, Repeat):
        raise DefinitionError(f"{select.over.where}: repeat is not compiled yet.")
    for part in (*select.selections, *select.union):
        _refuse_unsupported(part)


def _deciding(select: Selection) -> list[Typed]:
    """The paths that decide whether a resource has a row."""
    found: list[Typed] = [select.over.items] if isinstance(select.over, Each) else []
    for part in (*select.selections, *select.union):
        found.extend(_deciding(part))
    return found


def _gives_rows(select: Selection, place: Place) -> ir.BooleanValue:
    """Whether a selection has at least one row at a place, without making the rows; never null."""

    def below(here: Place) -> ir.BooleanValue:
        asked = [_gives_rows(part, here) for part in select.selections]
        if select.union:
            asked.append(ibis.or_(*(_gives_rows(branch, here) for branch in select.union)))
        return ibis.and_(*asked) if asked else ibis.literal(True)

    if not isinstance(select.over, Each):
        return below(place)
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


def _restricts(select: Selection) -> bool:
    """Whether what stands below a forEach can leave one of its items without a row."""
    return any(
        (part.over is not None and not (isinstance(part.over, Each) and part.over.or_null)) or _restricts(part)
        for part in (*select.selections, *select.union)
    )


@dataclass(frozen=True)
class _Rows:
    """Turns a table of resources into a table of rows; working columns begin with an underscore."""

    bases: tuple[str, ...]

    def select(self, table: ir.Table, select: Selection, item: str | None, index: str | None) -> ir.Table:
        """``table`` with the selection's columns; ``item`` and ``index`` name the columns of the focus."""
        if isinstance(select.over, Each):
            table, item, index = self._each(table, select, item, index)
        place = self._place(table, item, index)
        made = {
            _OUT + c.name: column(c.value, c.type, c.collection, replace(place, where=c.where)) for c in select.columns
        }
        if made:
            table = table.mutate(**made)
        for part in select.selections:
            table = self.select(table, part, item, index)
        if select.union:
            branches = [self.select(table, branch, item, index) for branch in select.union]
            names = [*table.columns, *(_OUT + c.name for c in select.union[0].all_columns)]
            table = ibis.union(*(branch.select(*names) for branch in branches)) if len(branches) > 1 else branches[0]
        return table

    def _each(
        self, table: ir.Table, select: Selection, item: str | None, index: str | None
    ) -> tuple[ir.Table, str, str | None]:
        assert isinstance(select.over, Each)
        each = select.over
        place = replace(self._place(table, item, index), where=each.where)
        new_item = f"{_ITEM}{sum(name.startswith(_ITEM) for name in table.columns)}"
        made = value(each.items, place)
        if not each.items.many:
            table = table.mutate(**{new_item: made})
            return (table if each.or_null else table.filter(table[new_item].notnull())), new_item, None
        counted = _uses_row_index(select)
        if counted:
            made = made.map(lambda one, at: ibis.struct({"item": one, "at": at.cast("int64")}))
        if each.or_null:
            nothing = ibis.array([ibis.null(made.type().value_type)])
            made = ibis.ifelse((made.length() > 0).fill_null(False), made, nothing)
        table = table.mutate(**{new_item: made.unnest()})
        if not counted:
            return table, new_item, None
        at = f"{_INDEX}{new_item}"
        pair = table[new_item]
        return table.mutate(**{at: pair["at"].fill_null(0), new_item: pair["item"]}), new_item, at

    def _place(self, table: ir.Table, item: str | None, index: str | None) -> Place:
        focus = Resource(table) if item is None else table[item]
        row_index = ibis.literal(0, type="int64") if index is None else table[index]
        return Place(focus, row_index, self.bases)


def _uses_row_index(select: Selection) -> bool:
    """Whether %rowIndex is read in a selection outside any forEach of its own below."""
    nodes: list[Typed] = [c.value for c in select.columns]
    for part in (*select.selections, *select.union):
        if part.over is None:
            if _uses_row_index(part):
                return True
        elif isinstance(part.over, Each):
            nodes.append(part.over.items)
    return any(_has_row_index(node) for node in nodes)


def _has_row_index(node: Typed) -> bool:
    return isinstance(node, RowIndex) or any(_has_row_index(part) for part in parts(node))
