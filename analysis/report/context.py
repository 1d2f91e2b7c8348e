"""What every section of the page starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.report.lookup import Index, Lookup, Row
from analysis.report.palette import ArmStyle, arm_styles
from analysis.study.model import Endpoint, Study

TREATMENT = ("treatment", "arm", "TRT01A")


@dataclass(frozen=True)
class Contrast:
    """One comparison: the results' group, and the two arms."""

    group: str
    experimental: str
    reference: str


@dataclass
class Context:
    """The page's inputs, arranged: arms with their styles, contrasts that exist, endpoints that were analysed."""

    study: Study
    index: Index
    quality: pd.DataFrame
    provenance: Mapping[str, Any]
    expected: Sequence[Mapping[str, Any]]
    masked: bool = False
    arms: dict[str, ArmStyle] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.arms = {} if self.masked else arm_styles(tuple(arm.label for arm in self.study.arm))

    def lookup(self) -> Lookup:
        """A fresh view for one section, with its own notes."""
        return Lookup(self.index)

    @property
    def contrasts(self) -> list[Contrast]:
        """Each arm against the reference, where the results hold the comparison; the first is the main one."""
        groups = {row.group for row in self.index.rows}
        reference = self.study.reference.label
        made = [Contrast(f"{a.label} vs {reference}", a.label, reference) for a in self.study.arm[:-1]]
        return [c for c in made if c.group in groups]

    @property
    def endpoints(self) -> list[Endpoint]:
        """The study's endpoints that have rows."""
        known = set(self.index.parameters())
        return [e for e in self.study.endpoint if e.id in known]

    def has(self, parameter: str, variable: str | None = None) -> bool:
        """Whether the results hold such rows."""
        if variable is None:
            return parameter in self.index.parameters()
        return bool(self.index.of(parameter, variable))


def treatment_rows(rows: Sequence[Row], contrast: Contrast, method: str | None = None) -> dict[str, Row]:
    """A model's rows for one treatment contrast, by statistic.

    The level names the arm (``treatment=DEB-TACE``), or the group names the contrast; with two arms either will do.
    """
    found: dict[str, Row] = {}
    for row in rows:
        name, _, level = row.level.partition("=")
        if name not in TREATMENT or (method is not None and row.method not in (method, "")):
            continue
        if level == contrast.experimental or row.group == contrast.group:
            found.setdefault(row.statistic, row)
    return found
