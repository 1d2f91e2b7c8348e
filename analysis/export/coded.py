"""Small FHIR data types: codes of ours, quantities in UCUM, and why a value is absent."""

from __future__ import annotations

from typing import Any

BASE = "https://bedside.example/fhir"
RESULT = f"{BASE}/CodeSystem/result"
STATISTIC = f"{BASE}/CodeSystem/statistic"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_ABSENT_EXTENSION = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_UCUM = {"%": "%", "days": "d", "months": "mo", "years": "a"}


def coded(system: str, code: str, text: str) -> dict[str, Any]:
    """A CodeableConcept. White space in a code is single, as its data type asks."""
    return {"coding": [{"system": system, "code": " ".join(code.split())}], "text": text}


def quantity(value: float, unit: str) -> dict[str, Any]:
    """A Quantity, in UCUM where the unit is one of it; a pure number has none."""
    made: dict[str, Any] = {"value": value}
    if unit:
        made["unit"] = unit
    if unit in _UCUM:
        made |= {"system": "http://unitsofmeasure.org", "code": _UCUM[unit]}
    return made


def reason_of(row: dict[str, Any]) -> tuple[str, str] | None:
    """Why a result has no value (a code of data-absent-reason and our words), None where it has one."""
    if row["value"] is not None:
        return None
    suppressed = str(row["warning"]).startswith("suppressed")
    return ("masked" if suppressed else "not-applicable"), str(row["warning"])


def absent(reason: tuple[str, str]) -> dict[str, Any]:
    """dataAbsentReason."""
    return coded(_ABSENT, *reason)


def absent_extension(reason: tuple[str, str]) -> dict[str, Any]:
    """The extension that stands where an element's value would: of a count, or of a score."""
    return {"extension": [{"url": _ABSENT_EXTENSION, "valueCode": reason[0]}]}
