"""Columns a person names for what is added to a table: there, of the right kind, and not taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mappings.elements import suggestion
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    import ibis.expr.types as ir


def column_of(table: ir.Table, name: str, why: str) -> ir.Value:
    """A column of single values; ``why`` says what it is wanted for.

    Raises:
        DefinitionError: there is no such column (the nearest is named), or it holds lists.
    """
    if name not in table.columns:
        raise DefinitionError(f"{why} is asked of a column {name} that is not there{suggestion(name, table.columns)}")
    found = table[name]
    if found.type().is_nested():
        raise DefinitionError(f"{why} is asked of the column {name}, which holds lists: a row holds one value")
    return found


def text_column(table: ir.Table, name: str, why: str) -> ir.StringValue:
    """As :func:`column_of`, of texts.

    Raises:
        DefinitionError: as there, or the column holds no text.
    """
    return _of_kind(column_of(table, name, why), name, why, "text", "is_string")


def number_column(table: ir.Table, name: str, why: str) -> ir.NumericValue:
    """As :func:`column_of`, of numbers.

    Raises:
        DefinitionError: as there, or the column holds no number.
    """
    return _of_kind(column_of(table, name, why), name, why, "number", "is_numeric")


def _of_kind(found: Any, name: str, why: str, kind: str, test: str) -> Any:
    if not getattr(found.type(), test)():
        raise DefinitionError(f"{why} is asked of the column {name}, which holds no {kind} but {found.type()}")
    return found


def new_columns(table: ir.Table, names: Iterable[str]) -> None:
    """Refuses new columns whose names are taken, whatever their case.

    Raises:
        DefinitionError: a name is there already, or twice among the new ones.
    """
    taken = {name.lower() for name in table.columns}
    for name in names:
        if name.lower() in taken:
            raise DefinitionError(f"the table would have two columns {name}")
        taken.add(name.lower())


def counts_by_reason(con: Any, table: ir.Table, reasons: Mapping[str, ir.StringValue]) -> dict[tuple[str, str], int]:
    """Rows by (what, reason), in one pass; null is no reason. ``reasons`` are expressions over ``table``."""
    import ibis

    from mappings import engine

    if not reasons:
        return {}
    names = {f"r{i}": expression for i, expression in enumerate(reasons.values())}
    rows = table.select(**names).group_by([*names]).agg(n=ibis._.count())
    found: dict[tuple[str, str], int] = {}
    for row in engine.of(con).arrow(con, rows).to_pylist():
        for what, name in zip(reasons, names, strict=True):
            if row[name] is not None:
                found[what, row[name]] = found.get((what, row[name]), 0) + int(row["n"])
    return dict(sorted(found.items()))
