"""What a study file may say, as frozen types that check themselves when made.

The keys are the study language (``docs/study-file.md``). Days count from the index date (day 0). A key is only ever
added, never renamed: hospitals keep these files for years.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

Level = str | int
Missing = Literal["fails", "passes", "later"]
Pick = Literal["closest", "worst", "largest"]
BaselineTest = Literal["t_pooled", "t_welch", "chi2", "fisher", "mann_whitney"]
Ties = Literal["efron", "breslow"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, strict=False)


class Window(_Frozen):
    """Days from the index date, both ends included; ``None`` is open, ``high_at_cutoff`` ends at the data cut-off."""

    low: int | None = None
    high: int | None = None
    high_at_cutoff: bool = False

    def __str__(self) -> str:
        high = "cutoff" if self.high_at_cutoff else "" if self.high is None else str(self.high)
        return f"{'' if self.low is None else self.low}..{high}"


def _window(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(-?\d+)?\.\.(-?\d+|cutoff)?", value.strip())
    if match is None:
        raise ValueError(
            'a window is "LOW..HIGH" in days from the index date, for instance "-28..0", "..0" or "1..cutoff"'
        )
    low, high = match.groups()
    if low is not None and high not in (None, "cutoff") and int(low) > int(high):
        raise ValueError("the window ends before it begins")
    return Window(
        low=None if low is None else int(low),
        high=None if high in (None, "cutoff") else int(high),
        # An open end never reaches past the data cut-off: nothing after it is used.
        high_at_cutoff=high in (None, "cutoff"),
    )


WindowText = Annotated[Window, BeforeValidator(_window), PlainSerializer(str)]


class Requirement(_Frozen):
    """What a criterion asks for: a code list in a window, a covariate's level, or completeness."""

    list_: str | None = Field(None, alias="list")
    covariate: str | None = None
    in_: tuple[Level, ...] | None = Field(None, alias="in")
    above: float | None = None
    unit: str | None = None
    verification: str | None = None
    window: WindowText | None = None
    complete: Literal["covariates"] | None = None
    assessments: int | None = None

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        asked = [
            name
            for name, value in (("list", self.list_), ("covariate", self.covariate), ("complete", self.complete))
            if value
        ]
        if len(asked) != 1:
            raise ValueError("name exactly one of: list, covariate, complete")
        if self.covariate and self.in_ is None:
            raise ValueError('a covariate needs the levels it may have: in = ["A", "B"]')
        if self.list_ and self.window is None:
            raise ValueError('a list needs a window, for instance window = "..0"')
        return self


