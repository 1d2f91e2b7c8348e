"""The part of the study language that asks how a stepwise choice would have fallen in other samples."""

from __future__ import annotations

from pydantic import Field

from analysis.study.base import Frozen


class Bootstrap(Frozen):
    """Bootstrap validation of a stepwise choice (Harrell, Regression Modeling Strategies, 2nd ed. 2015, 5.3.5)."""

    resamples: int = Field(200, ge=10, le=10_000, description="How many samples are drawn with replacement.")
    seed: int = Field(1, ge=0, description="What the samples are drawn from; the same seed draws the same samples.")
    limit: int = Field(
        200_000,
        ge=1,
        description="Nothing is computed where subjects times resamples are above it: raise it to have it.",
    )
