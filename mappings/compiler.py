"""ViewDefinitions compiled to Ibis: a reader that parses only what the view reads, then expressions and unnesting.

The caller hands in an Ibis backend connection and file paths. Nothing is executed but what counts, and the levels of a
``repeat``, whose depth only the data know.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import ibis
import ibis.expr.types as ir

from mappings import engine
from mappings.engine.on_duckdb import sql_type
from mappings.expressions import STORED, single
from mappings.modifiers import modifier_counts, modifier_paths
from mappings.read_schema import Need, Path, needs, overs, paths_read, views_paths
from mappings.reference_losses import loss_paths, reference_losses
from mappings.unnesting import OUT, Focus, Unnesting
from mappings.view_counts import ViewCounts, gives_rows, needs_rows
from mappings.viewdefinition import Repeat, ViewDefinition

__all__ = ["CompiledView", "ViewCounts", "compile_view"]

_NUMBER = "_Resource"
_RESOURCES = f"resources_{uuid.uuid4().hex}"  # no text of a view can be mistaken for it


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
        return {name: sql_type(need) for name, need in self.needs.items()}

    @cached_property
    def needs(self) -> dict[str, Need]:
        """What is parsed of a resource: its elements and what is needed inside them."""
        return needs(self.view.resource, self._paths)

    def relation(self, con: Any, paths: Sequence[str]) -> ir.Table:
        """The rows of the view over NDJSON files, in no promised order; no file gives no row.

        Execute it within :func:`mappings.engine.clear_errors`: what the engine raises may show values. A view with a
        repeat executes its levels here.
        """
        with engine.clear_errors(self.view.name):
            return self._rows(con, self._staying(con, self._table(con, paths, self._paths), self._paths))

    def query(self, con: Any, paths: Sequence[str]) -> ir.Table | engine.Query:
        """The same rows as SQL that was made for the view once and is told the files; for :mod:`mappings.engine`.

        Building, typing and printing a query takes longer than a thousand resources: who reads file after file asks
        here. A view with a repeat, whose query depends on the data, gives its :meth:`relation`.
        """
        own, made = engine.of(con), self._statement(con)
        if not paths or made is None:
            return self.relation(con, paths)
        with engine.clear_errors(self.view.name):
            return replace(made, sql=made.sql.replace(own.quoted(_RESOURCES), own.files(con, paths, self.needs)))

    def sql(self, con: Any, paths: Sequence[str]) -> str:
        """The query the view becomes, for people to read: over a table ``resources``; of a repeat, over its levels."""
        own, made = engine.of(con), self._statement(con)
        if made is None:
            return str(ibis.to_sql(self.relation(con, paths), dialect=con.name))
        return made.sql.replace(own.quoted(_RESOURCES), own.quoted("resources"))

    def count(self, con: Any, paths: Sequence[str]) -> ViewCounts:
        """The ledger of the view over files, in one pass that reads only what decides whether there is a row.

        Raises:
            DefinitionError, BedsideError: as :func:`mappings.engine.clear_errors`.
        """
        with engine.clear_errors(self.view.name):
            if needs_rows(self.view.select):
                return self._count_rows(con, paths)
            read = paths_read(self.view.where, overs(self.view.select))
            table, stays = self._judged(con, self._table(con, paths, read), read)
            gives = gives_rows(self.view.select, Unnesting(self.bases, read, con).place(table, Focus()))
            judged = table.select(stays=stays, gives=gives)
            asked = judged.aggregate(
                accepted=judged.count(),
                with_rows=(judged.stays & judged.gives).sum(),
                removed_by_where=(~judged.stays).sum(),
                empty_for_each=(judged.stays & ~judged.gives).sum(),
            )
            row = engine.of(con).arrow(con, asked).to_pylist()[0]
        return ViewCounts(**{name: int(number or 0) for name, number in row.items()})

    def reference_losses(self, con: Any, paths: Sequence[str]) -> dict[tuple[str, str], int]:
        """References that are there and give no key, by (path, reason); see :mod:`mappings.reference_losses`."""
        read = paths_read(self.view.where) | loss_paths(self.view)
        with engine.clear_errors(self.view.name):
            table = self._staying(con, self._table(con, paths, read), read)
            return reference_losses(self.view, table, con, self.bases, read)

    def modifier_counts(self, con: Any, paths: Sequence[str]) -> dict[tuple[str, str], int]:
        """Resources with a modifierExtension on what the view reads, by (element, url); see :mod:`mappings.modifiers`.

        Raises:
            DefinitionError, BedsideError: as :func:`mappings.engine.clear_errors`.
        """
        looked = modifier_paths(self.view)
        if not looked:  # Bundle, Parameters and Binary can carry none
            return {}
        read = paths_read(self.view.where) | looked
        with engine.clear_errors(self.view.name):
            table = self._staying(con, self._table(con, paths, read), read)
            return modifier_counts(self.view, table, con, self.bases, read)

    @cached_property
    def _paths(self) -> frozenset[Path]:
        return views_paths(self.view)

    @property
    def _shape(self) -> ir.Table:
        """A table of the resources as they are read, without a connection."""
        return ibis.table({name: engine.ibis_type(need) for name, need in self.needs.items()}, name=_RESOURCES)

    @cached_property
    def _statements(self) -> dict[str, engine.Query]:
        return {}

    def _statement(self, con: Any) -> engine.Query | None:
        """The SQL of a view without a repeat, made once an engine, over a table called ``_RESOURCES``."""
        if any(isinstance(over, Repeat) for over in overs(self.view.select)):
            return None
        own = engine.of(con)
        if own.name not in self._statements:
            with engine.clear_errors(self.view.name):
                rows = self._rows(con, self._staying(con, self._shape, self._paths))
                self._statements[own.name] = own.statement(rows)
        return self._statements[own.name]

    def _table(self, con: Any, paths: Sequence[str], read: frozenset[Path]) -> ir.Table:
        return engine.of(con).read(con, paths, needs(self.view.resource, read))

    def _judged(self, con: Any, table: ir.Table, read: frozenset[Path]) -> tuple[ir.Table, ir.BooleanValue]:
        """The resources of the view's type, and whether its ``where`` lets each stay (never null)."""
        table = table.filter(table["resourceType"] == self.view.resource)
        place = Unnesting(self.bases, read, con).place(table, Focus())
        asked = [single(node, replace(place, where=f"where[{i}].path")) for i, node in enumerate(self.view.where)]
        return table, ibis.and_(*asked).fill_null(False) if asked else ibis.literal(True)

    def _staying(self, con: Any, table: ir.Table, read: frozenset[Path]) -> ir.Table:
        table, stays = self._judged(con, table, read)
        return table.filter(stays) if self.view.where else table

    def _rows(self, con: Any, table: ir.Table, *more: str) -> ir.Table:
        made = Unnesting(self.bases, self._paths, con).select(table, self.view.select, Focus())
        return made.select(*more, **{name: made[OUT + name] for name in self.columns})

    def _count_rows(self, con: Any, paths: Sequence[str]) -> ViewCounts:
        table, stays = self._judged(con, self._table(con, paths, self._paths), self._paths)
        own = engine.of(con)
        table = own.kept(con, own.numbered(table.mutate(_stays=stays), _NUMBER))
        rows = self._rows(con, table.filter(table["_stays"]), _NUMBER)
        accepted, staying = (
            own.arrow(con, table.aggregate(a=table.count(), s=table["_stays"].sum().fill_null(0)))
            .to_pylist()[0]
            .values()
        )
        made = int(own.arrow(con, rows.aggregate(n=rows[_NUMBER].nunique())).to_pylist()[0]["n"])
        return ViewCounts(accepted, made, accepted - staying, staying - made)


def compile_view(view: ViewDefinition, bases: Sequence[str] = ()) -> CompiledView:
    """A view compiled; everything that can be wrong in it is found here, before any file is read.

    Raises:
        DefinitionError: the view uses what this engine cannot do.
    """
    compiled = CompiledView(view, tuple(bases))
    # Building the expressions on a table of the right shape finds what only the compiler can see.
    compiled._rows(None, compiled._shape)
    return compiled
