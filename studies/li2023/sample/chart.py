"""The chart of one subject: FHIR R4 resources as dicts, with the codes, tags and forms of date the sample uses.

``Patient.id`` is the subject's id; every other id begins with it. Each resource carries one tag that says whether
its content follows from the printed figures or is invented.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import orjson

from .facts import Subject

Json = dict[str, Any]

SCT = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICD10_PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
UCUM = "http://unitsofmeasure.org"
VITAL_STATUS = "https://www.medizininformatik-initiative.de/fhir/core/modul-person/CodeSystem/Vitalstatus"
INVENTED = "https://bedside.example/fhir/CodeSystem/li2023-invented"
ORIGIN = "https://bedside.example/fhir/CodeSystem/sample-origin"
SITE_ZONE = "+08:00"

LIVER: Json = {"coding": [{"system": SCT, "code": "10200004", "display": "Liver structure"}]}
REBUILT = {
    "system": ORIGIN,
    "code": "rebuilt",
    "display": "Synthetic: rebuilt from the printed figures of Li et al. 2023; dates and what else they lack invented",
}
MADE_UP = {"system": ORIGIN, "code": "invented", "display": "Synthetic: invented for the sample, changes no figure"}


def concept(system: str, code: str, display: str, text: str | None = None) -> Json:
    """A CodeableConcept with one coding."""
    made: Json = {"coding": [{"system": system, "code": code, "display": display}]}
    if text:
        made["text"] = text
    return made


def invented(code: str, display: str) -> Json:
    """A CodeableConcept in the project's own system, its display saying so."""
    return concept(INVENTED, code, f"{display} (invented code)")


def category(code: str) -> list[Json]:
    """Observation.category."""
    return [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": code}]}]


def decimal(text: str) -> orjson.Fragment:
    """A JSON number written with just these digits: 3.10 stays 3.10."""
    return orjson.Fragment(text)


def quantity(text: str, unit: str) -> Json:
    """A Quantity in a UCUM unit."""
    return {"value": decimal(text), "unit": unit, "system": UCUM, "code": unit}


def size(millimetres: int, *, in_mm: bool, digits: int = 1) -> Json:
    """A length in mm, or in cm with one or two decimals."""
    if in_mm:
        return quantity(str(millimetres), "mm")
    return quantity(f"{millimetres // 10}.{millimetres % 10}{'0' * (digits - 1)}", "cm")


class Chart:
    """Collects the resources of one subject in the order written."""

    def __init__(self, subject: Subject, rng: Random) -> None:
        self.subject = subject
        self.rng = rng
        self.resources: list[Json] = []
        self.patient: Json = {"reference": f"Patient/{subject.id}"}

    def add(self, kind: str, suffix: str, body: Json, *, printed: bool = False) -> Json:
        """Keep one resource and return a Reference to it; ``printed``: its content follows from the tables."""
        key = f"{self.subject.id}-{suffix}" if suffix else self.subject.id
        tag = REBUILT if printed and self.subject.printed else MADE_UP
        self.resources.append({"resourceType": kind, "id": key, "meta": {"tag": [tag]}, **body})
        return {"reference": f"{kind}/{key}"}

    def day(self, offset: int) -> date:
        """The calendar day that many days from the index date."""
        return self.subject.index + timedelta(days=offset)

    def on(self, offset: int) -> str:
        """A FHIR date."""
        return self.day(offset).isoformat()

    def at(self, offset: int, hour: int | None = None) -> str:
        """A dateTime of that day at the site: its own zone, or UTC where that names the same day."""
        rng = self.rng
        hour = rng.randrange(7, 18) if hour is None else hour
        minute = rng.randrange(0, 60)
        if hour >= 8 and rng.random() < 0.25:
            return f"{self.on(offset)}T{hour - 8:02d}:{minute:02d}:00Z"
        return f"{self.on(offset)}T{hour:02d}:{minute:02d}:00{SITE_ZONE}"

    def when(self, offset: int) -> str:
        """That day in any of the forms found: a date, or a dateTime with zone."""
        return self.on(offset) if self.rng.random() < 0.5 else self.at(offset)

    def observation(self, suffix: str, offset: int, code: Json, *, printed: bool = False, **body: Any) -> Json:
        """A final Observation of that day; ``body`` holds the value and what else it has."""
        made = {"status": "final", "code": code, "subject": self.patient, "effectiveDateTime": self.when(offset)}
        return self.add("Observation", suffix, {**made, **body}, printed=printed)
