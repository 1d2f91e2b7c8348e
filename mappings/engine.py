"""What differs from engine to engine: reading JSON with an explicit schema, failing inside a query, its errors.

Only DuckDB so far; everything else of the mapping is Ibis over structures and arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt

from mappings.errors import BedsideError, DefinitionError, UnusableDataError
from mappings.read_schema import Need

if TYPE_CHECKING:
    import ibis.expr.types as ir

_SQL = {"text": "VARCHAR", "boolean": "BOOLEAN", "integer": "BIGINT", "decimal": "VARCHAR"}
_MARK = "bedside:several-values:"


def sql_type(need: Need) -> str:
    """The DuckDB type an element is read as. Decimals are read as text: DuckDB parses JSON numbers as doubles."""
    if need.inside:
        fields = ", ".join(f'"{name}" {sql_type(inner)}' for name, inner in need.inside)
        made = f"STRUCT({fields})"
    else:
        made = _SQL[need.stored]
    return f"{made}[]" if need.many else made


def read(con: Any, paths: Sequence[str], columns: Mapping[str, str]) -> ir.Table:
    """NDJSON files (plain, gzip or zstd by their name) as a table of the given columns; no file, no row.

    Misshapen JSON raises when the table is read; nothing is skipped or made null in silence.
    """
    if not paths:
        schema = ibis.schema({name: _from_sql(type_) for name, type_ in columns.items()})
        return ibis.memtable(schema.to_pyarrow().empty_table())
    return con.read_json([str(path) for path in paths], columns=dict(columns), format="newline_delimited")


@ibis.udf.scalar.builtin(name="error")  # type: ignore[untyped-decorator]
def _error(message: str) -> str:
    """DuckDB's function that fails the query."""
    raise NotImplementedError


def several_values(where: str, dtype: dt.DataType) -> ir.Value:
    """An expression of a type that fails the query when it is evaluated; ``where`` is a JSON path in the view."""
    return _error(_MARK + where).cast(dtype)


@ibis.udf.scalar.builtin(name="json_extract")  # type: ignore[untyped-decorator]
def _json_part(text: str, path: str) -> dt.json:
    """DuckDB's function that gives a part of a JSON text."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="json_extract_string")  # type: ignore[untyped-decorator]
def _json_text(text: str, path: str) -> str:
    """DuckDB's function that gives a part of a JSON text: a string's own characters, else its JSON."""
    raise NotImplementedError


def parse_json(text: ir.StringValue, wanted: Mapping[str, Need]) -> ir.StructValue:
    """One JSON object, kept as text, as a structure of what is needed of it; null for null.

    A part of another shape fails the query: nothing becomes null in silence.
    """
    fields = {name: _parsed(text, name, need) for name, need in wanted.items()}
    made = ibis.struct(fields)
    return ibis.ifelse(text.notnull(), made, ibis.null(made.type()))


def _parsed(text: ir.StringValue, name: str, need: Need) -> ir.Value:
    path = f'$."{name}"'
    plain = dt.dtype({"boolean": "boolean", "integer": "int64"}.get(need.stored, "string"))
    if need.many and not need.inside:
        return _json_part(text, path).cast(dt.Array(plain))
    if need.many:
        return _json_part(text, path).cast(dt.Array(dt.string)).map(lambda item: parse_json(item, dict(need.inside)))
    found = _json_text(text, path)
    return parse_json(found, dict(need.inside)) if need.inside else found.cast(plain)


def kept(con: Any, rows: ir.Table) -> ir.Table:
    """The rows, computed once and kept by the engine until the connection ends."""
    return con.create_table(ibis.util.gen_name("bedside_level"), obj=rows, temp=True)


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def _at_zone(zone: str, moment: dt.Timestamp(timezone="UTC")) -> dt.Timestamp():  # type: ignore[valid-type]
    """DuckDB's function that gives the wall clock of a time zone."""
    raise NotImplementedError


def local_day(moment: ir.StringValue, zone: str) -> ir.DateValue:
    """The calendar day, in a time zone, of an ISO 8601 instant with an offset; null for what is no instant."""
    return _at_zone(zone, moment.try_cast(dt.Timestamp(timezone="UTC"))).date()


@contextmanager
def clear_errors(view: str) -> Iterator[None]:
    """Turns an engine's error into ours. The engine's own text may show a patient's value: it is not passed on.

    Raises:
        DefinitionError: a path of the view gives several values where one is allowed.
        UnusableDataError: a decimal is too long for its column.
        BedsideError: any other error while reading an accepted copy, which is our defect.
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        if _MARK in text:
            where = text.split(_MARK, 1)[1].split("\n", 1)[0].strip()
            raise DefinitionError(
                f"The view {view!r}: {where} gives several values where one is allowed; say first(), or collection."
            ) from None
        if isinstance(error, duckdb.ConversionException) and "DECIMAL(38" in text:
            raise UnusableDataError(
                f"The view {view!r} meets a decimal that does not fit 20 digits before and 18 after the point."
            ) from None
        raise BedsideError(f"The view {view!r} could not be read ({type(error).__name__}).") from None


def ibis_type(need: Need) -> dt.DataType:
    """The Ibis type of what :func:`sql_type` reads."""
    return _from_sql(sql_type(need))


def _from_sql(type_: str) -> dt.DataType:
    from ibis.backends.sql.datatypes import DuckDBType

    return DuckDBType.from_string(type_)
