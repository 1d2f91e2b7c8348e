"""The contrast phases of the scan an assessment rests on.

Oracle: docs/derivation.md, "Response": the phases that codes of procedures and words of descriptions tell, several as
one set in the study's order, none as unknown; series of another modality are not looked at.
"""

from __future__ import annotations

from typing import Any

import pytest

from analysis.derive import Derived, derive
from mappings.codelists import CodeEntry, CodeList
from tests.unit.derive.hospital import INDEX, KEY, STUDY, Hospital, S, codes, day, maps, only, study

PHASES = {
    "late": CodeList("late", entries=(CodeEntry(S, "LATE"),), words=("portal venous", "delayed")),
    "early": CodeList("early", entries=(CodeEntry(S, "EARLY"),), words=("arterial",)),
}
ASKED = [{"list": name, "label": name} for name in ("early", "late")]


class Radiology(Hospital):
    """One subject, assessed on day 60, with scans."""

    def __init__(self) -> None:
        super().__init__()
        self.subject()

    def scan(self, when: int = 60, modality: str | None = "CT", **more: Any) -> str:
        row = {"patient_id": "p1", "status": "available", "started": day(when), "modality": modality, **more}
        return self.add("imaging_study", **row)

    def series(self, scan: str, description: str | None, modality: str = "CT") -> None:
        self.add("imaging_series", id=scan, patient_id="p1", modality=modality, description=description)

    def did(self, scan: str, code: str | None, **more: Any) -> None:
        self.add("imaging_procedure", id=scan, patient_id="p1", code_system=S, code=code, **more)

    def seen(self, phases: list[dict[str, str]] | None = None) -> Derived:
        lists = STUDY["list"] | {name: {"table": "imaging_study"} for name in PHASES}
        imaging = {**STUDY["response"]["imaging"], "phases": ASKED if phases is None else phases}
        made = study(list=lists, response={**STUDY["response"], "imaging": imaging})
        return derive(made, codes() | PHASES, maps(), self.tables(), KEY, {})

    def phase(self) -> Any:
        return only(self.seen().adrs, PARAMCD="OVRLRESP")["IMGPHASE"]


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("Liver CT, arterial", "early"),
        ("Liver CT, DELAYED and Arterial phase", "early + late"),
        ("Liver CT, portal  venous", "late"),
        ("Liver CT without contrast", None),
        ("extraarterial", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("place", ["study", "series", "procedure"])
def test_words_of_descriptions(text: str | None, phase: str | None, place: str) -> None:
    clinic = Radiology()
    scan = clinic.scan(description=text if place == "study" else None)
    if place == "series":
        clinic.series(scan, text)
    if place == "procedure":
        clinic.did(scan, None, code_text=text)
    assert clinic.phase() == phase


def test_codes_of_procedures_and_words_together() -> None:
    clinic = Radiology()
    scan = clinic.scan()
    clinic.did(scan, "LATE")
    clinic.did(scan, "OTHER")
    clinic.series(scan, "arterial")
    assert clinic.phase() == "early + late"


def test_series_of_another_modality_are_not_looked_at() -> None:
    clinic = Radiology()
    scan = clinic.scan(modality=None)
    clinic.series(scan, "plain")
    clinic.series(scan, "arterial", "MR")
    assert only(clinic.seen().adrs, PARAMCD="OVRLRESP")["IMGMOD"] == "CT"
    assert clinic.phase() is None


def test_only_the_scan_the_assessment_rests_on() -> None:
    clinic = Radiology()
    clinic.scan(60, description="arterial")
    clinic.scan(62, description="delayed")
    assert clinic.phase() == "early"


def test_the_best_response_has_the_phase_of_its_assessment() -> None:
    clinic = Radiology()
    clinic.scan(description="arterial")
    assert only(clinic.seen().adrs, PARAMCD="BOR")["IMGPHASE"] == "early"


def test_a_study_that_names_no_phases_has_none() -> None:
    clinic = Radiology()
    clinic.scan(description="arterial")
    assert clinic.seen([]).adrs["IMGPHASE"].isna().all()


def test_no_description_is_handed_on() -> None:
    """Free text is matched and goes no further."""
    clinic = Radiology()
    clinic.series(clinic.scan(description=f"arterial, seen by Dr Unmistakable on {INDEX}"), "Unmistakable, delayed")
    derived = clinic.seen()
    for frame in (derived.adsl, derived.adrs, derived.adtte, derived.analysis_table, derived.counts):
        assert "Unmistakable" not in frame.to_csv()
