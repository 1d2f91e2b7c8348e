"""The comparison of a run as it may leave the site: what ``results.csv`` holds, under the state the run has now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analysis.export.released import Released, as_json
from analysis.study.model import Study
from flows.fingerprints import data_of
from flows.job import Job
from flows.release import looked, release_of
from flows.run_folder import RunFolder, write_bytes
from flows.signing import state_now
from flows.steps.comparison import as_csv, read_results, with_notes
from flows.steps.page import provenance
from flows.summary import synthetic_note
from mappings.errors import DefinitionError


def csv_of(job: Job, run: RunFolder) -> bytes:
    """The results as CSV, as in ``results/results.csv``."""
    return as_csv(released(job, run).results)


def json_of(job: Job, run: RunFolder) -> bytes:
    """The results as one JSON object with study, state and hashes."""
    study = job.comparison
    found = released(job, run)
    assert study is not None
    return (json.dumps(as_json(study, found, synthetic_note(study)), indent=1, ensure_ascii=False) + "\n").encode()


def write_fhir(job: Job, run: RunFolder, folder: Path) -> dict[str, int]:
    """Write the results as FHIR into an empty folder, one ``<Type>.ndjson`` a type; returns the resources by type."""
    from analysis.export.fhir import resources

    study = job.comparison
    found = released(job, run)
    assert study is not None
    lines: dict[str, list[str]] = {}
    for resource in resources(study, found):
        lines.setdefault(resource["resourceType"], []).append(json.dumps(resource, ensure_ascii=False))
    empty_folder(folder)
    for type_, texts in lines.items():
        write_bytes(folder / f"{type_}.ndjson", "".join(f"{text}\n" for text in texts).encode())
    return {type_: len(texts) for type_, texts in lines.items()}


def released(job: Job, run: RunFolder) -> Released:
    """The results through the one door, with state, hashes and versions. A look at the comparison is noted.

    Raises:
        DefinitionError: the study compares nothing, or the run holds no comparison yet.
    """
    from analysis.stats.masking import masked

    study = compared(job, run)
    seen = release_of(job, run)
    whence: dict[str, Any] = provenance(job, run)
    now = state_now(run)
    state, note = now.name, now.note
    results = read_results(run)
    results = results[results["parameter"] != "study"].reset_index(drop=True).astype({"n": "Int64"})
    notes = {"data": ("synthetic", "SYNTHETIC", synthetic_note(study))}
    if state == "MASKED":
        # A lock may have become void since the results were written.
        results = masked(results)
        notes["release"] = ("masked", "MASKED", note)
    elif seen.locked_study:
        looked(job, run, "export")
    said = run.read()
    return Released(
        with_notes(results, notes),
        state,
        note,
        whence["outcome"],
        run.id,
        said["started"],
        whence["hashes"],
        data_of(run),
        whence["versions"],
    )


def compared(job: Job, run: RunFolder) -> Study:
    """The study of a run that holds a comparison. Raises `DefinitionError` where there is none."""
    if job.comparison is None:
        raise DefinitionError("the study compares no treatments: there is nothing to export")
    if not (run.results / "results.csv").exists():
        raise DefinitionError(f"{run.root} holds no comparison yet; make it with: bedside analyse {run.root}")
    return job.comparison


def empty_folder(folder: Path) -> None:
    """Make the folder, its owner's alone. Raises `DefinitionError` where something lies in it already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DefinitionError(f"{folder} is there already and not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
