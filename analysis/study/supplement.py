"""The part of the study language that says what a supplement is: what chart review holds and FHIR lacks, as a CSV."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from analysis.study.base import Frozen

Prefer = Literal["record", "supplement"]


class SupplementVariable(Frozen):
    """What one variable of the CSV stands for: a code list, and how its values are read."""

    list_: str = Field(
        alias="list", description="The code list of Observations; its first code is the code of every row."
    )
    unit: str | None = Field(None, description="Values are numbers in this UCUM unit.")
    values: str | None = Field(None, description="Values are codes or levels of this ConceptMap in maps/.")
    type: Literal["integer", "boolean", "date"] | None = Field(
        None, description="Values are whole numbers, true or false, or dates."
    )
    site: str | None = Field(None, description="A list of body sites; its first code is the body site of every row.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(bool(kind) for kind in (self.unit, self.values, self.type)) != 1:
            raise ValueError("say exactly one of unit, values and type: what the values of the variable are")
        return self


class Supplement(Frozen):
    """A CSV with the columns pseudonym, date, variable, value and reader (``analysis.study.supplement_file``)."""

    file: str = Field(description="The CSV inside the study folder.")
    closed: date = Field(description="The day the file was closed; no row may be dated later.")
    prefer: Prefer = Field("record", description="Which counts where the record and the supplement both hold a value.")
    variable: dict[str, SupplementVariable] = Field(min_length=1, description="The variables of the file by name.")

    @property
    def lists(self) -> frozenset[str]:
        """The code lists that the file adds records to."""
        return frozenset(one.list_ for one in self.variable.values())
