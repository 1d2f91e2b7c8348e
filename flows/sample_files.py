"""Writes a sample as FHIR files: one ``<Type>.ndjson`` a resource type, each whole or not there at all.

For sample scripts (``studies/<name>/sample.py``): they say what is written, this says how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import orjson

Json = Mapping[str, Any]
_REPORT_EVERY = 500


def write_subjects(
    out: Path, subjects: Iterable[Iterable[Json]], total: int, progress: Callable[[str, int, int], None]
) -> dict[str, int]:
    """Write the resources of each of ``total`` subjects into the folder ``out``; the lines by resource type.

    Subjects are taken one by one, so memory does not grow with their number. A file of an earlier sample whose type
    does not occur any more is left alone: the folder is the caller's.
    """
    counts: dict[str, int] = {}
    files: dict[str, BinaryIO] = {}
    with ExitStack() as stack:
        for done, resources in enumerate(subjects, start=1):
            for resource in resources:
                kind = resource["resourceType"]
                if kind not in files:
                    files[kind] = stack.enter_context((out / f".{kind}.ndjson.part").open("wb", 1 << 20))
                files[kind].write(orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE))
                counts[kind] = counts.get(kind, 0) + 1
            if done % _REPORT_EVERY == 0 or done == total:
                progress("patients", done, total)
    for kind in files:
        (out / f".{kind}.ndjson.part").replace(out / f"{kind}.ndjson")
    return dict(sorted(counts.items()))
