"""The quality outcomes of a run as FHIR, one ``<Type>.ndjson`` a type, small counts suppressed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from flows.job import Job
from flows.run_folder import RunFolder, private_folder, write_bytes
from mappings.errors import DefinitionError

FHIR = "fhir"
FEWEST = 5
"""The least count that is told where the study names none: one that only takes a population compares nothing."""


def write_quality(job: Job, run: RunFolder, folder: Path) -> dict[str, int]:
    """Write Measure, MeasureReport and OperationOutcome into an empty folder; returns the resources by type.

    Raises:
        DefinitionError: the run was not checked, or the folder is not empty.
    """
    if not run.checks.is_file():
        raise DefinitionError(f"{run.root} has no quality results yet: bedside check makes them")
    from flows.export.comparison import empty_folder  # it knows the steps, and the step of checks knows this module

    lines = _lines(job, run)
    empty_folder(folder)
    return _write(lines, folder)


def keep_quality(job: Job, run: RunFolder) -> None:
    """Write the same beside the run's quality results, for whoever reads FHIR."""
    _write(_lines(job, run), private_folder(run.quality / FHIR))


def _write(lines: Mapping[str, list[str]], folder: Path) -> dict[str, int]:
    for type_, texts in lines.items():
        write_bytes(folder / f"{type_}.ndjson", "".join(f"{text}\n" for text in texts).encode())
    return {type_: len(texts) for type_, texts in lines.items()}


def _lines(job: Job, run: RunFolder) -> dict[str, list[str]]:
    import pandas as pd

    from analysis.export.quality_report import resources

    head = job.study.study
    made = resources(
        head.id,
        head.title,
        [{str(k): v for k, v in row.items()} for row in pd.read_parquet(run.checks).to_dict("records")],
        {site.id: site.label for site in job.sites.sites},
        str(run.read()["started"])[:10],
        head.data == "synthetic",
        job.comparison.disclosure.min_count if job.comparison else FEWEST,
    )
    lines: dict[str, list[str]] = {}
    for resource in made:
        lines.setdefault(resource["resourceType"], []).append(json.dumps(resource, ensure_ascii=False))
    return lines
