"""The part of the study language that says which adverse events are counted, and what shows that anyone looked."""

from __future__ import annotations

from pydantic import Field

from analysis.study.base import Frozen, WindowText

GRADES = ("1", "2", "3", "4", "5")
"""CTCAE's grades, which the answers of a study's ConceptMap mean."""
NO_EVENT = "0"
"""The grade that says that someone looked and there was none."""


class AdverseEventList(Frozen):
    """One kind of event: a code list, and what tables call it."""

    list_: str = Field(alias="list", description="The code list of the event.")
    label: str | None = Field(None, description="What tables call it; the list's name where nothing is said.")


class AdverseEvents(Frozen):
    """Without ``looked`` only counts are given: a share needs to know who was asked and had none."""

    window: WindowText = Field(description='The days that count, for instance "0..30".')
    events: tuple[AdverseEventList, ...] = Field(min_length=1, description="The events, each by its code list.")
    grades: str | None = Field(None, description="The ConceptMap from answers to CTCAE grades: 1 to 5, 0 for none.")
    looked: tuple[str, ...] = Field(
        (), description="Code lists; a record of one in the window shows that someone looked for adverse events."
    )

    @property
    def lists(self) -> tuple[str, ...]:
        """Every code list named here, once."""
        return tuple(dict.fromkeys((*(event.list_ for event in self.events), *self.looked)))
