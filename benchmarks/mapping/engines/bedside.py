"""Bedside's own engine on DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.mapping.engines.arrow_form import count, rows

__all__ = ["PACKAGES", "count", "rows", "started"]

PACKAGES = ("duckdb", "ibis-framework", "pyarrow")


@contextmanager
def started(view: dict[str, Any], threads: int) -> Iterator[Callable[[str], Any]]:
    """A function from a file to an Arrow table in memory; the statement is made once, as one written by hand is."""
    from flows.engines import connected
    from mappings import engine
    from mappings.compiler import compile_view
    from mappings.viewdefinition import parse_view

    compiled = compile_view(parse_view(view))
    with connected() as con:
        con.raw_sql(f"SET threads = {threads}")
        yield lambda file: engine.of(con).arrow(con, compiled.query(con, [file]))
