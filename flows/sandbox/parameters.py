"""The search parameters the sandbox answers, as data: R4's own names, kinds and elements.

Only parameters of the R4 specification stand here. R4 has none for Procedure.usedReference, Procedure.focalDevice or
MedicationAdministration.partOf, so a client fetches those targets by ``_id``, here as on a real server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["token", "date", "reference"]


@dataclass(frozen=True)
class SearchParameter:
    """One search parameter: ``paths`` are dotted element names, choice elements spelled out; ``target`` limits a
    reference to one resource type."""

    name: str
    kind: Kind
    paths: tuple[str, ...]
    target: str = ""


def _token(name: str, *paths: str) -> SearchParameter:
    return SearchParameter(name, "token", paths or (name,))


def _date(name: str, *paths: str) -> SearchParameter:
    return SearchParameter(name, "date", paths or (name,))


def _reference(name: str, *paths: str, target: str = "") -> SearchParameter:
    return SearchParameter(name, "reference", paths or (name,), target)


def _of_subject(path: str = "subject") -> tuple[SearchParameter, ...]:
    return _reference("patient", path, target="Patient"), _reference("subject", path)


_EFFECTIVE = ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming")

COMMON: tuple[SearchParameter, ...] = (_date("_lastUpdated", "meta.lastUpdated"), _token("_tag", "meta.tag"))

_BY_TYPE: dict[str, tuple[SearchParameter, ...]] = {
    "Patient": (
        _token("gender"),
        _token("active"),
        _date("birthdate", "birthDate"),
        _date("death-date", "deceasedDateTime"),
    ),
    "Condition": (
        *_of_subject(),
        _token("code"),
        _token("category"),
        _token("clinical-status", "clinicalStatus"),
        _token("verification-status", "verificationStatus"),
        _token("body-site", "bodySite"),
        _date("onset-date", "onsetDateTime", "onsetPeriod"),
        _date("recorded-date", "recordedDate"),
        _reference("encounter"),
    ),
    "Procedure": (
        *_of_subject(),
        _token("code"),
        _token("category"),
        _token("status"),
        _date("date", "performedDateTime", "performedPeriod"),
        _reference("encounter"),
        _reference("part-of", "partOf"),
        _reference("performer", "performer.actor"),
        _reference("reason-reference", "reasonReference"),
    ),
    "Observation": (
        *_of_subject(),
        _token("code"),
        _token("category"),
        _token("status"),
        _token("method"),
        _token("value-concept", "valueCodeableConcept"),
        _date("date", *_EFFECTIVE),
        _reference("encounter"),
        _reference("performer"),
        _reference("derived-from", "derivedFrom"),
        _reference("part-of", "partOf"),
        _reference("has-member", "hasMember"),
    ),
    "ImagingStudy": (
        *_of_subject(),
        _token("status"),
        _token("modality", "modality", "series.modality"),
        _token("bodysite", "series.bodySite"),
        _date("started"),
        _reference("encounter"),
    ),
    "Encounter": (
        *_of_subject(),
        _token("status"),
        _token("class"),
        _token("type"),
        _date("date", "period"),
        _reference("part-of", "partOf"),
    ),
    "MedicationAdministration": (
        *_of_subject(),
        _token("code", "medicationCodeableConcept"),
        _token("status"),
        _date("effective-time", "effectiveDateTime", "effectivePeriod"),
        _reference("medication", "medicationReference"),
        _reference("context"),
        _reference("device"),
        _reference("request"),
    ),
    "MedicationRequest": (
        *_of_subject(),
        _token("code", "medicationCodeableConcept"),
        _token("status"),
        _token("intent"),
        _token("category"),
        _date("authoredon", "authoredOn"),
        _reference("medication", "medicationReference"),
        _reference("encounter"),
    ),
    "MedicationStatement": (
        *_of_subject(),
        _token("code", "medicationCodeableConcept"),
        _token("status"),
        _token("category"),
        _date("effective", "effectiveDateTime", "effectivePeriod"),
        _reference("medication", "medicationReference"),
    ),
    "DiagnosticReport": (
        *_of_subject(),
        _token("code"),
        _token("category"),
        _token("status"),
        _date("date", "effectiveDateTime", "effectivePeriod"),
        _date("issued"),
        _reference("encounter"),
        _reference("result"),
    ),
    "AdverseEvent": (
        _reference("subject"),
        _token("category"),
        _token("event"),
        _token("severity"),
        _date("date"),
    ),
    "Device": (_reference("patient", target="Patient"), _token("type"), _token("status")),
    "Substance": (_token("code"), _token("category"), _token("status")),
    "Medication": (_token("code"), _token("status")),
    "Consent": (
        _reference("patient", target="Patient"),
        _token("status"),
        _token("category"),
        _date("date", "dateTime"),
    ),
    "Specimen": (*_of_subject(), _token("type"), _token("status"), _date("collected", "collection.collectedDateTime")),
    "Group": (_token("code"), _token("type"), _reference("member", "member.entity")),
    "Provenance": (_reference("target"),),
    "Organization": (_token("type"), _token("active"), _reference("partof", "partOf")),
    "Practitioner": (_token("active"),),
    "PractitionerRole": (_reference("practitioner"), _reference("organization"), _token("active")),
    "Location": (_token("type"), _token("status")),
}

KNOWN_TYPES: frozenset[str] = frozenset(_BY_TYPE)


def parameters_of(resource_type: str) -> dict[str, SearchParameter]:
    """Every indexed parameter of a type by name; a type without a row of its own has the common ones only."""
    own = _BY_TYPE.get(resource_type, ())
    every = (*COMMON, _token("identifier"), *own)
    return {parameter.name: parameter for parameter in every}
