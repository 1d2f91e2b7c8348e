"""The part of the study language that says how lesion measurements look, from which a response is derived."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from analysis.study.base import Frozen, WindowText

ANSWERS = ("target", "non-target", "new", "enhancing", "not-enhancing", "CR", "non-CR/non-PD", "PD", "NE")
"""What the answers of a lesion's components may mean: its role, its arterial enhancement, a non-target's response."""


class Lesions(Frozen):
    """One Observation is one lesion on one day; what is said of it stands in components, found by their codes.

    The lesion's identity is the answer of a component (``identity``), the BodyStructure the Observation points to, or
    its own identifier of ``identity_system``.

    Lengths are in millimetres. ``absolute_mm`` is RECIST 1.1's least growth of the sum for progression, which mRECIST
    as published does not ask for: 0 leaves it out.
    """

    list_: str = Field(alias="list")
    identity_by: Literal["component", "body-structure", "identifier"] = "component"
    identity: str | None = None  # code list of the component that names the lesion
    identity_system: str | None = Field(None, min_length=1)  # of the identifier that names the lesion
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

    @model_validator(mode="after")
    def _named_one_way(self) -> Self:
        if self.identity_by == "component" and not self.identity:
            raise ValueError("identity is missing: name the list of the component with the lesion's name")
        if self.identity_by == "identifier" and not self.identity_system:
            raise ValueError("identity_system is missing: an identifier needs its system named")
        if self.identity and self.identity_by != "component":
            raise ValueError('identity belongs to identity_by = "component": leave it out')
        if self.identity_system and self.identity_by != "identifier":
            raise ValueError('identity_system belongs to identity_by = "identifier": leave it out')
        return self

    @property
    def lists(self) -> tuple[str, ...]:
        """Every code list named here, once."""
        asked = (self.list_, self.identity, self.diameter, self.role, self.enhancement, self.status)
        return tuple(dict.fromkeys(name for name in asked if name))
