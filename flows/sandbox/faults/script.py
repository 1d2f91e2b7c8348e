"""A script of faults: plain data, checked when made, that can be written as JSON and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flows.sandbox.faults.catalogue import EFFECTS, Effect, On
from mappings.errors import DefinitionError, Problem

_Count = Annotated[int, Field(ge=0)]
_FromOne = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fault(_Frozen):
    """One thing that goes wrong.

    When: ``on`` a kind of request, of one ``type`` and ``number`` (page or file of its type, from 1) where given; from
    the ``nth`` such request on, with a ``probability`` each, ``times`` in all (0: for ever). For ``export-partial``
    type and number name the file that is missing.

    What: the effect, and those of the other fields it reads (``catalogue``). ``keep`` is the share of the body that is
    sent and ``at`` the byte it ends at; ``announced`` says whether the length announced is that of the whole body;
    ``entry`` counts entries of a page or lines of a file and ``row`` the resources of a type in the folder, from 1;
    ``retry_after`` is the header's text, ``retry_after_date`` makes it a date so many seconds from now.
    """

    on: On
    what: str
    type: str = ""
    number: _Count = 0
    nth: _FromOne = 1
    times: _Count = 1
    probability: _Share = 1.0

    status: Annotated[int, Field(ge=400, le=599)] = 503
    retry_after: str | None = None
    retry_after_date: int | None = None
    retry_after_ms: int | None = None
    keep: _Share = 0.5
    at: _Count | None = None
    announced: bool = True
    piece: _FromOne = 16
    code: str = "transient"
    entries: _FromOne = 1
    by: int = 1
    to: Literal["", "self", "first", "query", "path", "no-scheme"] = ""
    origin: str = "http://elsewhere.example"
    entry: _FromOne = 1
    becomes: str = "Basic"
    row: _FromOne = 1

    @property
    def effect(self) -> Effect:
        """The effect as the catalogue describes it."""
        return EFFECTS[self.what]

    @property
    def lasts(self) -> bool:
        """Whether asking again never helps."""
        return self.times == 0 and self.probability == 1.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        effect = EFFECTS.get(self.what)
        if effect is None:
            raise ValueError(f"what: there is no fault {self.what}; there are {', '.join(EFFECTS)}")
        if self.on not in effect.on:
            raise ValueError(f"on: {self.what} fits {', '.join(effect.on)}")
        unread = self.model_fields_set - _WHEN - set(effect.parameters)
        if unread:
            raise ValueError(f"{self.what} reads no {', '.join(sorted(unread))}")
        wanted = {"page-loop": ("", "self", "first"), "next-relative": ("", "query", "path", "no-scheme")}
        if self.what in wanted and self.to not in wanted[self.what]:
            raise ValueError(f"to: {self.what} reads {', '.join(wanted[self.what][1:])}")
        if self.what == "bad-record" and not self.type:
            raise ValueError("type: bad-record names the type of the record")
        return self


_WHEN = frozenset({"on", "what", "type", "number", "nth", "times", "probability"})


class Script(_Frozen):
    """Faults in the order they are looked at: of several that are due at one request the first happens.

    ``seed`` decides what ``probability`` leaves open: the same script meets the same requests with the same faults.
    """

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    def as_json(self) -> str:
        """The script as JSON, without what is as usual."""
        return self.model_dump_json(exclude_unset=True, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes, name: str = "") -> Script:
        """Read a script. Raises DefinitionError with every fault found in it; ``name`` is the file's."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            found = [(one["loc"], one["msg"]) for one in error.errors(include_input=False, include_url=False)]
        problems = tuple(
            Problem(message.removeprefix("Value error, "), field=".".join(str(part) for part in place), file=name)
            for place, message in found
        )
        raise DefinitionError("The script of faults cannot be used.", problems)

    @classmethod
    def read(cls, path: Path) -> Script:
        """Read a script from a file. Raises DefinitionError."""
        try:
            text = path.read_bytes()
        except OSError as error:
            raise DefinitionError(f"{path.name} cannot be read: {error.strerror}.") from None
        return cls.from_json(text, path.name)
