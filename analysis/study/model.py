"""What a study file may say, as frozen types that check themselves when made.

The keys are the study language (``docs/study-file.md``). Days count from the index date (day 0). A key is only ever
added, never renamed: hospitals keep these files for years.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from analysis.study.adverse_events import AdverseEvents
from analysis.study.base import Frozen, Window, WindowText
from analysis.study.comparison import (
    AnalysisPlan,
    Cox,
    Disclosure,
    Method,
    Sensitivity,
    Stepwise,
    Ties,
)
from analysis.study.imaging import Imaging
from analysis.study.outcomes import (
    Alive,
    CensorSource,
    Endpoint,
    EndpointRules,
    EventSource,
    NewTherapy,
    PartialDates,
    Readers,
    Response,
)
from analysis.study.own_checks import CheckRules
from analysis.study.supplement import Supplement
from analysis.study.treatment import Treatment

__all__ = [
    "Alive",
    "AnalysisPlan",
    "Arm",
    "ArmClause",
    "ArmRules",
    "BaselineTest",
    "CensorSource",
    "CheckRules",
    "CodeListUse",
    "Covariate",
    "Cox",
    "Criterion",
    "Disclosure",
    "Endpoint",
    "EndpointRules",
    "EventSource",
    "Extract",
    "Imaging",
    "Index",
    "IndexEvent",
    "Level",
    "Method",
    "Missing",
    "NewTherapy",
    "PartialDates",
    "Pick",
    "Population",
    "PopulationStudy",
    "Protocol",
    "Readers",
    "Requirement",
    "Response",
    "Sensitivity",
    "Stepwise",
    "Study",
    "StudyHead",
    "Ties",
    "Window",
    "WindowText",
]

Level = str | int
Missing = Literal["fails", "passes", "later"]
Pick = Literal["closest", "worst", "largest"]
BaselineTest = Literal["t_pooled", "t_welch", "chi2", "fisher", "mann_whitney"]


class Requirement(Frozen):
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


class Criterion(Frozen):
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


class Protocol(Frozen):
    version: str
    date: date
    registration: str
    ethics: str


class StudyHead(Frozen):
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


class CodeListUse(Frozen):
    """Where the codes of a list are looked for. ``file`` defaults to ``codes/<name>.json`` (a FHIR ValueSet)."""

    table: tuple[str, ...]
    file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_table(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("table"), str):
            return {**data, "table": (data["table"],)}
        return data


class IndexEvent(Frozen):
    table: Literal["procedure"]
    list_: str = Field(alias="list")
    status: tuple[str, ...] = ("completed",)


class Index(Frozen):
    event: IndexEvent
    take: Literal["first"] = "first"
    dates: tuple[date, date]
    washout_days: int = Field(0, ge=0)
    landmark: int = Field(0, ge=0)
    data_cutoff: date

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.dates[0] > self.dates[1]:
            raise ValueError("dates: the first day is after the last: write the earlier one first")
        if self.data_cutoff < self.dates[1]:
            raise ValueError("data_cutoff lies before the last index date: name a later day")
        return self


class ArmClause(Frozen):
    """Either a list the index procedure's own code must be in, or any of ``source:list`` pairs.

    Sources: ``used_device``, ``used_substance``, ``used_code``, ``administered`` (MedicationAdministration.partOf the
    procedure), ``text`` (words of the list found in the procedure's or the material's text). ``window``: the sessions
    looked at, in days from the index; the index day where it is left out.
    """

    list_: str | None = Field(None, alias="list")
    any_of: tuple[
        Annotated[str, Field(pattern=r"^(used_device|used_substance|used_code|administered|text):[a-z][a-z0-9-]*$")],
        ...,
    ] = ()
    window: WindowText | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.list_) == bool(self.any_of):
            raise ValueError("say either list or any_of")
        return self


class Arm(Frozen):
    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    label: str = Field(pattern=r"^[^.]+$")  # a dot would split the ids of results
    all_: tuple[ArmClause, ...] = Field(alias="all", min_length=1)


class ArmRules(Frozen):
    both: str = Field("exclude:mixed-materials", pattern=r"^exclude:[a-z][a-z0-9-]*$")
    neither: str = Field("exclude:material-unknown", pattern=r"^exclude:[a-z][a-z0-9-]*$")
    later_switch: Literal["keep"] = "keep"


class Covariate(Frozen):
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
            raise ValueError('labels: one more than the cut points, for instance cut = [60], labels = ["<60", ">=60"]')
        if self.levels and self.cut:
            raise ValueError("say either levels or cut")
        if self.level_labels and len(self.level_labels) != len(self.levels):
            raise ValueError("level_labels: one for each level")
        return self

    @property
    def categories(self) -> tuple[str, ...]:
        """The category labels in order, the reference first; empty for a purely continuous variable."""
        return self.labels if self.cut else tuple(str(level) for level in self.levels)


class Extract(Frozen):
    """How a server is asked: by the codes of the lists, or by patient only with the codes looked at on arrival."""

    codes: Literal["sent", "on-arrival"] = "on-arrival"


class Study(Frozen):
    """A whole study file. ``analysis.study.load`` reads one and names line and field of every fault."""

    study: StudyHead
    lists: dict[str, CodeListUse] = Field(default={}, alias="list")
    index: Index
    arm: tuple[Arm, ...] = Field(min_length=2)
    arm_rules: ArmRules = ArmRules()
    criterion: tuple[Criterion, ...] = ()
    covariate: dict[str, Covariate] = Field(default_factory=dict)
    response: Response | None = None
    endpoint: tuple[Endpoint, ...] = ()
    endpoint_rules: EndpointRules = EndpointRules()
    alive: Alive = Alive()
    treatment: Treatment | None = None
    adverse_events: AdverseEvents | None = None
    analysis: AnalysisPlan = AnalysisPlan()
    checks: CheckRules = CheckRules()
    disclosure: Disclosure = Disclosure()
    extract: Extract = Extract()
    supplement: Supplement | None = None

    @property
    def experimental(self) -> Arm:
        """The first arm of the file."""
        return self.arm[0]

    @property
    def reference(self) -> Arm:
        """The last arm of the file: every ratio and difference is against it."""
        return self.arm[-1]


class Population(Frozen):
    """Take every patient of the source: these resource types, whole."""

    types: tuple[str, ...] = Field(min_length=1)


class PopulationStudy(Frozen):
    """A file that only says what to extract, map and check (raw checks); nothing is derived or compared."""

    study: StudyHead
    population: Population
    checks: CheckRules = CheckRules()
