"""A check as data: what it asks, of which table, how bad a failure is and what happens then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["PASS", "PASS_WITH_VIOLATIONS", "FAIL", "NOT_APPLICABLE", "ERROR"]
Action = Literal["stop", "drop", "warn"]
Context = Literal["verification", "validation"]
Scope = Literal["site", "study"]
Severity = Literal["critical", "warning", "info"]
Category = Literal[
    "conformance: value",
    "conformance: relational",
    "conformance: computational",
    "completeness",
    "plausibility: atemporal",
    "plausibility: temporal",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class InSet(_Frozen):
    """Values lie in a set; ``@arms``, ``@responses`` stand for what the study file says."""

    kind: Literal["in_set"]
    column: str
    values: tuple[str, ...] | Literal["@arms", "@responses"]


class Matches(_Frozen):
    kind: Literal["matches"]
    column: str
    regex: str


class NotNull(_Frozen):
    kind: Literal["not_null"]
    column: str


class Unique(_Frozen):
    kind: Literal["unique"]
    column: str


class NotBefore(_Frozen):
    """``column`` is on or after ``other`` wherever both are known."""

    kind: Literal["not_before"]
    column: str
    other: str


class Equal(_Frozen):
    """Two columns say the same wherever both are known: recorded against recomputed."""

    kind: Literal["equal"]
    column: str
    other: str


class Between(_Frozen):
    kind: Literal["between"]
    column: str
    low: float | None = None
    high: float | None = None


class Counted(_Frozen):
    """Judged on a count of violations that ``expectations.raw`` makes over the raw tables, by its name."""

    kind: Literal["counted"]
    count: str


class History(_Frozen):
    """Judged on counts of this run beside those of earlier runs or other sites (``expectations.history``), by name."""

    kind: Literal["history"]
    count: str


Rule = Annotated[
    InSet | Matches | NotNull | Unique | NotBefore | Equal | Between | Counted | History, Field(discriminator="kind")
]


class Check(_Frozen):
    """One row of the catalogue. ``threshold`` is the percentage of violations that is still accepted.

    ``context``: verification looks at the data alone, validation holds them against something outside or earlier (Kahn
    et al. 2016). ``stop_above``: the percentage of the denominator above which the check stops, whatever its action.
    ``scope``: a stop holds one site, or stops the study.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    table: str
    category: Category
    context: Context = "verification"
    severity: Severity
    action: Action
    scope: Scope = "site"
    threshold: float = Field(ge=0, le=100)
    stop_above: float | None = Field(None, ge=0, le=100)
    reason: str
    consequence: str
    rule: Rule

    @property
    def raw(self) -> bool:
        """Whether the check looks at tables as mapped, before any subject exists."""
        return self.rule.kind in ("counted", "history")


@dataclass(frozen=True)
class Finding:
    """What judging one check on one table gave: integers only. ``rows`` are positions of violating rows."""

    check_id: str
    table: str
    denominator: int
    numerator: int
    rows: tuple[int, ...] = ()
    error: str = ""
    site: str = ""
