"""The part of the study language that says how arms are compared, checked and what may be shown of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from analysis.study.base import Frozen
from analysis.study.bootstrap import Bootstrap
from analysis.study.side_by_side import SideBySide
from analysis.study.survival import Strata, SurvivalPlan
from analysis.study.weighting import Estimand, Outcome, Weighting

Ties = Literal["efron", "breslow"]


class Stepwise(Frozen):
    direction: Literal["forward", "backward"] = "forward"
    enter: Literal["score", "lr", "wald"] = "score"
    p_in: float = Field(0.05, gt=0, lt=1)
    remove: tuple[Literal["score", "lr", "wald"], ...] = ("lr", "wald")
    p_out: float = Field(0.10, gt=0, lt=1)
    bootstrap: Bootstrap | None = None


class Cox(Frozen):
    adjust: tuple[str, ...] = ()
    stepwise: Stepwise | None = None
    firth: bool | Literal["when-needed"] = False


class Method(Frozen):
    """One named set of conventions: ``primary`` is what we stand by, ``published`` what the paper did."""

    km_ci: Literal["log-log", "log", "plain"] = "log-log"
    median_ci: Literal["km", "spss"] = "km"
    ties: Ties = "efron"
    response: Literal["fisher", "pearson"] = "fisher"

    @property
    def km_code(self) -> str:
        """What results call an interval of the curve by it: ``km_log_log``."""
        return "km_" + self.km_ci.replace("-", "_")


class SetMethod(Method):
    """The conventions of a sensitivity set, which may also compare the arms within strata, or weighted."""

    strata: Strata = Field(
        (),
        description='Covariates with categories, and "site": the set also compares the arms within their combinations.',
    )
    weighting: Estimand | None = Field(
        None,
        description="The set also compares the arms weighted to this estimand by the propensity score of [analysis].",
    )


class Sensitivity(Frozen):
    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    text: str | None = None
    set_: SetMethod | None = Field(None, alias="set")
    drop_criterion: str | None = None
    censor: str | None = None
    partial_dates: Literal["low", "high"] | None = None
    max_gap_days: int | None = Field(None, ge=1)

    @property
    def other_data(self) -> bool:
        """Whether it changes subjects or times, and not only how they are compared."""
        return any((self.drop_criterion, self.censor, self.partial_dates, self.max_gap_days))


class AnalysisPlan(Frozen):
    release: Literal["open", "locked"] = "locked"
    alpha: float = Field(0.05, gt=0, lt=1)
    primary: Method = Method()
    published: Method | None = None
    cox: Cox = Cox()
    survival: SurvivalPlan = SurvivalPlan()
    sensitivity: tuple[Sensitivity, ...] = ()
    min_events_per_term: int = 10
    side_by_side: SideBySide = SideBySide()
    weighting: Weighting | None = None
    e_value: Outcome | None = None


class Disclosure(Frozen):
    min_count: int = Field(5, ge=0)
    reason: str | None = None
