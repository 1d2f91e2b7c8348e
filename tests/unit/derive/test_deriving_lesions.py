"""Lesion measurements as FHIR tables: what is read, whose measurements count, and which source the study goes by.

Oracle: docs/derivation.md, "Response from lesion measurements"; every expected value follows from the rule by hand.
"""

from __future__ import annotations

from typing import Any

import pytest

from analysis.derive import Derived
from mappings.codelists import CodeEntry, CodeList
from tests.unit.derive.hospital import KEY, STUDY, Hospital, S, codes, counted, mapping, maps, only, study

PARTS = ("lesion-name", "lesion-size", "lesion-role", "lesion-contrast", "lesion-status")
ANSWERS = {"target": "target", "other": "non-target", "new": "new", "bright": "enhancing", "dark": "not-enhancing"}
LESIONS: dict[str, Any] = {
    "list": "lesion",
    "identity": "lesion-name",
    "diameter": "lesion-size",
    "role": "lesion-role",
    "enhancement": "lesion-contrast",
    "status": "lesion-status",
    "values": "lesion",
    "window": "-56..0",
}


class Clinic(Hospital):
    """A hospital that also measures lesions."""

    def lesion(self, patient: str, when: int, name: str, size: float | None, **more: Any) -> str:
        parts = {"contrast": "dark" if size == 0 else "bright", "unit": "mm", "site": "liver", **more}
        row = {k: v for k, v in parts.items() if k in ("performer_id", "issued", "status")}
        made = self.observe(
            patient, "lesion", when, body_site_system=S, body_site=parts["site"], **{"performer_id": "r1", **row}
        )
        self.part(patient, made, "lesion-name", value_string=name)
        self.part(patient, made, "lesion-contrast", value_system=S, value_code=parts["contrast"])
        if size is not None:
            self.part(patient, made, "lesion-size", value_quantity=size, value_unit_code=parts["unit"])
        if "role" in parts:
            self.part(patient, made, "lesion-role", value_system=S, value_code=parts["role"])
        return made

    def part(self, patient: str, made: str, code: str, **row: Any) -> None:
        self.add("observation_component", id=made, patient_id=patient, code_system=S, code=code, **row)

    def measured(self, source: str = "recorded", **more: Any) -> Derived:
        from analysis.derive import derive

        lists = {**STUDY["list"], "lesion": {"table": "observation"}}
        lists |= {name: {"table": "observation_component"} for name in PARTS}
        asked = {**STUDY["response"], "source": source, "lesions": {**LESIONS, **more}}
        made = {name: CodeList(name, entries=(CodeEntry(S, name),)) for name in lists}
        translations = maps() | {"lesion": mapping("lesion", ANSWERS)}
        return derive(study(list=lists, response=asked), codes() | made, translations, self.tables(), KEY, {})


def course(*sizes: tuple[int, float], recorded: bool = True) -> Clinic:
    """A subject with one target of 50 mm before treatment, and then these days and sizes; recorded stable on day 60."""
    clinic = Clinic()
    clinic.subject(assessed=recorded)
    clinic.lesion("p1", -5, "L1", 50)
    for day, size in sizes:
        clinic.lesion("p1", day, "L1", size)
    return clinic


def best(derived: Derived, parameter: str = "BOR") -> str:
    return str(only(derived.adrs, PARAMCD=parameter)["AVALC"])


def test_recorded_counts_and_derived_stands_apart() -> None:
    derived = course((60, 30)).measured()
    assert (best(derived), best(derived, "DRVBOR")) == ("SD", "PR")
    assert only(derived.adrs, PARAMCD="OVRLRESP")["AVALC"] == "SD"
    assert only(derived.adrs, PARAMCD="DRVRESP")["AVALC"] == "PR"


def test_derived_counts_and_recorded_stands_apart() -> None:
    derived = course((60, 30)).measured("derived")
    assert (best(derived), best(derived, "RECBOR")) == ("PR", "SD")
    assert only(derived.adrs, PARAMCD="RECRESP")["AVALC"] == "SD"


def test_recorded_then_derived_fills_the_days_without_a_reading() -> None:
    derived = course((60, 30), (120, 60)).measured("recorded-then-derived")
    used = derived.adrs[derived.adrs["PARAMCD"] == "OVRLRESP"]
    assert list(zip(used["ADY"], used["AVALC"], strict=True)) == [(60, "SD"), (120, "PD")]
    assert best(derived) == "SD"


def test_a_derived_progression_ends_progression_free_survival() -> None:
    derived = course((60, 30), (120, 60)).measured("derived")
    row = only(derived.adtte, PARAMCD="PFS")
    assert (row["AVAL"], row["CNSR"]) == (120, 0)
    named = derived.adrs[derived.adrs["ASEQ"] == row["SRCSEQ"]]
    assert list(named["PARAMCD"]) == ["OVRLRESP"]


