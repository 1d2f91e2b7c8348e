"""The part of the study language that says how a comparison that was not randomised is weighted and doubted."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from analysis.study.base import Frozen

Estimand = Literal["ATE", "ATT", "ATO"]
Outcome = Literal["common", "rare"]


class Weighting(Frozen):
    """Propensity-score weighting. ``linear`` names covariates that enter as numbers though models cut them."""

    covariates: tuple[str, ...] = Field(min_length=1, description="The covariates of the propensity score.")
    linear: tuple[str, ...] = Field((), description="Those of them that enter as numbers though models cut them.")
    estimands: tuple[Estimand, ...] = Field(
        ("ATE",), min_length=1, description="Whom for: ATE all, ATT those of the first arm, ATO where the arms overlap."
    )
    stabilised: bool = Field(True, description="ATE weights times the share of the arm.")
    trim: tuple[float, float] | None = Field(
        None, description="Subjects whose score lies outside these two leave, and the score is fitted again."
    )
    force: bool = Field(False, description="Weight even with fewer than 10 subjects a term; needs a reason.")
    reason: str | None = Field(None, min_length=10, description="Why it is forced; printed beside every figure.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.trim is not None and not 0 <= self.trim[0] < self.trim[1] <= 1:
            raise ValueError("trim: two propensity scores from 0 to 1, the lower first, for instance [0.05, 0.95]")
        if self.force and not self.reason:
            raise ValueError("force: needs a reason, which the report prints beside the figures")
        for name, names in (("covariates", self.covariates), ("estimands", self.estimands)):
            if len(set(names)) != len(names):
                raise ValueError(f"{name}: an entry stands twice")
        return self
