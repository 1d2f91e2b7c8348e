"""The comparison as FHIR R4: a Measure and its MeasureReport, Groups, Observations and a Provenance.

A MeasureReport holds what the R4 definition gives it a place for: counts of subjects in named populations and the rate
they make, both also by arm (a stratifier). It has no place for an interval, a test or a curve; these are Observations
on the Group that was analysed, as R4 lets Observations be about a Group. Every row of the results is in one of the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analysis.export import measure_report
from analysis.export.coded import BASE, RESULT, STATISTIC, absent, coded, quantity, reason_of
from analysis.export.released import records

if TYPE_CHECKING:
    from analysis.export.released import Released
    from analysis.study.model import Study

Resource = dict[str, Any]
Row = dict[str, Any]
TOTAL = "total"
_STATES = f"{BASE}/CodeSystem/release-state"
_HASH = f"{BASE}/sid/sha256"
_NOTE = "study"  # the parameter of rows that say something of all others


def resources(study: Study, released: Released) -> list[Resource]:
    """All resources, those referred to first. Ids depend on the study and on what a resource is about alone, so that an
    export of later data replaces an earlier one."""
    rows = [row for row in records(released.results) if row["parameter"] != _NOTE]
    groups = _groups(study, released, rows)
    counted = measure_report.counted(study, rows)
    measure = _made("Measure", study, released, "measure", measure_report.measure(study, counted))
    report = _made("MeasureReport", study, released, "report", measure_report.report(study, counted, released))
    taken = measure_report.taken(counted)
    rest = [
        _observation(study, released, key, of, groups)
        for key, of in _grouped(row for row in rows if row["id"] not in taken)
    ]
    made = [*groups.values(), measure, report, *rest]
    return [*made, _provenance(study, released, made)]


def resource_id(study: Study, kind: str, what: str) -> str:
    """A stable id of a resource: the same for the same study and thing, whatever the data."""
    return hashlib.sha256("\0".join((study.study.id, kind, what)).encode()).hexdigest()[:32]


def _made(kind: str, study: Study, released: Released, what: str, fields: Resource) -> Resource:
    return {"resourceType": kind, "id": resource_id(study, kind, what), "meta": _meta(study, released), **fields}


def _meta(study: Study, released: Released) -> Resource:
    tags = [{"system": _STATES, "code": released.state}]
    if study.study.data == "synthetic":
        tags.append(
            {
                "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
                "code": "HTEST",
                "display": "test health data",
            }
        )
    return {"tag": tags}


def _groups(study: Study, released: Released, rows: Sequence[Row]) -> dict[str, Resource]:
    """A Group for all analysed subjects, and where arms may be told apart one for each arm, by their label."""
    sizes = {r["group"]: r["value"] for r in rows if r["parameter"] == "flow" and r["variable"] == "analysed"}
    labels = [TOTAL, *(arm.label for arm in study.arm if released.state != "MASKED")]
    return {
        label: _made(
            "Group",
            study,
            released,
            label,
            {
                "type": "person",
                "actual": True,
                "name": f"{study.study.title}: {'all analysed subjects' if label == TOTAL else label}",
                **({"quantity": int(sizes[label])} if sizes.get(label) is not None else {}),
            },
        )
        for label in labels
    }


Key = tuple[str, str, str, str, str, int | None]


def _grouped(rows: Iterable[Row]) -> Iterator[tuple[Key, list[Row]]]:
    """Rows about one thing by one method and on the same number of subjects, in the order of their first."""
    found: dict[Key, list[Row]] = {}
    for row in rows:
        key = (row["parameter"], row["variable"], row["level"], row["group"], row["method"], row["n"])
        found.setdefault(key, []).append(row)
    yield from found.items()


def _observation(
    study: Study, released: Released, key: Key, rows: Sequence[Row], groups: dict[str, Resource]
) -> Resource:
    parameter, variable, level, group, method, n = key
    about = groups.get(group, groups[TOTAL])
    compared = [groups[label] for label in group.split(" vs ") if label in groups] if group not in groups else []
    notes = dict.fromkeys(row["warning"] for row in rows if row["warning"] and reason_of(row) is None)
    said = " ".join(part for part in (parameter, variable, level, group if group != TOTAL else "") if part)
    return _made(
        "Observation",
        study,
        released,
        rows[0]["id"],
        {
            "status": "final" if released.state == "SIGNED" else "preliminary",
            "code": coded(RESULT, ".".join(part for part in (parameter, variable, level) if part), said),
            "subject": _to(about),
            **({"focus": [_to(one) for one in compared]} if compared else {}),
            "effectivePeriod": measure_report.period(study),
            **({"method": {"text": method}} if method else {}),
            **({"note": [{"text": note} for note in notes]} if notes else {}),
            "component": [*(_component(row) for row in rows), *([_subjects(n)] if n is not None else [])],
        },
    )


def _component(row: Row) -> Resource:
    code = coded(STATISTIC, row["statistic"], row["statistic"])
    reason = reason_of(row)
    if reason is not None:
        return {"code": code, "dataAbsentReason": absent(reason)}
    return {"code": code, "valueQuantity": quantity(row["value"], row["unit"])}


def _subjects(n: int) -> Resource:
    return {"code": coded(STATISTIC, "subjects", "number of subjects"), "valueInteger": n}


def _to(resource: Resource) -> Resource:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def _provenance(study: Study, released: Released, made: Sequence[Resource]) -> Resource:
    """What the resources were made from: study file, code lists and data by their hashes, and by which version."""
    sources = [*released.hashes.items(), *((f"data of {site}", sha) for site, sha in sorted(released.data.items()))]
    return _made(
        "Provenance",
        study,
        released,
        "provenance",
        {
            "target": [_to(one) for one in made],
            "recorded": released.recorded,
            "activity": {"text": f"comparison of treatments, run {released.run}; {released.state}"},
            "agent": [
                {
                    "type": coded(
                        "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "assembler", "Assembler"
                    ),
                    "who": {"display": f"Bedside {released.versions.get('bedside', '')}".strip()},
                }
            ],
            "entity": [
                {"role": "source", "what": {"identifier": {"system": _HASH, "value": sha}, "display": name}}
                for name, sha in sources
            ],
        },
    )
