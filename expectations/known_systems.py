"""Which code systems count as known: those lists are written in, those a study's own lists name, and FHIR's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from mappings import code_systems

if TYPE_CHECKING:
    from mappings.code_model import CodeList

RECOGNISED = frozenset(
    {
        code_systems.SNOMED, code_systems.LOINC, code_systems.ICD10, code_systems.ICD10_PCS, code_systems.ATC,
        code_systems.OPS, code_systems.RXNORM, code_systems.DICOM, code_systems.CPT,
    }
)  # fmt: skip
"""Code systems that the lists of any study are written in."""
_OWN = ("http://terminology.hl7.org/", "http://hl7.org/fhir/")


def known_to(lists: Mapping[str, CodeList]) -> frozenset[str]:
    """The systems that a study with these lists knows."""
    return RECOGNISED | {entry.system for made in lists.values() for entry in made.entries if entry.system}


def recognised(system: str, systems: Collection[str]) -> bool:
    """Whether a code system (normalised) is among ``systems``, or FHIR's own (categories, statuses)."""
    return system in systems or system.startswith(_OWN)
