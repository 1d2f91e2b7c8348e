"""Bedside's own engine on DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PACKAGES = ("duckdb", "ibis-framework", "pyarrow")


@contextmanager
def started(view: dict[str, Any], threads: int) -> Iterator[Callable[[str], Any]]:
    """A function from a file to an Arrow table in memory; it builds the query each time, as a user does."""
    from flows.engines import connected
    from mappings import engine
    from mappings.compiler import compile_view
    from mappings.viewdefinition import parse_view

    compiled = compile_view(parse_view(view))
    with connected() as con:
        con.raw_sql(f"SET threads = {threads}")
        yield lambda file: engine.of(con).arrow(con, compiled.relation(con, [file]))


def count(result: Any) -> int:
    return int(result.num_rows)


def rows(result: Any) -> list[dict[str, Any]]:
    return list(result.to_pylist())
