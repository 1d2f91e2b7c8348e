"""The Veterans' Administration lung cancer trial as FHIR R4, from ``veteran.csv`` beside this file.

The file is R's ``survival::veteran`` (package licence LGPL >= 2), printed in Kalbfleisch and Prentice, The Statistical
Analysis of Failure Time Data (1980). Of each of the 137 men it says: treatment, cell type, Karnofsky score, months from
diagnosis, age, earlier therapy, days to death or censoring. All calendar dates follow from an invented index date.
With ``patients`` so many men are drawn from the 137, the same again for the same seed.
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

INVENTED = "https://bedside.example/fhir/CodeSystem/veteran-invented"
LOINC = "http://loinc.org"
FIRST_INDEX, LAST_INDEX = date(1966, 1, 3), date(1968, 12, 30)
REGIMENS = {"1": ("standard", "Standard chemotherapy"), "2": ("test", "Test chemotherapy")}
CELLS = {"squamous": "Squamous cell", "smallcell": "Small cell", "adeno": "Adenocarcinoma", "large": "Large cell"}


def write(out: Path, patients: int | None, seed: int, progress: Callable[[str, int, int], None]) -> dict[str, int]:
    """Write the trial, or a cohort drawn from it, into the folder ``out``; the lines by type."""
    with (Path(__file__).parent / "veteran.csv").open(encoding="utf-8", newline="") as file:
        men = list(csv.DictReader(file))
    men = drawn(men, patients, seed)
    made = (list(_resources(n, man)) for n, man in enumerate(men))
    return write_subjects(out, made, len(men), progress)


def _resources(n: int, man: dict[str, str]) -> Iterator[Json]:
    key = f"V{n + 1:04d}"
    index = index_date(FIRST_INDEX, LAST_INDEX, n)
    patient: Json = {"reference": f"Patient/{key}"}
    days, dead = int(man["time"]), man["status"] == "1"

    def observation(suffix: str, day: int, code: Json, **value: Any) -> Json:
        return {
            "resourceType": "Observation", "id": f"{key}-{suffix}", "status": "final", "subject": patient,
            "code": code, "effectiveDateTime": dated(index, day), **value,
        }  # fmt: skip

    died = {"deceasedDateTime": dated(index, days)} if dead else {}
    born = birthday(index, int(man["age"]), n)
    yield {"resourceType": "Patient", "id": key, "gender": "male", "birthDate": born, **died}
    yield {
        "resourceType": "Condition", "id": f"{key}-cancer", "subject": patient,
        "verificationStatus": {"coding": [{"system": VERIFICATION, "code": "confirmed"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "C34.9"}]},
        "onsetDateTime": dated(index, -round(int(man["diagtime"]) * 30.4375)),
    }  # fmt: skip
    yield {
        "resourceType": "Procedure", "id": f"{key}-chemotherapy", "status": "completed", "subject": patient,
        "code": _concept("chemotherapy", "Chemotherapy for lung cancer"), "performedDateTime": dated(index, 0),
        "usedCode": [_concept(*REGIMENS[man["trt"]])],
    }  # fmt: skip
    cell = man["celltype"]
    yield observation("cell", -10, _concept("cell-type", "Cell type"), valueCodeableConcept=_concept(cell, CELLS[cell]))
    karnofsky = {"coding": [{"system": LOINC, "code": "89243-0", "display": "Karnofsky Performance Status score"}]}
    yield observation("karnofsky", -1, karnofsky, valueInteger=int(man["karno"]))
    months = {"value": int(man["diagtime"]), "unit": "mo", "system": "http://unitsofmeasure.org", "code": "mo"}
    yield observation("diagnosis", 0, _concept("months-from-diagnosis", "Time from diagnosis"), valueQuantity=months)
    prior = ("prior-yes", "Yes") if man["prior"] == "10" else ("prior-no", "No")
    yield observation("prior", -1, _concept("prior-therapy", "Earlier therapy"), valueCodeableConcept=_concept(*prior))
    if not dead:
        contact = {"coding": [{"system": LOINC, "code": "21975-8", "display": "Date of last contact"}]}
        yield observation("contact", days, contact, valueDateTime=dated(index, days))


def _concept(code: str, display: str) -> Json:
    return {"coding": [{"system": INVENTED, "code": code, "display": f"{display} (invented code)"}]}