class Criterion(_Frozen):
    """One box of the flow diagram. A subject leaves at the first criterion not met."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    text: str = Field(min_length=3)
    require: Requirement | None = None
    exclude: Requirement | None = None
    missing: Missing
    after_index: str | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.require is None) == (self.exclude is None):
            raise ValueError("say either require or exclude")
        window = self.rule.window
        looks_ahead = window is not None and (window.high_at_cutoff or (window.high or 0) > 0)
        if looks_ahead and not self.after_index:
            raise ValueError(
                "it looks after the index date: after_index must give the reason and name a sensitivity analysis"
            )
        return self

    @property
    def rule(self) -> Requirement:
        """The requirement, whichever way round it is asked."""
        rule = self.require or self.exclude
        assert rule is not None
        return rule


class Protocol(_Frozen):
    version: str
    date: date
    registration: str
    ethics: str


class StudyHead(_Frozen):
    id: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    title: str
    question: str | None = None
    protocol: Protocol
    design: str
    data: Literal["synthetic", "real"]
    synthetic_note: str | None = None
    published: str | None = None
    uncoded: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class CodeListUse(_Frozen):
    """Where the codes of a list are looked for. ``file`` defaults to ``codes/<name>.json`` (a FHIR ValueSet)."""

    table: tuple[str, ...]
    file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_table(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("table"), str):
            return {**data, "table": (data["table"],)}
        return data


class IndexEvent(_Frozen):
    table: Literal["procedure"]
    list_: str = Field(alias="list")
    status: tuple[str, ...] = ("completed",)


class Index(_Frozen):
    event: IndexEvent
    take: Literal["first"] = "first"
    dates: tuple[date, date]
    washout_days: int = Field(0, ge=0)
    data_cutoff: date

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.dates[0] > self.dates[1]:
            raise ValueError("dates: the first day is after the last")
        if self.data_cutoff < self.dates[1]:
            raise ValueError("data_cutoff lies before the last index date")
        return self


class ArmClause(_Frozen):
    """Either a list the index procedure's own code must be in, or any of ``source:list`` pairs.

    Sources: ``used_device``, ``used_substance``, ``used_code``, ``administered`` (MedicationAdministration.partOf the
    procedure), ``text`` (words of the list found in the procedure's or the material's text).
    """

    list_: str | None = Field(None, alias="list")
    any_of: tuple[
        Annotated[str, Field(pattern=r"^(used_device|used_substance|used_code|administered|text):[a-z][a-z0-9-]*$")],
        ...,
    ] = ()

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.list_) == bool(self.any_of):
            raise ValueError("say either list or any_of")
        return self


class Arm(_Frozen):
    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    label: str = Field(pattern=r"^[^.]+$")  # a dot would split the ids of results
    all_: tuple[ArmClause, ...] = Field(alias="all", min_length=1)


class ArmRules(_Frozen):
    both: str = Field("exclude:mixed-materials", pattern=r"^exclude:[a-z][a-z0-9-]*$")
    neither: str = Field("exclude:material-unknown", pattern=r"^exclude:[a-z][a-z0-9-]*$")
    later_switch: Literal["keep"] = "keep"


class Covariate(_Frozen):
    """A baseline variable. ``levels`` or ``cut`` + ``labels`` make it categorical; the first level is the reference."""

    from_: Literal["patient"] | None = Field(None, alias="from")
    label: str | None = None
    list_: str | None = Field(None, alias="list")
    values: str | None = None  # a ConceptMap in maps/: answer codes to levels
    unit: str | None = None
    at: Literal["index"] | None = None
    window: WindowText | None = None
    pick: Pick = "closest"
    levels: tuple[Level, ...] = ()
    level_labels: tuple[str, ...] = ()
    cut: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    table1: Literal["count", "mean_sd", "median_iqr"] | None = None
    test: BaselineTest | None = None
    cox: Literal["cut", "levels", "linear"] | None = None

    @model_validator(mode="after")
    def _shape(self) -> Self:
        if (self.from_ is None) == (self.list_ is None):
            raise ValueError("say either from or list")
        if self.list_ and self.window is None:
            raise ValueError('a covariate from a list needs a window, for instance window = "-28..0"')
        if self.cut and len(self.labels) != len(self.cut) + 1:
            raise ValueError("labels: one more than the cut points")
        if self.levels and self.cut:
            raise ValueError("say either levels or cut")
        if self.level_labels and len(self.level_labels) != len(self.levels):
            raise ValueError("level_labels: one for each level")
        return self

    @property
    def categories(self) -> tuple[str, ...]:
        """The category labels in order, the reference first; empty for a purely continuous variable."""
        return self.labels if self.cut else tuple(str(level) for level in self.levels)


class Readers(_Frozen):
    first: str
    second: str | None = None
    adjudicator: str | None = None
    on_disagreement: Literal["adjudicator", "first"] = "adjudicator"


class NewTherapy(_Frozen):
    list_: str = Field(alias="list")
    not_part_of: str | None = None


class Imaging(_Frozen):
    modality: tuple[str, ...]
    max_days_apart: int
    missing: Literal["count"] = "count"


class Response(_Frozen):
    criteria: str
    source: Literal["recorded"] = "recorded"
    list_: str = Field(alias="list")
    values: str
    readers: Readers | None = None
    site: str | None = None  # code list of the body site an assessment must speak of
    window: WindowText
    best_until: tuple[Literal["PD", "death", "new-therapy"], ...] = ("PD",)
    new_therapy: NewTherapy | None = None
    min_days_sd: int = 0
    confirm: Literal[False] = False
    imaging: Imaging | None = None
    not_evaluable: Literal["non-responder", "exclude"] = "non-responder"
    order: tuple[str, ...] = ("CR", "PR", "SD", "PD")
    responders: tuple[str, ...] = ("CR", "PR")
    controlled: tuple[str, ...] = ("CR", "PR", "SD")


class EventSource(_Frozen):
    """An event: a response level (optionally at a site), or death. ``desc`` ends in the row's EVNTDESC."""

    response: str | None = None
    site: str | None = None
    death: Literal[True] | None = None
    desc: str

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.response) == bool(self.death):
            raise ValueError("say either response or death = true")
        return self


class CensorSource(_Frozen):
    last: Literal["adequate assessment", "evidence alive"] | None = None
    at: Literal["index", "cutoff"] | None = None
    desc: str

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.last) == bool(self.at):
            raise ValueError("say either last or at")
        return self


