"""The part of the study language that says how a comparison that was not randomised is weighted and doubted."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from analysis.study.base import Frozen

Estimand = Literal["ATE", "ATT", "ATO"]
Outcome = Literal["common", "rare"]


class Weighting(Frozen):
    """Propensity-score weighting. ``linear`` names covariates that enter as numbers though models cut them."""

    covariates: tuple[str, ...] = Field(min_length=1)
    linear: tuple[str, ...] = ()
    estimands: tuple[Estimand, ...] = Field(("ATE",), min_length=1)
    stabilised: bool = True
    trim: tuple[float, float] | None = None
    force: bool = False
    reason: str | None = Field(None, min_length=10)

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
