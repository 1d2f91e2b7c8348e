"""The part of the study language that says which scan an assessment rests on, and what of it is described."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from analysis.study.base import Frozen

UNKNOWN = "unknown"
"""What a scan is counted under that shows none of the study's phases."""
BETWEEN = " + "
"""Between the phases of one scan."""


class Phase(Frozen):
    """A contrast phase: how it is recognised, and what tables call it."""

    list_: str = Field(
        alias="list",
        description="Codes of an ImagingStudy's procedures, and words of descriptions, that tell the phase.",
    )
    # The label stands in ids of results (no full stop) and in a list of phases (no plus sign).
    label: str = Field(
        pattern=r"^[^.+\s]([^.+]*[^.+\s])?$", description="What tables call the phase: without full stop or plus sign."
    )

    @model_validator(mode="after")
    def _not_reserved(self) -> Phase:
        if self.label == UNKNOWN:
            raise ValueError('label: scans without a phase are counted as "unknown", so no phase may be called that')
        return self


class Imaging(Frozen):
    """``phases`` are told in their order; one scan may show several."""

    modality: tuple[str, ...]
    max_days_apart: int
    missing: Literal["count"] = "count"
    phases: tuple[Phase, ...] = Field((), description="The contrast phases that scans are described by, in this order.")

    @model_validator(mode="after")
    def _once(self) -> Imaging:
        if len({phase.label for phase in self.phases}) < len(self.phases):
            raise ValueError("phases: a label stands twice, give each phase its own")
        return self
