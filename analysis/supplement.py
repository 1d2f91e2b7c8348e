"""A supplement's rows as FHIR: one Observation a row, and one Provenance a reader that says which file they are from.

What acceptance, views and derivation see is no different from what a server sent, but for the id: it begins with
``PREFIX``, so that the derivation can tell the record from the supplement where the study prefers one of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from analysis.study.supplement import Supplement, SupplementVariable
from analysis.study.supplement_file import SupplementRow, number_of
from mappings.code_systems import UCUM
from mappings.codelists import CodeList, ConceptMapping

PREFIX = "bedside.supplement."
"""How the id of every Observation from a supplement begins. No server makes such ids; one that was loaded with our own
resources may hold them, and they are from a supplement there too."""

_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
Json = dict[str, Any]


def supplement_resources(
    rules: Supplement,
    rows: Iterable[SupplementRow],
    codes: Mapping[str, CodeList],
    maps: Mapping[str, ConceptMapping],
    subjects: Mapping[str, str],
    sha256: str,
) -> tuple[list[Json], list[Json]]:
    """Observations and Provenances of one site, sorted by id whatever the order of the file.

    ``subjects`` maps the site's pseudonyms to the ids of its patients; rows of other subjects are passed over.
    ``sha256`` is the file's: the version of each Observation, and what each Provenance names as its source.
    """
    observations: list[Json] = []
    by_reader: dict[str, list[str]] = {}
    for row in rows:
        if row.pseudonym in subjects:
            made = _observation(rules.variable[row.variable], row, codes, maps, subjects[row.pseudonym], sha256)
            observations.append(made)
            by_reader.setdefault(row.reader, []).append(made["id"])
    observations.sort(key=lambda one: str(one["id"]))
    provenances = [_provenance(rules.closed, reader, ids, sha256) for reader, ids in sorted(by_reader.items())]
    return observations, provenances


def _observation(
    rule: SupplementVariable,
    row: SupplementRow,
    codes: Mapping[str, CodeList],
    maps: Mapping[str, ConceptMapping],
    patient: str,
    sha256: str,
) -> Json:
    key = "|".join((row.pseudonym, row.date, row.variable, row.reader))
    return {
        "resourceType": "Observation",
        "id": PREFIX + hashlib.sha256(key.encode()).hexdigest()[:32],
        "meta": {"versionId": sha256[:16], "source": f"urn:bedside:supplement:{sha256}"},
        "status": "final",
        "code": _concept(codes[rule.list_]),
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": row.date,
        "performer": [{"reference": f"Practitioner/{row.reader}"}],
        **_value(rule, row.value, maps),
        **({"bodySite": _concept(codes[rule.site])} if rule.site else {}),
    }


def _concept(made: CodeList) -> Json:
    first = made.entries[0]
    return _coded(first.system, first.code)


def _coded(system: str | None, code: str) -> Json:
    return {"coding": [{**({"system": system} if system else {}), "code": code}]}


def _value(rule: SupplementVariable, value: str, maps: Mapping[str, ConceptMapping]) -> Json:
    if rule.unit is not None:
        comparator, number = number_of(value)
        quantity = {"value": number, "unit": rule.unit, "system": UCUM, "code": rule.unit}
        return {"valueQuantity": {**quantity, **({"comparator": comparator} if comparator else {})}}
    if rule.type == "integer":
        return {"valueInteger": int(value)}
    if rule.type == "boolean":
        return {"valueBoolean": value == "true"}
    if rule.type == "date":
        return {"valueDateTime": value}
    assert rule.values is not None
    for known in maps[rule.values].rows:
        if known.source_code == value and known.source_system is not None:
            return {"valueCodeableConcept": _coded(known.source_system, value)}
    # A level, or a plain value of the map: the derivation reads both from a text.
    return {"valueString": value}


def _provenance(closed: date, reader: str, ids: list[str], sha256: str) -> Json:
    return {
        "resourceType": "Provenance",
        "id": PREFIX + hashlib.sha256(f"{sha256}|{reader}".encode()).hexdigest()[:32],
        "target": [{"reference": f"Observation/{one}"} for one in sorted(ids)],
        "recorded": f"{closed.isoformat()}T00:00:00Z",
        "agent": [
            {
                "type": {"coding": [{"system": _AGENT, "code": "author"}]},
                "who": {"reference": f"Practitioner/{reader}"},
            }
        ],
        "entity": [{"role": "source", "what": {"identifier": {"system": "urn:bedside:sha256", "value": sha256}}}],
    }
