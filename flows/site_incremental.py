"""Settings of incremental extracts in the sites file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class IncrementalSettings(BaseModel):
    """How ``--since`` asks a site.

    ``overlap_s``: seconds by which an extract begins before the end of the last one; no less than a transaction may
    take. ``deletions``: how it is found out what is there no longer, ``auto`` being ``history`` for whole populations
    where the server offers it and ``id-lists`` else, and ``export`` (of a bulk site) that its exports name every
    deletion; the lists are asked for by every ``deletions_every``-th extract.
    ``refetch``: types always asked for whole, since their ``_lastUpdated`` is not to be relied on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    overlap_s: int = Field(600, ge=122)
    deletions: Literal["auto", "history", "id-lists", "export"] = "auto"
    deletions_every: int = Field(1, ge=1)
    refetch: tuple[Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]+$")], ...] = ()
