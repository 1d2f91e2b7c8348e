"""How one server wants to be searched: what a sites file may say under ``search`` (``docs/sites-file.md``)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from mappings.elements import is_resource

_INCLUDE = r"^[A-Z][A-Za-z]+:[a-zA-Z_][A-Za-z0-9_-]*(:[A-Z][A-Za-z]+)?$"


def _types(value: Mapping[str, str]) -> Mapping[str, str]:
    for type_, text in value.items():
        if not is_resource(type_):
            raise ValueError(f"{type_} is no resource type of FHIR R4")
        if not all(name and value for name, _, value in (pair.partition("=") for pair in text.split("&"))):
            raise ValueError(f'{type_}: must be written name=value, for instance "category=laboratory,vital-signs"')
    return value


def _pointed_at(value: str) -> str:
    """The type a reverse include points to: where it does not say so, the patient."""
    return [*value.split(":"), "Patient"][2]


class Searching(BaseModel):
    """What a server needs beside the plan's own searches.

    ``ids_per_request``: patients or ids in one search, as many as fit unless said (Epic takes one). ``parameters``:
    what is sent with each search of a type, and narrows it. ``include`` and ``revinclude``: what is asked for along;
    what the plan asks for is landed from there, and searched for all the same where it did not come. ``windows``: days
    that cut a search without ids into several by ``_lastUpdated``. ``cursor``: a search without ids is sorted by
    ``_lastUpdated`` and goes on from the newest seen where the server ends it early. ``post``: every search is POSTed.
    ``cohort``: a file of patient ids, one a line; nobody else's index events are asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids_per_request: int | None = Field(None, ge=1)
    parameters: Annotated[Mapping[str, str], AfterValidator(_types)] = {}
    include: tuple[Annotated[str, Field(pattern=_INCLUDE)], ...] = ()
    revinclude: tuple[Annotated[str, Field(pattern=_INCLUDE)], ...] = ()
    windows: tuple[date, ...] = ()
    cursor: bool = False
    post: bool = False
    cohort: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.windows)):
            raise ValueError("windows: must be days in their order, each once")
        return self

    def sent_with(self, type_: str) -> tuple[tuple[str, str], ...]:
        """The parameters sent with each search of a type."""
        text = self.parameters.get(type_, "")
        pairs = [pair.partition("=") for pair in text.split("&")] if text else []
        return tuple((name, value) for name, _, value in pairs)

    def along(self, type_: str) -> tuple[tuple[str, str], ...]:
        """What a search of a type asks for along."""
        included = [("_include", value) for value in self.include if value.split(":")[0] == type_]
        reverse = [("_revinclude", value) for value in self.revinclude if _pointed_at(value) == type_]
        return (*included, *reverse)
