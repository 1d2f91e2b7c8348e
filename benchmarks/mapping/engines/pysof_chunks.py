"""pysof: its streaming iterator, in chunks of 1,000 resources (its own choice); it uses the cores it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PACKAGES = ("pysof",)
Result = tuple[list[str], list[list[Any]]]


@contextmanager
def started(view: dict[str, Any], _threads: int) -> Iterator[Callable[[str], Result]]:
    """A function from a file to (names of the columns, rows as lists)."""
    import pysof

    def query(file: str) -> Result:
        chunks = pysof.ChunkedProcessor(view, file, chunk_size=1000)
        made: list[list[Any]] = []
        for chunk in chunks:
            made.extend(chunk["rows"])
        return list(chunks.columns or ()), made

    yield query


def count(result: Result) -> int:
    return len(result[1])


def rows(result: Result) -> list[dict[str, Any]]:
    names, made = result
    return [dict(zip(names, row, strict=True)) for row in made]
