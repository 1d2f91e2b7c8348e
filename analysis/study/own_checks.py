"""What a study or a site says of data quality: other actions and thresholds, and checks of its own."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from analysis.study.base import Frozen

Action = Literal["stop", "drop", "warn"]
Severity = Literal["critical", "warning", "info"]
Context = Literal["verification", "validation"]
Scope = Literal["site", "study"]
Category = Literal[
    "conformance: value",
    "conformance: relational",
    "conformance: computational",
    "completeness",
    "plausibility: atemporal",
    "plausibility: temporal",
]
CheckId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Percent = Annotated[float, Field(ge=0, le=100)]


class InSet(Frozen):
    """Values lie in a set; ``@arms``, ``@responses`` stand for what the study file says."""

    kind: Literal["in_set"]
    column: str
    values: tuple[str, ...] | Literal["@arms", "@responses"]


class Matches(Frozen):
    """Texts match a regular expression (RE2's syntax, that all engines share)."""

    kind: Literal["matches"]
    column: str
    regex: str


class NotNull(Frozen):
    """Something is there."""

    kind: Literal["not_null"]
    column: str


class Unique(Frozen):
    """No value stands twice."""

    kind: Literal["unique"]
    column: str


class NotBefore(Frozen):
    """``column`` is on or after ``other`` wherever both are known."""

    kind: Literal["not_before"]
    column: str
    other: str


class Equal(Frozen):
    """Two columns say the same wherever both are known: recorded against recomputed."""

    kind: Literal["equal"]
    column: str
    other: str


class Between(Frozen):
    """Numbers lie between two bounds, both included."""

    kind: Literal["between"]
    column: str
    low: float | None = None
    high: float | None = None


class NotTogether(Frozen):
    """A value of ``column`` in ``values`` does not stand beside one of ``other`` in ``other_values``; asked of the rows
    where both are known."""

    kind: Literal["not_together"]
    column: str
    values: tuple[str, ...] = Field(min_length=1)
    other: str
    other_values: tuple[str, ...] = Field(min_length=1)


RowRule = Annotated[
    InSet | Matches | NotNull | Unique | NotBefore | Equal | Between | NotTogether, Field(discriminator="kind")
]


class CheckHead(Frozen):
    """All of a check but its rule. ``threshold`` is the percentage of violations that is still accepted.

    ``context``: verification looks at the data alone, validation holds them against something outside or earlier (Kahn
    et al. 2016). ``stop_above``: the percentage of the denominator above which the check stops, whatever its action.
    ``scope``: a stop holds one site, or stops the study.
    """

    id: CheckId
    table: str
    category: Category
    context: Context = "verification"
    severity: Severity = "warning"
    action: Action = "warn"
    scope: Scope = "site"
    threshold: Percent = 0.0
    stop_above: Percent | None = None
    reason: str
    consequence: str


class OwnCheck(CheckHead):
    """A check that a study or site adds to the catalogue, on a table as mapped or on a frame of the analysis tables."""

    rule: RowRule


class SiteCheckRules(Frozen):
    """Checks as one site's file, or a study's, changes them; ``own`` adds some.

    ``newest_within_days``: a table as mapped to the days its newest record may be old, whatever earlier runs had.
    """

    actions: dict[str, Action] = Field(default_factory=dict)
    thresholds: dict[str, Percent] = Field(default_factory=dict)
    stop_above: dict[str, Percent] = Field(default_factory=dict)
    newest_within_days: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    own: tuple[OwnCheck, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> Self:
        ids = [check.id for check in self.own]
        if len(set(ids)) != len(ids):
            raise ValueError("own: two checks have the same id")
        return self


class CheckRules(SiteCheckRules):
    """The study's: besides, the share of screened subjects (percent) whose violations stop the analysis."""

    stop_above_percent: float = Field(2.0, ge=0, le=100)
