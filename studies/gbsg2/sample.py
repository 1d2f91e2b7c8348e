"""The German Breast Cancer Study Group 2 trial as FHIR R4, from the data set that lifelines ships (MIT licence).

Of each of the 686 women the data say: hormonal therapy, age, menopausal state, tumour size and grade, positive nodes,
progesterone and oestrogen receptor, days to recurrence or death, and whether that was seen. All calendar dates follow
from an invented index date; the data do not tell recurrence from death, so every event is written as a recurrence.
With ``patients`` so many women are drawn from the 686, the same again for the same seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from flows.sample_files import write_subjects
from flows.sample_trials import VERIFICATION, birthday, dated, drawn, index_date

Json = dict[str, Any]

INVENTED = "https://bedside.example/fhir/CodeSystem/gbsg2-invented"
UCUM = "http://unitsofmeasure.org"
FIRST_INDEX, LAST_INDEX = date(1984, 7, 2), date(1989, 12, 29)


def write(out: Path, patients: int | None, seed: int, progress: Callable[[str, int, int], None]) -> dict[str, int]:
    """Write the trial, or a cohort drawn from it, into the folder ``out``; the lines by type."""
    from lifelines.datasets import load_gbsg2

    women: list[Json] = load_gbsg2().to_dict("records")
    women = drawn(women, patients, seed)
    made = (list(_resources(n, woman)) for n, woman in enumerate(women))
    return write_subjects(out, made, len(women), progress)


def _resources(n: int, woman: Json) -> Iterator[Json]:
    key = f"G{n + 1:04d}"
    index = index_date(FIRST_INDEX, LAST_INDEX, n)
    patient: Json = {"reference": f"Patient/{key}"}

    def observation(suffix: str, day: int, code: str, display: str, **value: Any) -> Json:
        return {
            "resourceType": "Observation", "id": f"{key}-{suffix}", "status": "final", "subject": patient,
            "code": _concept(code, display), "effectiveDateTime": dated(index, day), **value,
        }  # fmt: skip

    yield {
        "resourceType": "Patient", "id": key, "active": True, "gender": "female",
        "birthDate": birthday(index, int(woman["age"]), n),
    }  # fmt: skip
    yield {
        "resourceType": "Condition", "id": f"{key}-cancer", "subject": patient,
        "verificationStatus": {"coding": [{"system": VERIFICATION, "code": "confirmed"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "C50.9"}]},
        "onsetDateTime": dated(index, -30),
    }  # fmt: skip
    hormone = woman["horTh"] == "yes"
    treatment = ("cmf-tamoxifen", "CMF with tamoxifen") if hormone else ("cmf", "CMF without tamoxifen")
    yield {
        "resourceType": "Procedure", "id": f"{key}-treatment", "status": "completed", "subject": patient,
        "code": _concept(*treatment), "performedDateTime": dated(index, 0),
    }  # fmt: skip
    menopause = ("post", "Postmenopausal") if woman["menostat"] == "Post" else ("pre", "Premenopausal")
    yield observation(
        "menopause", -7, "menopausal-state", "Menopausal state", valueCodeableConcept=_concept(*menopause)
    )
    yield observation("size", -5, "tumour-size", "Tumour size", valueQuantity=_quantity(woman["tsize"], "mm"))
    grade = str(woman["tgrade"])
    yield observation(
        "grade", -5, "tumour-grade", "Tumour grade", valueCodeableConcept=_concept(f"grade-{grade}", f"Grade {grade}")
    )
    yield observation("nodes", -5, "positive-nodes", "Positive lymph nodes", valueInteger=int(woman["pnodes"]))
    for suffix, code, display, column in (
        ("pgr", "progesterone-receptor", "Progesterone receptor", "progrec"),
        ("er", "oestrogen-receptor", "Oestrogen receptor", "estrec"),
    ):
        yield observation(suffix, -4, code, display, valueQuantity=_quantity(woman[column], "fmol/mg"))
    days = int(woman["time"])
    if woman["cens"] == 1:  # the column's name notwithstanding, 1 is an event
        yield {
            "resourceType": "Condition", "id": f"{key}-recurrence", "subject": patient,
            "verificationStatus": {"coding": [{"system": VERIFICATION, "code": "confirmed"}]},
            "code": _concept("recurrence", "Recurrence of breast cancer or death"), "onsetDateTime": dated(index, days),
        }  # fmt: skip
    else:
        yield observation("contact", days, "last-contact", "Last contact", valueDateTime=dated(index, days))


def _concept(code: str, display: str) -> Json:
    return {"coding": [{"system": INVENTED, "code": code, "display": f"{display} (invented code)"}]}


def _quantity(value: Any, unit: str) -> Json:
    return {"value": int(value), "unit": unit, "system": UCUM, "code": unit}
