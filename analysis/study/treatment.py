"""The part of the study language that says what of the treatment received is described by arm."""

from __future__ import annotations

from pydantic import Field

from analysis.study.base import Frozen


class Drug(Frozen):
    """A drug given in the sessions (MedicationAdministration.partOf), with the unit its doses are told in."""

    list_: str = Field(alias="list", description="The code list of the drug.")
    unit: str = Field(description="The UCUM unit its doses are converted to.")


class Treatment(Frozen):
    """What was used and given in the sessions, from the index on; each name is a code list."""

    materials: tuple[str, ...] = Field((), description="Code lists of materials used in the sessions.")
    sizes: tuple[str, ...] = Field(
        (), description="Code lists, of words for instance, that tell the size of the beads."
    )
    drugs: tuple[Drug, ...] = Field((), description="Drugs given in the sessions, with the unit of their doses.")

    @property
    def lists(self) -> tuple[str, ...]:
        """Every code list named here, once."""
        return tuple(dict.fromkeys((*self.materials, *self.sizes, *(drug.list_ for drug in self.drugs))))
