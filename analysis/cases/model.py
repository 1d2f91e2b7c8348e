"""What a case file may say (``docs/study-cases.md``): what is on record of a made-up subject, and what follows."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from analysis.study.base import Frozen

NOT_SCREENED = "not-screened"
"""What ``leaves`` says of a subject without an index event in the study's dates."""

Day = Annotated[int, Field(ge=-40_000, le=40_000)]
"""Days from the index date; more than a lifetime either way is a slip."""


class Coding(Frozen):
    system: str | None = None
    code: str


class CaseRecord(Frozen):
    """One record of the subject. Days count from the case's index date; what is left out is not in the resource."""

    name: str | None = None
    table: (
        Literal["condition", "procedure", "medication_administration", "observation", "imaging_study", "encounter"]
        | None
    ) = None
    list_: str | None = Field(None, alias="list")
    code: Coding | None = None
    text: str | None = None
    day: Day | None = None
    status: str | None = None
    verification: str | None = None
    value: bool | int | float | str | None = None
    value_day: Day | None = None
    unit: str | None = None
    site: str | None = None
    reader: str | None = None
    used: tuple[str, ...] = ()
    part_of: str | None = None
    modality: str | None = None

    @property
    def called(self) -> str:
        """What ``like``, ``without`` and ``part_of`` of other records call it."""
        return self.name or self.list_ or self.table or ""


class CasePatient(Frozen):
    sex: str | None = None
    age: int | None = Field(None, ge=0, le=130)
    birth: str | None = None
    died_on_day: Day | None = None
    died: bool | str | None = None


class ExpectedTime(Frozen):
    day: int | None = None
    event: bool
    desc: str | None = None


class Expected(Frozen):
    """What must follow: the subject is analysed, or leaves under one reason; what is not named is not looked at."""

    analysed: Literal[True] | None = None
    leaves: str | None = None
    arm: str | None = None
    covariate: dict[str, str | int | float] = Field(default_factory=dict)
    response: str | None = None
    endpoint: dict[str, ExpectedTime] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_fate(self) -> Self:
        if bool(self.analysed) == bool(self.leaves):
            raise ValueError("say either analysed = true or leaves")
        return self


class Case(Frozen):
    """One case file. ``like`` names a case whose patient and records come first; a record of the same name replaces."""

    text: str = Field(min_length=3)
    like: str | None = None
    without: tuple[str, ...] = ()
    index: date | None = None
    patient: CasePatient = CasePatient()
    record: tuple[CaseRecord, ...] = ()
    resource: tuple[dict[str, Any], ...] = ()
    expect: Expected
