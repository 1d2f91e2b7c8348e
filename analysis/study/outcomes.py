"""The part of the study language that says what happened to a subject: response, endpoints, evidence of life."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from analysis.study.base import Frozen, WindowText
from analysis.study.imaging import Imaging
from analysis.study.lesions import Lesions


class Readers(Frozen):
    first: str
    second: str | None = None
    adjudicator: str | None = None
    on_disagreement: Literal["adjudicator", "first"] = "adjudicator"


class NewTherapy(Frozen):
    list_: str = Field(alias="list")
    not_part_of: str | None = None


class Response(Frozen):
    criteria: str
    source: Literal["recorded", "derived", "recorded-then-derived"] = "recorded"
    lesions: Lesions | None = None
    list_: str = Field(alias="list")
    values: str
    readers: Readers | None = None
    site: str | None = None  # code list of the body site an assessment must speak of
    window: WindowText
    best_until: tuple[Literal["PD", "death", "new-therapy"], ...] = ("PD",)
    new_therapy: NewTherapy | None = None
    min_days_sd: int = 0
    confirm: Literal[False] = False
    imaging: Imaging | None = None
    not_evaluable: Literal["non-responder", "exclude"] = "non-responder"
    order: tuple[str, ...] = ("CR", "PR", "SD", "PD")
    responders: tuple[str, ...] = ("CR", "PR")
    controlled: tuple[str, ...] = ("CR", "PR", "SD")


class EventSource(Frozen):
    """An event: a response level (optionally at a site), the first record of a code list from day 1 on, or death.

    ``desc`` ends in the row's EVNTDESC.
    """

    response: str | None = None
    site: str | None = None
    list_: str | None = Field(None, alias="list")
    death: Literal[True] | None = None
    desc: str

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(map(bool, (self.response, self.list_, self.death))) != 1:
            raise ValueError("say exactly one of: response, list, death = true")
        if self.site and not self.response:
            raise ValueError("a site belongs to a response")
        return self


class CensorSource(Frozen):
    last: Literal["adequate assessment", "evidence alive"] | None = None
    at: Literal["index", "cutoff"] | None = None
    desc: str

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.last) == bool(self.at):
            raise ValueError("say either last or at")
        return self


class Endpoint(Frozen):
    id: str = Field(pattern=r"^[A-Z][A-Z0-9]{0,7}$")
    label: str
    start: Literal["index"] = "index"
    events: tuple[EventSource, ...] = Field(min_length=1)
    censors: tuple[CensorSource, ...] = Field(min_length=1)
    competing: tuple[EventSource, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        events = {(e.response, e.site, e.list_, e.death) for e in self.events}
        if any((e.response, e.site, e.list_, e.death) in events for e in self.competing):
            raise ValueError("competing: what is an event of the endpoint cannot compete with it")
        return self

    @property
    def sources(self) -> tuple[EventSource, ...]:
        """Events and competing events: everything whose records the endpoint needs."""
        return (*self.events, *self.competing)

    @property
    def competing_codes(self) -> range:
        """The CNSR of each competing event: they follow the codes of the censoring dates."""
        return range(len(self.censors) + 1, len(self.censors) + len(self.competing) + 1)


class PartialDates(Frozen):
    event: Literal["middle", "low", "high"] = "middle"
    bounds: Literal["sensitivity"] = "sensitivity"


class EndpointRules(Frozen):
    unit: Literal["day", "month", "year"] = "month"
    day_zero: Literal["keep"] = "keep"
    add_day: bool = False
    same_day: Literal["event before censor, progression before death"] = "event before censor, progression before death"
    partial_dates: PartialDates = PartialDates()

    @property
    def first_day(self) -> Literal[0, 1]:
        """The number of the day on which time starts: what is added to a difference of dates."""
        return 1 if self.add_day else 0


class Alive(Frozen):
    """Where evidence of life comes from, each an optional code list of Observations."""

    last_contact: str | None = None
    vital_status: str | None = None
    vital_status_values: str | None = None  # ConceptMap to alive | dead | lost
    death: str | None = None  # Observations whose effective date is the date of death
    tables: tuple[
        Literal["encounter", "procedure", "observation", "medication_administration", "imaging_study"], ...
    ] = (
        "encounter",
        "procedure",
        "observation",
    )
