"""The part of the study language that asks for more of a survival curve than its median: rates at times, restricted
means; and for comparisons within strata, and of subjects that are not independent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from analysis.study.base import Frozen

SITE = "site"
"""The stratum that is no covariate."""


def _once(strata: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(strata)) != len(strata):
        raise ValueError("a stratum stands twice")
    return strata


Strata = Annotated[tuple[str, ...], AfterValidator(_once), Field(json_schema_extra={"uniqueItems": True})]
Time = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RestrictedMean(Frozen):
    tau: Time | None = Field(
        None,
        description="Up to when the mean survival time is taken, in the study's unit; nothing: the smaller of the "
        "arms' largest observed times.",
    )


class SurvivalPlan(Frozen):
    landmarks: tuple[Time, ...] = Field(
        (), description="Times in the study's unit at which survival is given, by arm and as a difference; they rise."
    )
    rmst: RestrictedMean | None = Field(
        None, description="The restricted mean survival time, by arm and compared; nothing: not at all."
    )
    strata: Strata = Field(
        (), description='Covariates with categories, and "site": the arms are compared within their combinations too.'
    )
    cluster: Literal["site", "subject"] | None = Field(
        None,
        description="Whose subjects are not independent: treatment's hazard ratio also gets a robust (sandwich) "
        "variance; subject: against a wrong model only.",
    )
    by_response: tuple[Time, ...] = Field(
        (),
        description="Landmarks in the study's unit: those still at risk, by response until then, as a description; "
        "they rise.",
    )

    @field_validator("landmarks", "by_response")
    @classmethod
    def _rise(cls, landmarks: tuple[float, ...]) -> tuple[float, ...]:
        levels = [landmark_level(time) for time in landmarks]
        if sorted(landmarks) != list(landmarks) or len(set(levels)) != len(levels):
            raise ValueError("the landmarks must rise, each standing once")
        return landmarks


def landmark_level(time: float) -> str:
    """How a landmark stands in the id of its results: ``6``, ``1.5``."""
    return f"{time:.12g}"
