"""The part of the study language that says what stands side by side for each sensitivity analysis, beside the ratio."""

from __future__ import annotations

from pydantic import Field

from analysis.study.base import Frozen


class SideBySide(Frozen):
    """More of each sensitivity set than hazard ratio and log-rank test, by the primary conventions or the set's own."""

    median: bool = Field(False, description="The median of each arm and endpoint.")
    survival_at: tuple[float, ...] = Field((), description="Survival of each arm at these times, in the study's unit.")
    response: bool = Field(False, description="Response and control rates of each arm and their difference.")
