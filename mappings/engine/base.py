"""What differs from engine to engine, and nothing else: everything beyond it is Ibis over structures and arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt

from mappings.read_schema import Need

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

MARK = "bedside:several-values:"
"""Begins the message with which a query fails on purpose; the view's JSON path follows it."""

_PLAIN = {"text": "string", "boolean": "boolean", "integer": "int64", "decimal": "string"}


@dataclass(frozen=True)
class Query:
    """SQL in an engine's own dialect, and what its rows are to be."""

    sql: str
    schema: pa.Schema


class Engine(ABC):
    """How one engine reads JSON, fails inside a query, keeps rows and hands them over."""

    name: str
    embedded = False
    """Whether it works in this process and its memory, which a large cohort then must not fill at once."""

    @abstractmethod
    def path(self, file: str | Path) -> str:
        """How the engine is told of one file that this process sees; what looks like a pattern in it is none."""

    @abstractmethod
    def read(self, con: Any, paths: Sequence[str], columns: Mapping[str, Need]) -> ir.Table:
        """NDJSON files (plain, gzip or zstd by their name) as a table of the given columns; no file, no row.

        Misshapen JSON raises when the table is read; nothing is skipped or made null in silence.
        """

    @abstractmethod
    def parquet(self, con: Any, file: str | Path) -> ir.Table:
        """A Parquet file as a table; a folder called ``a=b`` above it is no column."""

    @abstractmethod
    def files(self, con: Any, paths: Sequence[str], columns: Mapping[str, Need]) -> str:
        """What stands behind FROM in this engine's SQL for the same files; there must be one."""

    @abstractmethod
    def quoted(self, name: str) -> str:
        """A name as this engine's SQL writes it."""

    @abstractmethod
    def statement(self, rows: ir.Table) -> Query:
        """A table expression as SQL, in which a table without a connection keeps its name."""

    @abstractmethod
    def several_values(self, where: str, dtype: dt.DataType) -> ir.Value:
        """An expression of a type that fails the query when it is evaluated; ``where`` is a JSON path in the view."""

    @abstractmethod
    def parse_json(self, text: ir.StringValue, wanted: Mapping[str, Need]) -> ir.StructValue:
        """One JSON object, kept as text, as a structure of what is needed of it; null for null.

        A part of another shape fails the query: nothing becomes null in silence.
        """

    @abstractmethod
    def item(self, array: ir.ArrayValue, index: ir.IntegerValue | int) -> ir.Value:
        """The item of an array at a place from 0; null beyond its end."""

    @abstractmethod
    def hashed(self, text: ir.StringValue) -> ir.IntegerValue:
        """A 64-bit number of a text, the engine's own: equal texts have equal numbers, others nearly always not."""

    @abstractmethod
    def numbered(self, table: ir.Table, name: str) -> ir.Table:
        """``table`` with a column of numbers, each row its own, in no promised order."""

    @abstractmethod
    def kept(self, con: Any, rows: ir.Table) -> ir.Table:
        """The rows, computed once and kept by the engine until the connection ends."""

    @abstractmethod
    def forget(self, con: Any, kept: ir.Table) -> None:
        """Give up rows that were kept."""

    @abstractmethod
    def local_day(self, moment: ir.StringValue, zone: str) -> ir.DateValue:
        """The calendar day, in a time zone, of an ISO 8601 instant with an offset; null for what is no instant."""

    @abstractmethod
    def arrow(self, con: Any, rows: ir.Table | Query) -> pa.Table:
        """The rows of a table or of a query in memory, with their own types."""

    @abstractmethod
    def batches(
        self, con: Any, rows: ir.Table | Query, scratch: Path
    ) -> AbstractContextManager[Iterator[pa.RecordBatch]]:
        """The rows of a table or of a query, a batch at a time, in little memory.

        ``scratch`` is a folder the engine may write into.
        """

    @abstractmethod
    def write_parquet(self, con: Any, rows: ir.Table, path: Path) -> None:
        """The rows as one Parquet file, in little memory. The engine may write into the file's folder beside it."""

    @abstractmethod
    def explains(self, error: BaseException) -> tuple[str, bool] | None:
        """Of an error that is this engine's own: its text, and whether a decimal did not fit. None: another's error."""


def ibis_type(need: Need) -> dt.DataType:
    """The type an element is read as. Decimals are read as text: not every engine parses JSON numbers exactly."""
    made: dt.DataType
    if need.inside:
        made = dt.Struct({name: ibis_type(inner) for name, inner in need.inside})
    else:
        made = dt.dtype(_PLAIN[need.stored])
    return dt.Array(made) if need.many else made


def no_rows(columns: Mapping[str, Need]) -> ir.Table:
    """The empty table of some columns."""
    schema = ibis.schema({name: ibis_type(need) for name, need in columns.items()})
    return ibis.memtable(schema.to_pyarrow().empty_table())
