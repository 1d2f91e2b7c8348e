"""DuckDB, embedded in this process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt

from mappings.engine.base import MARK, Engine, Query, ibis_type, no_rows
from mappings.read_schema import Need

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

_SQL = {"text": "VARCHAR", "boolean": "BOOLEAN", "integer": "BIGINT", "decimal": "VARCHAR"}
_INSTANT = dt.Timestamp(timezone="UTC")
_BATCH = 65_536


@ibis.udf.scalar.builtin(name="error")  # type: ignore[untyped-decorator]
def _error(message: str) -> str:
    """Fails the query."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="json_extract")  # type: ignore[untyped-decorator]
def _json_part(text: str, path: str) -> dt.json:
    """A part of a JSON text."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="json_extract_string")  # type: ignore[untyped-decorator]
def _json_text(text: str, path: str) -> str:
    """A part of a JSON text: a string's own characters, else its JSON."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="hash")  # type: ignore[untyped-decorator]
def _hash(text: str) -> dt.uint64:
    """A number of a text; ibis's own hash() turns it by way of a bit string, which takes ten times as long."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def _at_zone(zone: str, moment: dt.Timestamp(timezone="UTC")) -> dt.Timestamp():  # type: ignore[valid-type]
    """The wall clock of a time zone."""
    raise NotImplementedError


def sql_type(need: Need) -> str:
    """The DuckDB type an element is read as."""
    if need.inside:
        fields = ", ".join(f'"{name}" {sql_type(inner)}' for name, inner in need.inside)
        made = f"STRUCT({fields})"
    else:
        made = _SQL[need.stored]
    return f"{made}[]" if need.many else made


class DuckDB(Engine):
    name = "duckdb"
    embedded = True

    def path(self, file: str | Path) -> str:
        return re.sub(r"([*?\[])", r"[\1]", str(file))

    def read(self, con: Any, paths: Sequence[str], columns: Mapping[str, Need]) -> ir.Table:
        if not paths:
            return no_rows(columns)
        # Ibis's own read_json makes a view and asks DuckDB for the types we know: 4 ms, several times a view and site.
        types = ibis.schema({name: ibis_type(need) for name, need in columns.items()})
        return con.sql(f"SELECT * FROM {self.files(con, paths, columns)}", schema=types)  # noqa: S608 (quoted there)

    def parquet(self, con: Any, file: str | Path) -> ir.Table:
        return con.read_parquet(self.path(file), hive_partitioning=False)

    def files(self, con: Any, paths: Sequence[str], columns: Mapping[str, Need]) -> str:
        del con
        types = ", ".join(f"{_text(name)}: {_text(sql_type(need))}" for name, need in columns.items())
        listed = ", ".join(_text(self.path(path)) for path in paths)
        return f"read_json([{listed}], columns = {{{types}}}, format = 'newline_delimited', hive_partitioning = false)"

    def quoted(self, name: str) -> str:
        return f'"{name}"'

    def statement(self, rows: ir.Table) -> Query:
        return Query(str(ibis.to_sql(rows, dialect="duckdb")), rows.schema().to_pyarrow())

    def several_values(self, where: str, dtype: dt.DataType) -> ir.Value:
        return _error(MARK + where).cast(dtype)

    def parse_json(self, text: ir.StringValue, wanted: Mapping[str, Need]) -> ir.StructValue:
        made = ibis.struct({name: self._parsed(text, name, need) for name, need in wanted.items()})
        return ibis.ifelse(text.notnull(), made, ibis.null(made.type()))

    def _parsed(self, text: ir.StringValue, name: str, need: Need) -> ir.Value:
        path = f'$."{name}"'
        plain = dt.dtype({"boolean": "boolean", "integer": "int64"}.get(need.stored, "string"))
        if need.many and not need.inside:
            return _json_part(text, path).cast(dt.Array(plain))
        if need.many:
            texts = _json_part(text, path).cast(dt.Array(dt.string))
            return texts.map(lambda item: self.parse_json(item, dict(need.inside)))
        found = _json_text(text, path)
        return self.parse_json(found, dict(need.inside)) if need.inside else found.cast(plain)

    def item(self, array: ir.ArrayValue, index: ir.IntegerValue | int) -> ir.Value:
        return array[index]

    def hashed(self, text: ir.StringValue) -> ir.IntegerValue:
        return _hash(text)

    def numbered(self, table: ir.Table, name: str) -> ir.Table:
        return table.mutate(**{name: ibis.row_number()})

    def kept(self, con: Any, rows: ir.Table) -> ir.Table:
        return con.create_table(ibis.util.gen_name("bedside_level"), obj=rows, temp=True)

    def forget(self, con: Any, kept: ir.Table) -> None:
        # A statement of our own: what ibis 12 writes loses the table's name with sqlglot 30. The operation's name, as
        # get_name() is the whole path in one word; without IF EXISTS, which hid for long that nothing was dropped.
        con.raw_sql(f"DROP TABLE {self.quoted(kept.op().name)}")

    def local_day(self, moment: ir.StringValue, zone: str) -> ir.DateValue:
        return _at_zone(zone, moment.try_cast(_INSTANT)).date()

    def arrow(self, con: Any, rows: ir.Table | Query) -> pa.Table:
        if not isinstance(rows, Query):
            return con.to_pyarrow(rows)
        # A literal has the smallest type it fits; where all is well this costs nothing.
        return con.con.sql(rows.sql).to_arrow_table().cast(rows.schema)

    @contextmanager
    def batches(self, con: Any, rows: ir.Table | Query, scratch: Path) -> Iterator[Iterator[pa.RecordBatch]]:
        del scratch
        # Not to_pyarrow_batches: ibis 12 asks DuckDB for a method that DuckDB 2 no longer has.
        if isinstance(rows, Query):
            with con.con.sql(rows.sql).to_arrow_reader(_BATCH) as reader:
                yield (batch.cast(rows.schema) for batch in _read(reader))
            return
        with con._to_duckdb_relation(rows).to_arrow_reader(_BATCH) as reader:
            yield _read(reader)

    def write_parquet(self, con: Any, rows: ir.Table, path: Path) -> None:
        con.to_parquet(rows, path)

    def explains(self, error: BaseException) -> tuple[str, bool] | None:
        import duckdb

        if not isinstance(error, duckdb.Error):
            return None
        text = str(error)
        return text, "Conversion Error" in text and "DECIMAL(38" in text


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read(reader: Any) -> Iterator[pa.RecordBatch]:
    """The batches of a reader. Arrow says DuckDB's errors as its own or as a file's; here they are DuckDB's again."""
    import duckdb
    import pyarrow as pa

    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (pa.ArrowException, OSError) as error:
            raise duckdb.Error(str(error)) from None
        yield batch
