"""Three simulated hospitals for the demo of the dashboard: what each has on file, and what it sends on a night.

Made up by a seeded generator; nobody is behind it. Only the study in ``demo/dashboard`` knows the codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

INVENTED = "https://bedside.example/fhir/CodeSystem/nights-invented"
LOINC, ICD10, UCUM = "http://loinc.org", "http://hl7.org/fhir/sid/icd-10", "http://unitsofmeasure.org"
HAEMOGLOBIN, LEUKOCYTES, CREATININE = "718-7", "6690-2", "2160-0"

VOLUME_DROPS, UNIT_CHANGES, STOPS_SENDING = 52, 55, 57
"""The nights from which birch sends two thirds of its observations, alder haemoglobin in g/L, and cedar nothing."""
RENAMED, BOOKED = range(58, 60), range(60, 61)
"""The nights on which alder sends creatinine under a code of its own, and encounters that are only booked."""

_YEARS = 4
_FOLLOWED_DAYS = 360
_PATIENTS = {"alder": 230, "birch": 215, "cedar": 205}
HOSPITALS = tuple(_PATIENTS)
_LABS = (
    (HAEMOGLOBIN, "Hemoglobin [Mass/volume] in Blood", "g/dL", 12.5, 1.4),
    (LEUKOCYTES, "Leukocytes [#/volume] in Blood", "10*9/L", 6.8, 1.8),
    (CREATININE, "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.95, 0.2),
)


@dataclass
class OnFile:
    """All rows a hospital will have, by view; ``seen`` is the day from which a server sends a row."""

    site: str
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, view: str, seen: date, **columns: Any) -> None:
        rows = self.rows.setdefault(view, [])
        if "id" not in columns:
            columns["id"] = f"{view.replace('_', '-')}-{len(rows)}"
        rows.append({"site": self.site, "version": "1", "seen": seen, **columns})

    def frames(self) -> dict[str, pd.DataFrame]:
        import pandas as pd

        return {view: pd.DataFrame(rows) for view, rows in self.rows.items()}


def on_file(site: str, last: date, seed: int) -> dict[str, pd.DataFrame]:
    """What one hospital has on file up to the day ``last``: the same for the same seed, by view."""
    import numpy as np

    rng = np.random.default_rng([seed, HOSPITALS.index(site)])
    made = OnFile(site)
    # Evenly, as a hospital with one theatre treats. Some after the last night, who have been diagnosed before it.
    n = _PATIENTS[site]
    days = (np.arange(n) + rng.random(n)) * (365 * _YEARS + 45) / n
    for number, day in enumerate(days):
        _patient(made, f"p{number:04}", last - timedelta(days=365 * _YEARS - int(day)), number, rng)
    return made.frames()


def _patient(made: OnFile, patient: str, index: date, number: int, rng: np.random.Generator) -> None:
    death = index + timedelta(days=20 + int(rng.exponential(1000)))
    if made.site == "birch" and number in (40, 90):
        death = index - timedelta(days=3)  # a date of death that cannot be
    progression = index + timedelta(days=30 + int(rng.exponential(350)))
    born = date(int(_between(rng.normal(1957, 9), 1930, 1995)), int(rng.integers(1, 13)), int(rng.integers(1, 28)))
    if made.site == "alder" and number == 60:
        born = index + timedelta(days=40)  # and one of birth
    sex = "female" if rng.random() < 0.4 else "male"
    diagnosed = index - timedelta(days=int(rng.integers(20, 40)))
    made.add("patient", diagnosed, id=patient, active=True, gender=sex, birth_date=str(born), dies=death)
    _coded(made, "condition", diagnosed, patient, ICD10, "C22.0", "Liver cell carcinoma", recorded_date=str(diagnosed),
           verification_status="confirmed")  # fmt: skip
    for code, words, share in (("I10", "Essential (primary) hypertension", 0.4), ("E11.9", "Type 2 diabetes", 0.2)):
        if rng.random() < share:
            _coded(made, "condition", diagnosed, patient, ICD10, code, words, recorded_date=str(diagnosed))
    kind = "ablation" if rng.random() < 0.5 else "embolisation"
    _coded(made, "procedure", index, patient, INVENTED, kind, f"{kind.capitalize()} of a liver tumour (invented code)",
           performed_date=str(index), status="completed")  # fmt: skip
    _labs(made, patient, index - timedelta(days=int(rng.integers(1, 20))), rng)
    alive_to = max(death, index)
    for visit in _visits(index, alive_to, 30, rng):
        made.add("encounter", visit, patient_id=patient, status="finished", class_code="AMB", period_start=str(visit))
        _labs(made, patient, visit, rng)
    for quarter in range(1, 4 * _YEARS):  # later a call every three months
        call = index + timedelta(days=_FOLLOWED_DAYS + 91 * quarter + int(rng.integers(-7, 8)))
        if call < alive_to:
            made.add("encounter", call, patient_id=patient, status="finished", class_code="VR", period_start=str(call))
    if rng.random() < 0.97:
        for visit in _visits(index, min(alive_to, progression + timedelta(days=75)), 60, rng):
            _assessment(
                made, patient, visit, "PD" if visit >= progression else str(rng.choice(["PR", "SD", "SD"])), rng
            )


def _between(value: float, low: float, high: float) -> float:
    """``value`` between the two ends."""
    return max(low, min(high, value))


def _visits(index: date, end: date, every: int, rng: np.random.Generator) -> Iterator[date]:
    for planned in range(every, _FOLLOWED_DAYS + 1, every):
        visit = index + timedelta(days=planned + int(rng.integers(-4, 5)))
        if visit < end:
            yield visit


def _labs(made: OnFile, patient: str, day: date, rng: np.random.Generator) -> None:
    for code, words, unit, mean, spread in _LABS:
        value = round(float(max(mean / 4, rng.normal(mean, spread))), 2)
        system = LOINC
        if made.site == "alder" and code == HAEMOGLOBIN and rng.random() < 0.08:
            system, code, words = "urn:alder:laboratory", "HB-POC", "Hemoglobin, point of care"
        _coded(made, "observation", day, patient, system, code, words, effective_date=str(day), status="final",
               value_quantity=value, value_unit=unit, value_unit_system=UCUM, value_unit_code=unit)  # fmt: skip


def _assessment(made: OnFile, patient: str, day: date, level: str, rng: np.random.Generator) -> None:
    system, code = INVENTED, "tumour-response"
    if made.site == "birch" and rng.random() < 0.05:
        system, code = "urn:birch:forms", "RESP-2"
    number = len(made.rows.get("observation", []))
    _coded(made, "observation", day, patient, system, code, "Response of the tumour", effective_date=str(day),
           status="final")  # fmt: skip
    made.add("observation_value", day, id=f"observation-{number}", patient_id=patient, code_system=INVENTED, code=level)


def _coded(
    made: OnFile, view: str, seen: date, patient: str, system: str, code: str, words: str, **columns: Any
) -> None:
    made.add(view, seen, patient_id=patient, code_system=system, code=code, code_display=words, **columns)


def sent(site: str, files: Mapping[str, pd.DataFrame], night: int, day: date) -> dict[str, pd.DataFrame]:
    """What the hospital's server sends before the morning of ``day``, the ``night``-th (from 1), with its faults."""
    if site == "cedar" and night >= STOPS_SENDING:
        return {view: rows.head(0) for view, rows in files.items()}
    here = {view: rows[rows["seen"] < day].copy() for view, rows in files.items()}
    people = here["patient"]
    dead = people["dies"] < day
    here["patient"] = people.assign(
        deceased=dead.where(dead, None), deceased_date=people["dies"].astype(str).where(dead, None)
    )
    seen = here["observation"]
    if site == "birch" and night >= VOLUME_DROPS:
        here["observation"] = seen[seen["id"].str.rpartition("-")[2].astype(int) % 3 != 0]
    if site == "alder" and night >= UNIT_CHANGES:
        changed = seen["code"].isin([HAEMOGLOBIN, "HB-POC"])
        seen.loc[changed, ["value_unit", "value_unit_code"]] = "g/L"
        seen.loc[changed, "value_quantity"] *= 10
    if site == "alder" and night in RENAMED:
        renamed = seen["code"] == CREATININE
        seen.loc[renamed, ["code_system", "code"]] = ["urn:alder:laboratory", "KREA"]
    if site == "alder" and night in BOOKED:
        booked = here["encounter"].tail(12)
        later = str(day + timedelta(days=14))
        more = booked.assign(id="booked-" + booked["id"], status="planned", period_start=later)
        import pandas as pd

        here["encounter"] = pd.concat([here["encounter"], more], ignore_index=True)
    return here
