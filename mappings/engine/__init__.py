"""The engines a view can run on, chosen by the connection handed in: DuckDB or Spark, behind Ibis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.common.exceptions import IbisError

from mappings.engine.base import MARK, Engine, Query, ibis_type
from mappings.engine.on_duckdb import DuckDB
from mappings.engine.on_spark import Spark
from mappings.errors import BedsideError, DefinitionError, UnusableDataError

__all__ = ["DUCKDB", "SPARK", "Engine", "Query", "clear_errors", "ibis_type", "local_day", "of", "of_expression"]

DUCKDB: Engine = DuckDB()
SPARK: Engine = Spark()


def of(con: Any) -> Engine:
    """The engine of an Ibis connection; without one, DuckDB, whose expressions are then only checked."""
    return SPARK if con is not None and con.name == "pyspark" else DUCKDB


def of_expression(made: ir.Expr) -> Engine:
    """The engine on which a table, or the table of a value, lies."""
    try:
        return of(ibis.get_backend(made))
    except IbisError:  # an unbound table, of which expressions are only shaped
        return DUCKDB


def local_day(moment: ir.StringValue, zone: str) -> ir.DateValue:
    """The calendar day, in a time zone, of an ISO 8601 instant with an offset; null for what is no instant."""
    return of_expression(moment).local_day(moment, zone)


@contextmanager
def clear_errors(view: str) -> Iterator[None]:
    """Turns an engine's error into ours. The engine's own text may show a patient's value: it is not passed on.

    Raises:
        DefinitionError: a path of the view gives several values where one is allowed.
        UnusableDataError: a decimal is too long for its column.
        BedsideError: any other error while reading an accepted copy, which is our defect.
    """
    try:
        yield
    except Exception as error:
        said = DUCKDB.explains(error) or SPARK.explains(error)
        if said is None:
            raise
        raise _ours(view, error, *said) from None


def _ours(view: str, error: Exception, text: str, decimal: bool) -> BedsideError:
    if MARK in text:
        where = text.split(MARK, 1)[1].split("\n", 1)[0].split(" SQLSTATE", 1)[0].strip()
        return DefinitionError(
            f"The view {view!r}: {where} gives several values where one is allowed; say first(), or collection."
        )
    if decimal:
        return UnusableDataError(
            f"The view {view!r} meets a decimal that does not fit 20 digits before and 18 after the point."
        )
    return BedsideError(f"The view {view!r} could not be read ({type(error).__name__}).")
