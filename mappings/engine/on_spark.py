"""An existing Spark, from 4.0 on, with ANSI rules: what does not fit fails the query instead of becoming null.

Spark's own package is not needed to import this module: it is reached through the connection handed in.
"""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt

from mappings.engine.base import MARK, Engine, Query, ibis_type, no_rows
from mappings.read_schema import Need

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

_SQL = {"text": "STRING", "boolean": "BOOLEAN", "integer": "BIGINT", "decimal": "STRING"}
_INSTANT = dt.Timestamp(timezone="UTC")


@ibis.udf.scalar.builtin(name="raise_error")  # type: ignore[untyped-decorator]
def _raise_error(message: str) -> str:
    """Fails the query."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="monotonically_increasing_id")  # type: ignore[untyped-decorator]
def _row_id() -> int:
    """A number of its own for each row."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="xxhash64")  # type: ignore[untyped-decorator]
def _hash(text: str) -> int:
    """A number of a text."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="from_utc_timestamp")  # type: ignore[untyped-decorator]
def _at_zone(moment: dt.Timestamp(timezone="UTC"), zone: str) -> dt.Timestamp():  # type: ignore[valid-type]
    """The wall clock of a time zone."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="MAP")  # type: ignore[untyped-decorator]
def _options(key: str, setting: str) -> dt.Map(dt.string, dt.string):  # type: ignore[valid-type]
    """One option of a function: Spark takes no other way to write a map there."""
    raise NotImplementedError


@lru_cache(maxsize=256)
def _from_json(made: dt.DataType) -> Any:
    def from_json(text, schema, options):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    options = dt.Map(dt.string, dt.string)
    return ibis.udf.scalar.builtin(from_json, name="from_json", signature=((dt.string, dt.string, options), made))


@lru_cache(maxsize=256)
def _get(array: dt.Array) -> Any:
    def get(array, index):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    return ibis.udf.scalar.builtin(get, name="get", signature=((array, dt.int64), array.value_type))


def sql_type(need: Need) -> str:
    """The Spark type an element is read as."""
    if need.inside:
        made = "STRUCT<" + ", ".join(f"`{name}`: {sql_type(inner)}" for name, inner in need.inside) + ">"
    else:
        made = _SQL[need.stored]
    return f"ARRAY<{made}>" if need.many else made


def frame(con: Any, rows: ir.Table | Query) -> Any:
    """An Ibis table, or a query, as a Spark DataFrame; nothing is executed."""
    if isinstance(rows, Query):
        return con.raw_sql(rows.sql)
    # A table held in memory is handed to Spark by the backend itself, here and nowhere else.
    con._run_pre_execute_hooks(rows)
    return con.raw_sql(con.compile(rows))


def _schema(rows: ir.Table | Query) -> pa.Schema:
    return rows.schema if isinstance(rows, Query) else rows.schema().to_pyarrow()


class Spark(Engine):
    name = "spark"

    def path(self, file: str | Path) -> str:
        # A plain path would be one of the cluster's own file system, and its brackets a pattern.
        return "file://" + re.sub(r"([\\{}\[\]*?])", r"\\\1", str(Path(file).absolute()))

    def read(self, con: Any, paths: Sequence[str], columns: Mapping[str, Need]) -> ir.Table:
        if not paths:
            return no_rows(columns)
        ddl = ", ".join(f"`{name}` {sql_type(need)}" for name, need in columns.items())
        # Naming the encoding costs a fifth of the time. Without it a byte sequence that is no UTF-8 becomes some other
        # character in silence: RFC 3629 forbids surrogates and characters written too long.
        return con.read_json([self.path(path) for path in paths], schema=ddl, mode="FAILFAST", encoding="UTF-8")

    def parquet(self, con: Any, file: str | Path) -> ir.Table:
        return con.read_parquet(self.path(file))

    def files(self, con: Any, paths: Sequence[str], columns: Mapping[str, Need]) -> str:
        return self.quoted(self.read(con, paths, columns).get_name())

    def quoted(self, name: str) -> str:
        return f"`{name}`"

    def statement(self, rows: ir.Table) -> Query:
        return Query(str(ibis.to_sql(rows, dialect="pyspark")), rows.schema().to_pyarrow())

    def several_values(self, where: str, dtype: dt.DataType) -> ir.Value:
        return _raise_error(MARK + where).cast(dtype)

    def parse_json(self, text: ir.StringValue, wanted: Mapping[str, Need]) -> ir.StructValue:
        made = dt.Struct({name: ibis_type(need) for name, need in wanted.items()})
        ddl = ", ".join(f"`{name}` {sql_type(need)}" for name, need in wanted.items())
        return _from_json(made)(text, ddl, _options("mode", "FAILFAST"))

    def item(self, array: ir.ArrayValue, index: ir.IntegerValue | int) -> ir.Value:
        return _get(array.type())(array, index)

    def hashed(self, text: ir.StringValue) -> ir.IntegerValue:
        return _hash(text)

    def numbered(self, table: ir.Table, name: str) -> ir.Table:
        return table.mutate(**{name: _row_id()})

    def kept(self, con: Any, rows: ir.Table) -> ir.Table:
        name = f"bedside_level_{uuid.uuid4().hex}"
        # Not persist(): Spark takes a query over the same path for the same query, though the file has changed.
        frame(con, rows).localCheckpoint(eager=True).createOrReplaceTempView(name)
        return con.table(name)

    def forget(self, con: Any, kept: ir.Table) -> None:
        con.raw_sql(f"DROP VIEW {self.quoted(kept.op().name)}")

    def local_day(self, moment: ir.StringValue, zone: str) -> ir.DateValue:
        return _at_zone(moment.try_cast(_INSTANT), zone).date()

    def arrow(self, con: Any, rows: ir.Table | Query) -> pa.Table:
        # A literal has the smallest type it fits.
        return frame(con, rows).toArrow().cast(_schema(rows))

    @contextmanager
    def batches(self, con: Any, rows: ir.Table | Query, scratch: Path) -> Iterator[Iterator[pa.RecordBatch]]:
        import shutil

        import pyarrow.dataset

        folder = scratch / f"rows-{uuid.uuid4().hex}"
        try:
            frame(con, rows).write.parquet(f"file://{folder.absolute()}")
            schema = _schema(rows)
            yield (batch.cast(schema) for batch in pyarrow.dataset.dataset(folder, format="parquet").to_batches())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def write_parquet(self, con: Any, rows: ir.Table, path: Path) -> None:
        import pyarrow.parquet

        schema = _schema(rows)
        # A file for each of Spark's tasks, made one: the tables of a run are files wherever they were made.
        with self.batches(con, rows, path.parent) as batches, pyarrow.parquet.ParquetWriter(path, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)

    def explains(self, error: BaseException) -> tuple[str, bool] | None:
        if "pyspark" not in sys.modules:
            return None
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        if not isinstance(error, PySparkException | Py4JError):
            return None
        text = str(error)
        return text, "DECIMAL(38" in text.upper() or "NUMERIC_VALUE_OUT_OF_RANGE" in text
