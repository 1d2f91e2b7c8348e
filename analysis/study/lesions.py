"""The part of the study language that says how lesion measurements look, from which a response is derived."""

from __future__ import annotations

from pydantic import Field

from analysis.study.base import Frozen, WindowText

ANSWERS = ("target", "non-target", "new", "enhancing", "not-enhancing", "CR", "non-CR/non-PD", "PD", "NE")
"""What the answers of a lesion's components may mean: its role, its arterial enhancement, a non-target's response."""


class Lesions(Frozen):
    """One Observation is one lesion on one day; what is said of it stands in components, found by their codes.

    Lengths are in millimetres. ``absolute_mm`` is RECIST 1.1's least growth of the sum for progression, which mRECIST
    as published does not ask for: 0 leaves it out.
    """

    list_: str = Field(alias="list")
    identity: str  # code list of the component that names the lesion
    diameter: str | None = None  # of the component with the viable diameter; else the Observation's own value
    role: str | None = None
    enhancement: str | None = None
    status: str | None = None  # of a non-target lesion
    values: str | None = None  # ConceptMap of all coded answers to ANSWERS
    window: WindowText  # where the baseline is looked for, up to the index date
    min_mm: float = Field(10, gt=0)
    per_organ: int = Field(2, ge=1)
    in_all: int = Field(5, ge=1)
    absolute_mm: float = Field(0, ge=0)

    @property
    def lists(self) -> tuple[str, ...]:
        """Every code list named here, once."""
        asked = (self.list_, self.identity, self.diameter, self.role, self.enhancement, self.status)
        return tuple(dict.fromkeys(name for name in asked if name))
