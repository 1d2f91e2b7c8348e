"""What is asked of a result that is a list of rows by column name."""

from __future__ import annotations

from typing import Any

Rows = list[dict[str, Any]]


def count(result: Rows) -> int:
    """How many rows it has."""
    return len(result)


def rows(result: Rows) -> Rows:
    """The rows themselves."""
    return result
