"""Seeded FHIR resources for the benchmark: lab Observations, Patients and ImagingStudies, as NDJSON.

Shapes after Synthea's public R4 output (Apache-2.0), with what real servers add: several codings, reference ranges,
missing values, partial dates, decimals with their written zeros. The file of 10,000 resources is the beginning of the
file of 100,000: blocks are seeded one by one, so they can also be made side by side.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

BLOCK = 10_000
TYPES = ("Observation", "Patient", "ImagingStudy")
_FORMAT = "1"  # raise it when a shape changes: kept files are then made anew

_LOINC, _SNOMED, _UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_LABS = (  # LOINC, name, unit, SNOMED CT, low, high, decimals
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", "259695003", 12.0, 17.5, 1),
    ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", "767002", 4.0, 11.0, 2),
    ("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", "61928009", 150.0, 400.0, 0),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", "70901006", 0.6, 1.3, 2),
    ("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL", "359986008", 0.1, 1.2, 2),
    ("1834-1", "Alpha-1-Fetoprotein [Mass/volume] in Serum or Plasma", "ng/mL", "1015001", 0.0, 9.0, 2),
    ("1742-6", "Alanine aminotransferase [Enzymatic activity/volume]", "U/L", "56935002", 7.0, 56.0, 0),
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", "39972003", 135.0, 145.0, 1),
)
_GIVEN = ("Emmett", "Santina", "Li", "Maria", "Jamal", "Ingrid", "Wei", "Chidi", "Rosa", "Noah", "Amélie", "Søren")
_FAMILY = ("Corkery", "Hagenes", "Wang", "García", "Okafor", "Lindqvist", "Müller", "Nguyen", "Smith", "Kowalski")
_CITIES = (("Boston", "MA", "02108"), ("Salem", "MA", "01970"), ("Worcester", "MA", "01602"), ("Lowell", "MA", "01851"))
_RACES = (("2106-3", "White"), ("2028-9", "Asian"), ("2054-5", "Black or African American"))
_MODALITIES = (
    ("CT", "Computed Tomography", "1.2.840.10008.5.1.4.1.1.2", "CT Image Storage"),
    ("MR", "Magnetic Resonance", "1.2.840.10008.5.1.4.1.1.4", "MR Image Storage"),
    ("US", "Ultrasound", "1.2.840.10008.5.1.4.1.1.6.1", "Ultrasound Image Storage"),
)
_SITES = (("10200004", "Liver"), ("51185008", "Chest"), ("69536005", "Head"), ("818981001", "Abdomen"))


def _uuid(draw: random.Random) -> str:
    text = f"{draw.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": display}


def _day(draw: random.Random, first: int = 2015, years: int = 10) -> str:
    return f"{first + draw.randrange(years)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"


def _moment(draw: random.Random) -> str:
    second = draw.randrange(86_400)
    return f"{_day(draw)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}+08:00"


def _number(value: float, decimals: int) -> orjson.Fragment:
    # As a laboratory writes it, zeros included; a float would drop them.
    return orjson.Fragment(f"{value:.{decimals}f}")


def observation(draw: random.Random) -> dict[str, Any]:
    """One laboratory result."""
    loinc, name, unit, snomed, low, high, decimals = _LABS[draw.randrange(len(_LABS))]
    moment, rare = _moment(draw), draw.random()
    codings = [_coding(_LOINC, loinc, name)]
    others = draw.randrange(3)
    if others:
        codings.append({"system": "urn:oid:1.2.36.1.2001.1005.17", "code": f"LAB{draw.randrange(10_000):04d}"})
    if others == 2:
        codings.append(_coding(_SNOMED, snomed, name.split(" [")[0]))
    made: dict[str, Any] = {
        "resourceType": "Observation",
        "id": _uuid(draw),
        "meta": {"versionId": str(draw.randrange(1, 4)), "lastUpdated": moment},
        "status": "amended" if rare < 0.03 else "final",
        "category": [{"coding": [_coding(_TERMINOLOGY + "observation-category", "laboratory", "Laboratory")]}],
        "code": {"text": name} if rare > 0.99 else {"coding": codings, "text": name},
        "subject": {"reference": f"Patient/{draw.getrandbits(20):08x}"},
        "effectiveDateTime": moment[:7] if 0.5 < rare < 0.51 else moment,
    }
    if 0.03 < rare < 0.05:
        made["dataAbsentReason"] = {"coding": [_coding(_TERMINOLOGY + "data-absent-reason", "unknown", "Unknown")]}
        return made
    value = low + (high - low) * draw.uniform(-0.2, 1.5)
    made["valueQuantity"] = {
        "value": _number(max(value, 0.0), decimals),
        "unit": unit,
        "system": _UCUM,
        "code": unit,
    }
    made["referenceRange"] = [
        {
            "low": {"value": _number(low, decimals), "unit": unit},
            "high": {"value": _number(high, decimals), "unit": unit},
        }
    ]
    return made


def patient(draw: random.Random) -> dict[str, Any]:
    """One patient with names, identifiers, telecom, address and US Core extensions."""
    family, given = draw.choice(_FAMILY), draw.choice(_GIVEN)
    city, state, postal = draw.choice(_CITIES)
    race, race_name = draw.choice(_RACES)
    rare, key = draw.random(), _uuid(draw)
    name = {"use": "official", "family": family, "given": [given, draw.choice(_GIVEN)], "prefix": ["Dr."]}
    names = [name]
    if rare < 0.3:
        names.append({"use": "maiden", "family": draw.choice(_FAMILY), "given": [given]})
    if rare > 0.8:
        names.insert(0, {"use": "nickname", "given": [given[:3]]})
    omb = "urn:oid:2.16.840.1.113883.6.238"
    us_core = "http://hl7.org/fhir/us/core/StructureDefinition/"
    types = _TERMINOLOGY + "v2-0203"
    made: dict[str, Any] = {
        "resourceType": "Patient",
        "id": key,
        "meta": {"versionId": "1", "lastUpdated": _moment(draw), "profile": [us_core + "us-core-patient"]},
        "extension": [
            {
                "url": us_core + "us-core-race",
                "extension": [
                    {"url": "ombCategory", "valueCoding": _coding(omb, race, race_name)},
                    {"url": "text", "valueString": race_name},
                ],
            },
            {"url": us_core + "us-core-birthsex", "valueCode": "F" if rare < 0.5 else "M"},
        ],
        "identifier": [
            {"system": "https://github.com/synthetichealth/synthea", "value": key},
            {
                "use": "usual",
                "type": {"coding": [_coding(types, "MR", "Medical Record Number")], "text": "Medical Record Number"},
                "system": "http://hospital.smarthealthit.org",
                "value": f"MR{draw.randrange(10**8):08d}",
            },
            {
                "type": {"coding": [_coding(types, "SS", "Social Security Number")], "text": "Social Security Number"},
                "system": "http://hl7.org/fhir/sid/us-ssn",
                "value": f"999-{draw.randrange(100):02d}-{draw.randrange(10_000):04d}",
            },
        ],
        "active": rare < 0.95,
        "name": names,
        "telecom": [
            {"system": "phone", "value": f"555-{draw.randrange(1000):03d}-{draw.randrange(10_000):04d}", "use": "home"},
            {"system": "email", "value": f"p{draw.randrange(10**6)}@example.org"},
        ],
        "gender": "female" if rare < 0.5 else "male",
        "birthDate": _day(draw, 1930, 80)[: 7 if 0.6 < rare < 0.62 else 10],
        "address": [
            {
                "use": "home",
                "line": [f"{draw.randrange(1, 999)} {draw.choice(_FAMILY)} Quay Apt {draw.randrange(99)}"],
                "city": city,
                "state": state,
                "postalCode": postal,
                "country": "US",
            }
        ],
        "maritalStatus": {"coding": [_coding(_TERMINOLOGY + "v3-MaritalStatus", "M", "Married")], "text": "Married"},
        "communication": [{"language": {"coding": [_coding("urn:ietf:bcp:47", "en-US", "English (United States)")]}}],
    }
    if rare > 0.9:
        made["deceasedDateTime"] = _moment(draw)
    return made


def imaging_study(draw: random.Random) -> dict[str, Any]:
    """One study of one to four series of one to four instances each."""
    code, name, storage, storage_name = draw.choice(_MODALITIES)
    root, moment = f"1.2.840.99999999.{draw.getrandbits(30)}", _moment(draw)
    site, site_name = draw.choice(_SITES)
    modality = _coding("http://dicom.nema.org/resources/ontology/DCM", code, name)
    series = []
    for i in range(1, draw.choice((1, 1, 2, 2, 3, 4)) + 1):
        instances = draw.randrange(1, 5)
        one: dict[str, Any] = {
            "uid": f"{root}.{i}",
            "number": i,
            "modality": modality,
            "description": f"{site_name} series {i}",
            "numberOfInstances": instances,
            "bodySite": _coding(_SNOMED, site, site_name),
            "started": moment,
            "instance": [
                {
                    "uid": f"{root}.{i}.{n}",
                    "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{storage}", "display": storage_name},
                    "number": n,
                    "title": f"Image {n}",
                }
                for n in range(1, instances + 1)
            ],
        }
        if draw.random() < 0.1:
            del one["bodySite"]
        series.append(one)
    made: dict[str, Any] = {
        "resourceType": "ImagingStudy",
        "id": _uuid(draw),
        "meta": {"versionId": "1", "lastUpdated": moment},
        "identifier": [{"use": "official", "system": "urn:dicom:uid", "value": f"urn:oid:{root}"}],
        "status": "available",
        "modality": [modality],
        "subject": {"reference": f"Patient/{draw.getrandbits(20):08x}"},
        "started": moment,
        "numberOfSeries": len(series),
        "description": f"{name} of {site_name}",
        "series": series,
    }
    if draw.random() < 0.02:  # a study whose images are elsewhere
        del made["series"]
    return made


_MAKERS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "Observation": observation,
    "Patient": patient,
    "ImagingStudy": imaging_study,
}


def block(type_: str, number: int, size: int = BLOCK) -> bytes:
    """Block ``number`` of a type, up to 10,000 resources: always the same bytes."""
    make, draw = _MAKERS[type_], random.Random(f"{_FORMAT}/{type_}/{number}")
    return b"".join(orjson.dumps(make(draw), option=orjson.OPT_APPEND_NEWLINE) for _ in range(size))


def blocks(type_: str, size: int, first: int = 0) -> Iterator[bytes]:
    """So many resources of a type, block by block."""
    for start in range(0, size, BLOCK):
        yield block(type_, first + start // BLOCK, min(BLOCK, size - start))


def file(folder: Path, type_: str, size: int, first: int = 0) -> Path:
    """The kept NDJSON file of so many resources from block ``first`` on, made when it is not there yet."""
    path = folder / f"{type_}.{_FORMAT}.{first}.{size}.ndjson"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        half_done = path.with_suffix(".part")
        with half_done.open("wb") as out:
            for made in blocks(type_, size, first):
                out.write(made)
        half_done.replace(path)
    return path


def identity() -> str:
    """A short hash of what the generator writes: a measurement belongs to the data it was taken on."""
    return hashlib.sha256(b"".join(block(type_, 0, 100) for type_ in TYPES)).hexdigest()[:16]
