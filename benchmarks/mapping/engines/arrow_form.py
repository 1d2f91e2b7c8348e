"""What is asked of a result that is an Arrow table."""

from __future__ import annotations

from typing import Any


def count(result: Any) -> int:
    """How many rows it has."""
    return int(result.num_rows)


def rows(result: Any) -> list[dict[str, Any]]:
    """Its rows by column name."""
    return list(result.to_pylist())
