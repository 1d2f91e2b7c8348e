"""fhirpathpy: the view's paths as compiled expressions in a loop by hand; one thread.

It knows no view and no keys: references are cut here, and choice elements are named as in JSON, which needs no model of
FHIR and is the faster way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.mapping.engines.listed_form import Rows, count, rows

__all__ = ["PACKAGES", "count", "rows", "started"]

PACKAGES = ("fhirpathpy",)

_JSON_NAMES = {
    "getResourceKey()": "id",
    "subject.getReferenceKey(Patient)": "subject.reference",
    "effective.ofType(dateTime)": "effectiveDateTime",
    "value.ofType(Quantity).value": "valueQuantity.value",
    "value.ofType(Quantity).code": "valueQuantity.code",
}


@contextmanager
def started(view: dict[str, Any], _threads: int) -> Iterator[Callable[[str], Rows]]:
    """A function from a file to a list of rows."""
    from fhirpathpy import compile as compiled

    def columns(part: dict[str, Any]) -> list[tuple[str, Callable[[Any], list[Any]]]]:
        return [(c["name"], compiled(_JSON_NAMES.get(c["path"], c["path"]))) for c in part["column"]]

    own = columns(view["select"][0])
    each = compiled(view["select"][1]["forEach"]) if len(view["select"]) > 1 else None
    below = columns(view["select"][1]) if each else []

    def query(file: str) -> Rows:
        made: Rows = []
        with Path(file).open("rb") as lines:
            for line in lines:
                resource = json.loads(line)
                row: dict[str, Any] = {name: next(iter(path(resource)), None) for name, path in own}
                if row.get("patient") is not None:
                    row["patient"] = row["patient"].removeprefix("Patient/")
                if each is None:
                    made.append(row)
                    continue
                for item in each(resource):
                    made.append({**row, **{name: next(iter(path(item)), None) for name, path in below}})
        return made

    yield query
