"""The Mayo Clinic trial in primary biliary cholangitis as FHIR R4, from ``pbc.csv`` beside this file.

The file is R's ``survival::pbc`` (package licence LGPL >= 2), its 312 randomised patients: Fleming and Harrington,
Counting Processes and Survival Analysis (1991); Therneau and Grambsch, Modeling Survival Data (2000). Of each patient
it says: treatment (1 D-penicillamine, 2 placebo), age in whole years, sex, days to the end, how it ended (0 last
contact, 1 liver transplant, 2 death), bilirubin (mg/dL), albumin (g/dL), prothrombin time (s), oedema (0, 0.5, 1). All
calendar dates follow from an invented index date. With ``patients`` so many are drawn from the 312, the same again for
the same seed.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from flows.sample_files import write_subjects
from flows.sample_trials import VERIFICATION, birthday, dated, drawn, index_date

Json = dict[str, Any]

INVENTED = "https://bedside.example/fhir/CodeSystem/pbc-invented"
LOINC = "http://loinc.org"
FIRST_INDEX, LAST_INDEX = date(1974, 1, 7), date(1984, 5, 30)
DRUGS = {"1": ("penicillamine", "D-penicillamine"), "2": ("placebo", "Placebo")}
OEDEMA = {"0": ("none", "No oedema"), "0.5": ("slight", "Slight oedema"), "1": ("marked", "Oedema despite diuretics")}
SEXES = {"f": "female", "m": "male"}
MEASURED = (("bilirubin", "bili", "1975-2", "mg/dL"), ("albumin", "albumin", "1751-7", "g/dL"),
            ("prothrombin", "protime", "5902-2", "s"))  # fmt: skip


def write(out: Path, patients: int | None, seed: int, progress: Callable[[str, int, int], None]) -> dict[str, int]:
    """Write the trial, or a cohort drawn from it, into the folder ``out``; the lines by type."""
    with (Path(__file__).parent / "pbc.csv").open(encoding="utf-8", newline="") as file:
        everyone = list(csv.DictReader(file))
    everyone = drawn(everyone, patients, seed)
    made = (list(_resources(n, one)) for n, one in enumerate(everyone))
    return write_subjects(out, made, len(everyone), progress)


def _resources(n: int, one: dict[str, str]) -> Iterator[Json]:
    key = f"P{n + 1:04d}"
    index = index_date(FIRST_INDEX, LAST_INDEX, n)
    patient: Json = {"reference": f"Patient/{key}"}
    days = int(one["time"])

    def observation(suffix: str, day: int, code: Json, **value: Any) -> Json:
        return {
            "resourceType": "Observation", "id": f"{key}-{suffix}", "status": "final", "subject": patient,
            "code": code, "effectiveDateTime": dated(index, day), **value,
        }  # fmt: skip

    died = {"deceasedDateTime": dated(index, days)} if one["status"] == "2" else {}
    born = birthday(index, int(one["age"]), n)
    yield {"resourceType": "Patient", "id": key, "gender": SEXES[one["sex"]], "birthDate": born, **died}
    yield {
        "resourceType": "Condition", "id": f"{key}-disease", "subject": patient,
        "verificationStatus": {"coding": [{"system": VERIFICATION, "code": "confirmed"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "K74.3"}]},
        "onsetDateTime": dated(index, -300),
    }  # fmt: skip
    yield {
        "resourceType": "Procedure", "id": f"{key}-treatment", "status": "completed", "subject": patient,
        "code": _concept("trial-treatment", "Start of the trial's treatment"), "performedDateTime": dated(index, 0),
        "usedCode": [_concept(*DRUGS[one["trt"]])],
    }  # fmt: skip
    for suffix, column, code, unit in MEASURED:
        value = {"value": float(one[column]), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
        yield observation(suffix, -1, {"coding": [{"system": LOINC, "code": code}]}, valueQuantity=value)
    level, words = OEDEMA[one["edema"]]
    oedema = _concept(f"oedema-{level}", words)
    yield observation("oedema", -1, _concept("oedema", "Oedema"), valueCodeableConcept=oedema)
    if one["status"] == "1":
        snomed = {"system": "http://snomed.info/sct", "code": "18027006", "display": "Transplantation of liver"}
        yield {
            "resourceType": "Procedure", "id": f"{key}-transplant", "status": "completed", "subject": patient,
            "code": {"coding": [snomed]}, "performedDateTime": dated(index, days),
        }  # fmt: skip
    elif one["status"] == "0":
        contact = {"coding": [{"system": LOINC, "code": "21975-8", "display": "Date of last contact"}]}
        yield observation("contact", days, contact, valueDateTime=dated(index, days))


def _concept(code: str, display: str) -> Json:
    return {"coding": [{"system": INVENTED, "code": code, "display": f"{display} (invented code)"}]}