class Endpoint(_Frozen):
    id: str = Field(pattern=r"^[A-Z][A-Z0-9]{0,7}$")
    label: str
    start: Literal["index"] = "index"
    events: tuple[EventSource, ...] = Field(min_length=1)
    censors: tuple[CensorSource, ...] = Field(min_length=1)


class PartialDates(_Frozen):
    event: Literal["middle", "low", "high"] = "middle"
    bounds: Literal["sensitivity"] = "sensitivity"


class EndpointRules(_Frozen):
    unit: Literal["day", "month", "year"] = "month"
    day_zero: Literal["keep"] = "keep"
    same_day: Literal["event before censor, progression before death"] = "event before censor, progression before death"
    partial_dates: PartialDates = PartialDates()


class Alive(_Frozen):
    """Where evidence of life comes from, each an optional code list of Observations."""

    last_contact: str | None = None
    vital_status: str | None = None
    vital_status_values: str | None = None  # ConceptMap to alive | dead | lost
    death: str | None = None  # Observations whose effective date is the date of death
    tables: tuple[
        Literal["encounter", "procedure", "observation", "medication_administration", "imaging_study"], ...
    ] = (
        "encounter",
        "procedure",
        "observation",
    )


class Stepwise(_Frozen):
    enter: Literal["score"] = "score"
    p_in: float = Field(0.05, gt=0, lt=1)
    remove: tuple[Literal["lr", "wald"], ...] = ("lr", "wald")
    p_out: float = Field(0.10, gt=0, lt=1)


class Cox(_Frozen):
    adjust: tuple[str, ...] = ()
    stepwise: Stepwise | None = None


class Method(_Frozen):
    """One named set of conventions: ``primary`` is what we stand by, ``published`` what the paper did."""

    km_ci: Literal["log-log", "log", "plain"] = "log-log"
    median_ci: Literal["km", "spss"] = "km"
    ties: Ties = "efron"
    response: Literal["fisher", "pearson"] = "fisher"


class Sensitivity(_Frozen):
    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    text: str | None = None
    set_: Method | None = Field(None, alias="set")
    drop_criterion: str | None = None
    censor: str | None = None


class AnalysisPlan(_Frozen):
    release: Literal["open", "locked"] = "locked"
    alpha: float = Field(0.05, gt=0, lt=1)
    primary: Method = Method()
    published: Method | None = None
    cox: Cox = Cox()
    sensitivity: tuple[Sensitivity, ...] = ()
    min_events_per_term: int = 10


class Extract(_Frozen):
    """How a server is asked: by the codes of the lists, or by patient only with the codes looked at on arrival."""

    codes: Literal["sent", "on-arrival"] = "on-arrival"


class Disclosure(_Frozen):
    min_count: int = Field(5, ge=0)
    reason: str | None = None


class CheckRules(_Frozen):
    """The study's own thresholds: the share of screened subjects (percent) whose violations stop the analysis."""

    stop_above_percent: float = Field(2.0, ge=0, le=100)
    actions: dict[str, Literal["stop", "drop", "warn"]] = {}


class Study(_Frozen):
    """A whole study file. ``analysis.study.load`` reads one and names line and field of every fault."""

    study: StudyHead
    lists: dict[str, CodeListUse] = Field(default={}, alias="list")
    index: Index
    arm: tuple[Arm, ...] = Field(min_length=2)
    arm_rules: ArmRules = ArmRules()
    criterion: tuple[Criterion, ...] = ()
    covariate: dict[str, Covariate] = {}
    response: Response | None = None
    endpoint: tuple[Endpoint, ...] = ()
    endpoint_rules: EndpointRules = EndpointRules()
    alive: Alive = Alive()
    analysis: AnalysisPlan = AnalysisPlan()
    checks: CheckRules = CheckRules()
    disclosure: Disclosure = Disclosure()
    extract: Extract = Extract()

    @property
    def experimental(self) -> Arm:
        """The first arm of the file."""
        return self.arm[0]

    @property
    def reference(self) -> Arm:
        """The last arm of the file: every ratio and difference is against it."""
        return self.arm[-1]


class Population(_Frozen):
    """Take every patient of the source: these resource types, whole."""

    types: tuple[str, ...] = Field(min_length=1)


class PopulationStudy(_Frozen):
    """A file that only says what to extract, map and check (raw checks); nothing is derived or compared."""

    study: StudyHead
    population: Population
