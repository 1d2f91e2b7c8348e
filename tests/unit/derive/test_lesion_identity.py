"""Which lesion an Observation measures, by each way a study may say it: component, BodyStructure, identifier.

Oracle: docs/derivation.md, "Response from lesion measurements": measurements of one identity are one lesion's, so that
a target of 50 mm before treatment and 30 mm after it is a partial response; without an identity there is none.
"""

from __future__ import annotations

from typing import Any

import pytest

from analysis.derive import Derived
from tests.unit.derive.hospital import S, counted, only
from tests.unit.derive.test_deriving_lesions import Clinic

SYSTEM = "https://radiology.hospital.example/lesions"
STRUCTURE = {"identity": None, "identity_by": "body-structure"}
IDENTIFIER = {"identity": None, "identity_by": "identifier", "identity_system": SYSTEM}
UNSURE, NAMELESS = "with several identities, not used", "without identity"


class Radiology(Clinic):
    """A clinic whose lesions no component names."""

    def measure(self, when: int, size: float) -> str:
        made = self.observe("p1", "lesion", when, body_site_system=S, body_site="liver", performer_id="r1")
        self.part("p1", made, "lesion-contrast", value_system=S, value_code="bright")
        self.part("p1", made, "lesion-size", value_quantity=size, value_unit_code="mm")
        return made

    def points(self, made: str, structure: str | None) -> None:
        self.add("observation_body_structure", id=made, patient_id="p1", body_structure_id=structure)

    def called(self, made: str, value: str, system: str | None = SYSTEM) -> None:
        self.add("observation_identifier", id=made, patient_id="p1", identifier_system=system, identifier_value=value)


def course() -> tuple[Radiology, str, str]:
    """A lesion of 50 mm before treatment and one of 30 mm on day 60, and the two Observations' ids."""
    clinic = Radiology()
    clinic.subject(assessed=False)
    return clinic, clinic.measure(-5, 50), clinic.measure(60, 30)


def outcome(derived: Derived) -> str:
    return str(only(derived.adtr, ADY=60)["AVALC"])


def test_one_body_structure_is_one_lesion() -> None:
    clinic, before, after = course()
    clinic.points(before, "b1")
    clinic.points(after, "b1")
    assert outcome(clinic.measured(**STRUCTURE)) == "PR"


def test_another_body_structure_is_another_lesion() -> None:
    """Not there at baseline, so new: progression (docs/derivation.md, "New lesions")."""
    clinic, before, after = course()
    clinic.points(before, "b1")
    clinic.points(after, "b2")
    assert outcome(clinic.measured(**STRUCTURE)) == "PD"


def test_one_structure_named_twice_is_one() -> None:
    """mCODE names it in focus, R4's extension at the body site: a server may send both."""
    clinic, before, after = course()
    for made in (before, after, after):
        clinic.points(made, "b1")
    clinic.points(after, None)
    derived = clinic.measured(**STRUCTURE)
    assert outcome(derived) == "PR"
    assert counted(derived, UNSURE) == counted(derived, NAMELESS) == 0


@pytest.mark.parametrize("way", [STRUCTURE, IDENTIFIER], ids=["body-structure", "identifier"])
def test_two_identities_are_none_and_are_counted(way: dict[str, Any]) -> None:
    clinic, before, after = course()
    for made, names in ((before, ("1",)), (after, ("1", "2"))):
        for name in names:
            clinic.points(made, name)
            clinic.called(made, name)
    derived = clinic.measured(**way)
    assert derived.adtr is not None
    assert derived.adtr.empty
    assert (counted(derived, UNSURE), counted(derived, NAMELESS)) == (1, 0)


@pytest.mark.parametrize("way", [STRUCTURE, IDENTIFIER], ids=["body-structure", "identifier"])
def test_without_an_identity_there_is_no_lesion_and_it_is_counted(way: dict[str, Any]) -> None:
    clinic, before, after = course()
    clinic.points(before, "1")
    clinic.points(after, None)
    clinic.called(before, "1")
    clinic.called(after, "1", "urn:another")
    clinic.called(after, "1", None)
    derived = clinic.measured(**way)
    assert derived.adtr is not None
    assert derived.adtr.empty
    assert (counted(derived, UNSURE), counted(derived, NAMELESS)) == (0, 1)


def test_an_identifier_of_the_system_however_it_is_written() -> None:
    clinic, before, after = course()
    clinic.called(before, "L1", "http://radiology.hospital.example/lesions/")
    clinic.called(after, " L1 ")
    clinic.called(after, "2020-77", "urn:accession")
    assert outcome(clinic.measured(**IDENTIFIER)) == "PR"


def test_of_two_answers_of_the_component_the_lowest_counts() -> None:
    clinic, before, after = course()
    clinic.part("p1", before, "lesion-name", value_string="L1")
    clinic.part("p1", after, "lesion-name", value_string="L2")
    clinic.part("p1", after, "lesion-name", value_string="L1")
    derived = clinic.measured()
    assert outcome(derived) == "PR"
    assert counted(derived, UNSURE) == 0
