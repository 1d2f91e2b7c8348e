"""A check as data: what it asks, of which table, how bad a failure is and what happens then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from analysis.study.base import Frozen
from analysis.study.own_checks import CheckHead, RowRule

Status = Literal["PASS", "PASS_WITH_VIOLATIONS", "FAIL", "NOT_APPLICABLE", "ERROR"]


class Counted(Frozen):
    """Judged on a count of violations that ``expectations.raw`` makes over the raw tables, by the check's id."""

    kind: Literal["counted"]


class History(Frozen):
    """Judged on counts of this run beside those of earlier runs or other sites (``expectations.history``), by id."""

    kind: Literal["history"]


class Decided(Frozen):
    """Judged by the gate itself, on what the other checks decided (``expectations.gate``)."""

    kind: Literal["gate"]


Rule = Annotated[RowRule | Counted | History | Decided, Field(discriminator="kind")]


class Check(CheckHead):
    """One row of the catalogue, or one that a study or site adds to it."""

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
