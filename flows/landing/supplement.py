"""Lay a study's supplement beside what each site landed, before acceptance: the same judges, views and checks see both.

It lies in files of its own (``Observation.supplement.ndjson``, ``Provenance.supplement.ndjson``), written anew each
time, and is in no manifest and no store: those say what a source sent. The ledger counts it as received and landed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.arrival import patient_of
from analysis.derive.pseudonym import usubjid
from analysis.supplement import supplement_resources
from expectations.ledger import TypeCounts
from flows.job import Job
from flows.run_folder import RunFolder, write_bytes

STEM = "supplement"
_TELLS_PATIENTS = ("Patient", "Procedure")


@dataclass(frozen=True)
class Supplemented:
    """What became of a supplement. ``rows`` = the sum of ``landed`` (rows by site) + ``unknown`` (rows of subjects
    that no site's extract holds); ``unknown_subjects`` counts those subjects."""

    sha256: str
    rows: int
    landed: Mapping[str, int]
    unknown: int
    unknown_subjects: int

    def as_dict(self) -> dict[str, Any]:
        """As ``run.json`` keeps it."""
        return {
            "sha256": self.sha256,
            "rows": self.rows,
            "landed": dict(self.landed),
            "unknown": self.unknown,
            "unknown_subjects": self.unknown_subjects,
        }


def land_supplement(
    job: Job, run: RunFolder, types: dict[str, dict[str, TypeCounts]]
) -> tuple[dict[str, dict[str, TypeCounts]], Supplemented | None]:
    """Write the supplement into the landings of the sites in ``types`` (the ledger's arrival half).

    Returns ``types`` with its resources counted, and what became of the rows; None where the study has no supplement.
    """
    study = job.comparison
    if study is None or study.supplement is None:
        return types, None
    rules, rows = study.supplement, job.folder.supplement
    sha256 = job.folder.hashes[rules.file]
    key, _ = job.key()
    known: set[str] = set()
    landed: dict[str, int] = {}
    counted = {site: dict(found) for site, found in types.items()}
    for site in types:
        folder = run.landing(site)
        subjects = {usubjid(key, site, patient): patient for patient in _patients(folder)}
        known |= set(subjects)
        made = supplement_resources(rules, rows, job.folder.codes, job.folder.maps, subjects, sha256)
        landed[site] = len(made[0])
        for type_, resources in zip(("Observation", "Provenance"), made, strict=True):
            _write(folder / f"{type_}.{STEM}.ndjson", resources)
            if resources:
                before = counted[site].get(type_, TypeCounts())
                counted[site][type_] = replace(
                    before, received=before.received + len(resources), landed=before.landed + len(resources)
                )
    unknown = [row.pseudonym for row in rows if row.pseudonym not in known]
    return counted, Supplemented(sha256, len(rows), landed, len(unknown), len(set(unknown)))


def supplement_lines(said: Mapping[str, Any] | None) -> list[str]:
    """What people are told of a supplement, from ``run.json``; none, no line."""
    if not said:
        return []
    lines = [f"supplement: {said['rows']:,} rows, {sum(said['landed'].values()):,} landed as Observations"]
    if said["unknown"]:
        lines.append(
            f"WARNING: {said['unknown']:,} rows of the supplement are of {said['unknown_subjects']:,} subjects that no "
            "site's extract holds: they are not used"
        )
    return lines


def unknown_rows(said: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The rows of unknown subjects as a record of what was not used (step, site, reason, n), for the report."""
    if not said or not said["unknown"]:
        return []
    reason = "supplement: rows of subjects that no site's extract holds"
    return [{"step": STEM, "site": "", "reason": reason, "n": said["unknown"]}]


def _patients(folder: Path) -> Iterator[str]:
    """The patients a landing speaks of: its Patients, and whoever had a procedure (a Patient may be missing)."""
    for type_ in _TELLS_PATIENTS:
        for file in sorted(folder.glob(f"{type_}.*.ndjson")):
            with file.open("rb") as lines:
                for line in lines:
                    try:
                        resource = json.loads(line)
                    except ValueError:
                        continue  # acceptance says what is wrong with it
                    found = patient_of(resource) if isinstance(resource, dict) else None
                    if found:
                        yield found


def _write(path: Path, resources: Iterable[Mapping[str, Any]]) -> None:
    lines = [json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for one in resources]
    if lines:
        write_bytes(path, b"".join(lines))
    else:
        path.unlink(missing_ok=True)
