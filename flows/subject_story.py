"""One subject's story: the resources behind a pseudonym in time order, and what the derivation made of each.

It goes back from USUBJID to the patient, which only who holds the pseudonym key and the landed data can. Nothing is
written anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.arrival import references_in
from flows import landed
from flows.engines import connected
from flows.job import Job
from flows.landed import Landed
from flows.pseudonyms import patients_by_subject
from flows.run_folder import RunFolder
from flows.steps.subjects import read_derived
from flows.steps.tables import tables_of
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    from analysis.derive import Derived
    from analysis.derive.story import Story
    from analysis.study.model import Study

# The first of these that a resource has is when it happened (dates of R4 types that land).
_DATES = (
    "performedDateTime", "performedPeriod", "effectiveDateTime", "effectivePeriod", "effectiveInstant",
    "onsetDateTime", "onsetPeriod", "started", "period", "date", "detected", "recordedDate", "issued", "birthDate",
    "authoredOn",
)  # fmt: skip
_VALUES = (
    "valueQuantity", "valueCodeableConcept", "valueString", "valueInteger", "valueBoolean", "valueDateTime",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One resource of the story. ``date`` is as FHIR wrote it ("" where there is none), ``day`` its days from the
    index, ``made`` what the derivation made of it."""

    date: str
    day: int | None
    resource: str
    version: str
    file: str
    line: int
    says: str
    made: tuple[str, ...]


@dataclass(frozen=True)
class Trace:
    """A subject, as the analysis tables have it, and its resources in time order. ``criteria``: whether each is met."""

    usubjid: str
    site: str
    patient: str
    screened: bool
    arm: str | None
    index_date: str
    excluded: str | None
    criteria: Mapping[str, bool]
    covariates: Mapping[str, Any]
    best_response: str | None
    endpoints: Mapping[str, str]
    steps: tuple[Step, ...]


def trace(job: Job, run: RunFolder, usubjid: str) -> Trace:
    """The story of one subject of a run.

    Raises:
        DefinitionError: the run has no analysis tables, no subject of it has that pseudonym under the study's key, or
            what landed is no longer there.
    """
    study = job.comparison
    if study is None or not run.done("derive"):
        raise DefinitionError(f"{run.root} has no subjects: nothing was derived in it")
    key, _ = job.key()
    derived = read_derived(run)
    site, patient = _patient(run, key, usubjid, derived)
    with connected() as con:
        told = _story(job, study, con, tables_of(con, run), site, patient)
    mine = list(landed.about(run, site, {patient}))
    own = {(one.type, one.id) for one in mine}
    used = {found: one for one in mine for found in references_in(one.resource) if found not in own}
    for found in sorted(used):
        told.say(found, f"used by {used[found].type}/{used[found].id}")
    mine += landed.of_keys(run, site, used) if used else ()
    return _told(study, derived, usubjid, site, patient, told, mine, landed.quarantined(run, site))


def _patient(run: RunFolder, key: bytes, usubjid: str, derived: Derived) -> tuple[str, str]:
    found = patients_by_subject(run, key).get(usubjid)
    if found is not None:
        return found
    if (derived.adsl["USUBJID"] == usubjid).any():
        raise DefinitionError(
            "the pseudonym key is not the one this run was made with: no patient of it has that pseudonym"
        )
    raise DefinitionError("no subject of this run has that pseudonym")


def _story(job: Job, study: Study, con: Any, tables: Mapping[str, Any], site: str, patient: str) -> Story:
    from analysis.derive.story import story

    own = {}
    for name, table in tables.items():
        mine = table.filter(table.site == site)
        if name == "patient":
            mine = mine.filter(mine.id == patient)
        elif "patient_id" in mine.columns:
            mine = mine.filter(mine.patient_id == patient)
        own[name] = mine
    return story(study, job.folder.codes, job.folder.maps, own, job.site_rules(), con)


def _told(
    study: Study,
    derived: Derived,
    usubjid: str,
    site: str,
    patient: str,
    told: Story,
    resources: list[Landed],
    rejected: Mapping[tuple[str, int], str],
) -> Trace:
    from analysis.derive.source_rows import competing_codes, day_text, endpoint_text, source_rows

    for key, sentence in source_rows(study, derived, usubjid):
        told.say(key, sentence)
    rows = derived.adsl[derived.adsl["USUBJID"] == usubjid].to_dict("records")
    row = rows[0] if rows else {}
    best = derived.adrs[(derived.adrs["USUBJID"] == usubjid) & (derived.adrs["PARAMCD"] == "BOR")]
    competing = competing_codes(study)
    times = derived.adtte[derived.adtte["USUBJID"] == usubjid].to_dict("records")
    return Trace(
        usubjid=usubjid,
        site=site,
        patient=patient,
        screened=bool(rows),
        arm=row.get("TRT01A"),
        index_date=day_text(row.get("TRTSDT")),
        excluded=row.get("EXCLRSN"),
        criteria=told.criteria or {},
        covariates={name: _plain(row.get(name)) for name in study.covariate} if rows else {},
        best_response=None if best.empty else str(best["AVALC"].iloc[0]),
        endpoints={one["PARAMCD"]: endpoint_text(one, competing.get(one["PARAMCD"], ())) for one in times},
        steps=tuple(sorted((_step(one, told, rejected) for one in resources), key=_when)),
    )


def _plain(value: Any) -> Any:
    import pandas as pd

    if value is None or pd.isna(value):
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _when(step: Step) -> tuple[bool, str, str, str, int]:
    # What has no date of its own (a device, a substance) stands last.
    return step.date == "", step.date, step.resource, step.file, step.line


def _step(one: Landed, told: Story, rejected: Mapping[tuple[str, int], str]) -> Step:
    key = (one.type, one.id)
    refused = rejected.get((one.file, one.line))
    made = (f"quarantined: {refused}",) if refused else told.of(key) or (_nothing(told),)
    return Step(
        _date(one.resource), None if refused else told.days.get(key), f"{one.type}/{one.id}", one.version, one.file,
        one.line, _says(one.resource), made,
    )  # fmt: skip


def _nothing(told: Story) -> str:
    return "not judged: there is no index event" if told.criteria is None else "in no list of the study"


def _date(resource: Mapping[str, Any]) -> str:
    for name in _DATES:
        found = resource.get(name)
        if isinstance(found, dict):
            found = found.get("start") or found.get("end")
        if isinstance(found, str):
            return found
    return ""


def _says(resource: Mapping[str, Any]) -> str:
    """What a resource is, for people: its code and its value, as written."""
    named = ("code", "medicationCodeableConcept", "type", "event")
    what = _concept(next((resource[name] for name in named if resource.get(name)), None))
    value = next((_value(resource[name]) for name in _VALUES if name in resource), "")
    return ": ".join(part for part in (what, value) if part)


def _value(value: Any) -> str:
    if isinstance(value, dict) and "value" in value:
        return f"{value.get('comparator', '')}{value['value']} {value.get('unit') or value.get('code') or ''}".strip()
    return _concept(value) if isinstance(value, dict) else str(value)


def _concept(concept: Any) -> str:
    if not isinstance(concept, dict):
        return ""
    coding = concept.get("coding")
    first = coding[0] if isinstance(coding, list) and coding and isinstance(coding[0], dict) else {}
    return str(concept.get("text") or first.get("display") or first.get("code") or "")