def test_a_derived_progression_is_no_event_of_a_study_that_goes_by_what_was_recorded() -> None:
    """docs/architecture.md: DRVRESP is the source the study does not go by."""
    derived = course((60, 30), (120, 60)).measured()
    assert list(derived.adrs[derived.adrs["AVALC"] == "PD"]["PARAMCD"]) == ["DRVRESP"]
    row = only(derived.adtte, PARAMCD="PFS")
    assert (row["AVAL"], row["CNSR"]) == (60, 1)


def test_the_other_best_response_names_the_measurement_it_rests_on() -> None:
    derived = course((60, 30)).measured()
    rests = only(derived.adrs, PARAMCD="DRVBOR")["SRCREF"]
    assert rests == only(derived.adtr, ADY=60)["SRCREF"] == only(derived.adrs, PARAMCD="DRVRESP")["SRCREF"]


def test_a_study_without_lesions_has_no_tumour_results() -> None:
    clinic = Clinic()
    clinic.subject()
    assert clinic.derive().adtr is None


def test_the_sum_and_its_changes() -> None:
    row = only(course((60, 30)).measured().adtr, ADY=60)
    assert (row["BASE"], row["AVAL"], row["CHG"], row["PCHG"], row["NADIR"]) == (50, 30, -20, -40, 50)


def test_centimetres_are_millimetres() -> None:
    clinic = course()
    clinic.lesion("p1", 60, "L1", 3.5, unit="cm")
    assert only(clinic.measured().adtr, ADY=60)["AVALC"] == "PR"


def test_the_status_of_the_observation_is_no_status_of_the_lesion() -> None:
    clinic = course((60, 0))
    for when in (-5, 60):
        made = clinic.lesion("p1", when, "L2", None, role="other", status="amended")
        if when == 60:
            clinic.part("p1", made, "lesion-status", value_system=S, value_code="unknown")
    derived = clinic.measured()
    assert only(derived.adtr, ADY=60)["NTRGRESP"] == "non-CR/non-PD"
    assert counted(derived, "status unmapped") == 1


def test_the_adjudicators_measurements_go_before_the_first_readers() -> None:
    clinic = course((60, 50))
    clinic.lesion("p1", 60, "L1", 30, performer_id="r3")
    derived = clinic.measured()
    assert only(derived.adtr, ADY=60)["AVALC"] == "PR"
    assert counted(derived, "another reader's measurements of the day are used") == 1


def test_a_reader_the_study_does_not_name_is_not_used() -> None:
    clinic = course()
    clinic.lesion("p1", 60, "L1", 30, performer_id="stranger")
    derived = clinic.measured()
    assert derived.adtr is not None
    assert derived.adtr.empty


def test_the_later_issued_of_two_measurements_counts() -> None:
    clinic = course()
    clinic.lesion("p1", 60, "L1", 50, issued="2020-05-01T08:00:00Z")
    clinic.lesion("p1", 60, "L1", 30, issued="2020-05-01T09:00:00Z")
    derived = clinic.measured()
    assert only(derived.adtr, ADY=60)["AVALC"] == "PR"


def test_a_lesion_without_identity_is_counted_and_not_used() -> None:
    clinic = course((60, 30))
    made = clinic.observe("p1", "lesion", 60, body_site_system=S, body_site="liver", performer_id="r1")
    clinic.part("p1", made, "lesion-size", value_quantity=90, value_unit_code="mm")
    derived = clinic.measured()
    assert only(derived.adtr, ADY=60)["AVALC"] == "PR"
    assert counted(derived, "without identity") == 1


def test_a_new_lesion_elsewhere_is_no_progression_in_the_liver() -> None:
    clinic = course((60, 30))
    clinic.lesion("p1", 60, "N1", 20, role="new", site="lung")
    row = only(clinic.measured().adtr, ADY=60)
    assert (row["AVALC"], row["NEWSITE"], row["NEWELSE"]) == ("PR", "N", "Y")


@pytest.mark.parametrize("site", ["liver", None])
def test_the_order_of_arrival_changes_nothing(site: str | None) -> None:
    clinic = course((60, 30), (120, 60))
    clinic.lesion("p1", 120, "N1", 20, role="new", site=site or "lung")
    first = clinic.measured("derived")
    for rows in clinic.rows.values():
        rows.reverse()
    again = clinic.measured("derived")
    assert first.adtr is not None
    assert again.adtr is not None
    assert first.adtr.equals(again.adtr)
    assert first.adrs.equals(again.adrs)
