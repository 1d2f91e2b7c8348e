"""The sample study as FHIR R4: one ``<Type>.ndjson`` a resource type.

Without ``patients`` the 22 subjects of cohort.csv and the 7 of excluded.csv, the same whatever the seed; with it a
larger synthetic cohort of the same shape. Subjects are written one by one, so memory does not grow with their number.
What is printed, what is invented and which shapes occur: ``docs/sample.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import BinaryIO

import orjson

from .chart import MADE_UP, Chart, Json
from .facts import Subject, published_subjects
from .follow_up import write_follow_up
from .history import write_history
from .larger import drawn_subjects

TYPES = (
    "Condition",
    "Device",
    "Encounter",
    "ImagingStudy",
    "MedicationAdministration",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "Procedure",
    "Substance",
)
READERS = ("reader-1", "reader-2", "reader-3")
PUBLISHED = 29


def write(out: Path, patients: int | None, seed: int, progress: Callable[[str, int, int], None]) -> dict[str, int]:
    """Write the sample into the folder ``out`` and return the lines by type; files appear whole or not at all."""
    subjects = published_subjects() if patients is None else drawn_subjects(patients, seed)
    total = PUBLISHED if patients is None else patients
    counts = dict.fromkeys(TYPES, 0)
    with ExitStack() as stack:
        files = {kind: stack.enter_context((out / f".{kind}.ndjson.part").open("wb", 1 << 20)) for kind in TYPES}
        _write_lines(files, counts, _shared())
        for done, subject in enumerate(subjects, start=1):
            _write_lines(files, counts, resources(subject, seed if patients is not None else 0))
            if done % 500 == 0 or done == total:
                progress("patients", done, total)
    for kind in TYPES:
        part, whole = out / f".{kind}.ndjson.part", out / f"{kind}.ndjson"
        if counts[kind]:
            part.replace(whole)
        else:
            part.unlink()
            whole.unlink(missing_ok=True)
    return {kind: count for kind, count in counts.items() if count}


def resources(subject: Subject, seed: int) -> list[Json]:
    """All resources of one subject; what is drawn depends on the seed and the subject's id alone."""
    chart = Chart(subject, Random(f"{seed}/{subject.id}"))  # noqa: S311 - synthetic data, the same again
    write_history(chart)
    write_follow_up(chart)
    return chart.resources


def _write_lines(files: dict[str, BinaryIO], counts: dict[str, int], made: Iterable[Json]) -> None:
    for resource in made:
        kind = resource["resourceType"]
        files[kind].write(orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE))
        counts[kind] += 1


def _shared() -> Iterator[Json]:
    tag = {"tag": [MADE_UP]}
    name = "Sample hospital (synthetic)"
    yield {"resourceType": "Organization", "id": "sample-hospital", "meta": tag, "active": True, "name": name}
    for reader in READERS:
        yield {"resourceType": "Practitioner", "id": reader, "meta": tag, "name": [{"text": f"{reader} (synthetic)"}]}
