"""sqlonfhir: its ``evaluate`` over resources parsed line by line; one thread."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.mapping.engines.listed_form import Rows, count, rows

__all__ = ["PACKAGES", "count", "rows", "started"]

PACKAGES = ("sqlonfhir", "fhirpathpy")


@contextmanager
def started(view: dict[str, Any], _threads: int) -> Iterator[Callable[[str], Rows]]:
    """A function from a file to a list of rows."""
    import sqlonfhir

    def query(file: str) -> Rows:
        with Path(file).open("rb") as lines:
            made: Rows = sqlonfhir.evaluate(map(json.loads, lines), copy.deepcopy(view))  # it changes the view
        return made

    yield query
