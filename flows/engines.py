"""Connections to the engines that map and derive: DuckDB in this process, or an existing Spark."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, get_args

from mappings.errors import DefinitionError, SourceError

EngineName = Literal["duckdb", "spark"]
ENGINES: tuple[str, ...] = get_args(EngineName)


@dataclass(frozen=True)
class EngineChoice:
    """Which engine does the work; ``master`` is Spark's address (``local[2]``, ``spark://host:7077``)."""

    name: EngineName = "duckdb"
    master: str | None = None


DUCKDB = EngineChoice()

# The rules views are written for; no rewriting by inferred conditions, which Spark 4.0 does wrongly for a union of a
# kept table with itself; and no log, because Spark's show the record a query failed on.
_SPARK_SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.log.level": "OFF",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def choose(name: str, master: str | None) -> EngineChoice:
    """The choice a user states.

    Raises:
        DefinitionError: there is no such engine, or a master is named for an engine without one.
    """
    from mappings.elements import suggestion

    if name not in ENGINES:
        raise DefinitionError(f"there is no engine {name!r}{suggestion(name, ENGINES)} ({' or '.join(ENGINES)})")
    if name == "duckdb" and master is not None:
        raise DefinitionError("--master is the address of a Spark: say --engine spark too")
    return EngineChoice("spark", master) if name == "spark" else DUCKDB


def require(choice: EngineChoice) -> None:
    """See that the engine's package is there, before long work begins.

    Raises:
        DefinitionError: it is not installed.
    """
    if choice.name == "spark" and find_spec("pyspark") is None:
        raise DefinitionError(
            'the engine spark needs the package pyspark, which is not installed: pip install "bedside[spark]"'
        )


@contextmanager
def connected(choice: EngineChoice = DUCKDB) -> Iterator[Any]:
    """An Ibis backend of the chosen engine, gone at the end.

    Raises:
        DefinitionError: Spark's Python package is not installed.
        SourceError: Spark cannot be started or reached.
    """
    import ibis

    con = ibis.duckdb.connect() if choice.name == "duckdb" else ibis.pyspark.connect(_spark(choice.master))
    try:
        yield con
    finally:
        con.disconnect()


def _spark(master: str | None) -> Any:
    require(EngineChoice("spark", master))
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("bedside")
    settings = dict(_SPARK_SETTINGS)
    if master is not None:
        builder = builder.master(master)
        if master.startswith("local"):  # nobody else's business
            settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkException, Py4JError, RuntimeError, OSError) as error:
        where = master or "the address in Spark's own settings"
        raise SourceError(f"Spark at {where} cannot be started or reached ({type(error).__name__})") from None
    logging.getLogger("SQLQueryContextLogger").disabled = True
    return session
