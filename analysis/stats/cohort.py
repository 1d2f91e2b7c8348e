"""The analysed subjects as plain arrays: arms, covariates with their categories, endpoints.

Subjects are put into an order that depends on their values alone, never on their pseudonyms or on the order of arrival:
floating-point sums then come out the same to the last bit wherever the data came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.estimates import BoolArray, FloatArray, IntArray
from analysis.study.model import Study
from mappings.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd

#: Days in one study unit. A month is a twelfth of 365.25 days.
DAYS = {"day": 1.0, "month": 30.4375, "year": 365.25}


def event_flag(cnsr: pd.Series) -> BoolArray:
    """ADaM's CNSR as an event flag: 0 is an event, 1 and more a reason for censoring."""
    return np.asarray(cnsr.to_numpy() == 0, dtype=np.bool_)


@dataclass(frozen=True)
class CovariateData:
    """One covariate: numeric values (NaN missing; None for levels that are words) and category codes (-1 missing)."""

    id: str
    values: FloatArray | None
    categories: tuple[str, ...]
    codes: IntArray

    @property
    def missing(self) -> BoolArray:
        """Subjects without a value."""
        if self.categories:
            return np.asarray(self.codes < 0)
        assert self.values is not None
        return np.asarray(np.isnan(self.values))


@dataclass(frozen=True)
class EndpointData:
    """Time in days and event flag of the subjects with a usable row; ``index`` says which subjects of the cohort."""

    id: str
    index: IntArray
    time: FloatArray
    event: BoolArray


class Cohort:
    """The analysis table of one study, read once. ``arm`` holds the position of each subject's arm in ``arms``."""

    def __init__(self, study: Study, table: pd.DataFrame) -> None:
        """Raises UnusableDataError where nobody is analysed or one arm is empty, or a column is absent."""
        self.study = study
        self.arms = tuple(arm.label for arm in study.arm)
        if table.empty:
            raise UnusableDataError("nobody is left to analyse: the analysis table is empty")
        values = [column for column in table.columns if column not in ("USUBJID", "SITEID", "SRCREF")]
        self._table = table.sort_values(values, key=lambda s: s.astype(str), kind="stable", ignore_index=True)
        position = {label: i for i, label in enumerate(self.arms)}
        codes = self._column("TRT01A").map(position)
        if codes.isna().any():
            raise UnusableDataError("the analysis table names an arm (TRT01A) that the study does not have")
        self.arm: IntArray = np.asarray(codes, dtype=np.int64)
        empty = [label for i, label in enumerate(self.arms) if not (self.arm == i).any()]
        if empty:
            raise UnusableDataError(f"no subject is analysed in arm {', '.join(empty)}")

    @property
    def n(self) -> int:
        """Analysed subjects."""
        return len(self._table)

    @property
    def reference(self) -> int:
        """The position of the reference arm."""
        return len(self.arms) - 1

    def in_arm(self, arm: int) -> BoolArray:
        """Who is in the arm."""
        return np.asarray(self.arm == arm)

    def _column(self, name: str) -> pd.Series:
        if name not in self._table.columns:
            raise UnusableDataError(f"the analysis table has no column {name}")
        return self._table[name]

    @cached_property
    def sites(self) -> np.ndarray:
        """The site of each subject, as text."""
        return np.asarray(self._column("SITEID").astype(str), dtype=np.str_)

    @cached_property
    def subjects(self) -> np.ndarray:
        """The pseudonym of each subject, to look up what other tables say of it."""
        return np.asarray(self._column("USUBJID").astype(str), dtype=np.str_)

    @cached_property
    def covariates(self) -> dict[str, CovariateData]:
        """All covariates of the study, in its order."""
        return {name: self._covariate(name) for name in self.study.covariate}

    def _covariate(self, name: str) -> CovariateData:
        import pandas as pd

        definition = self.study.covariate[name]
        column = self._column(name)
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        if definition.cut:
            text = self._column(f"{name}_cat").astype("object")
        elif definition.levels:
            text = column.map(_level_text)
        else:
            return CovariateData(name, numbers, (), np.full(self.n, -1, dtype=np.int64))
        position = {label: i for i, label in enumerate(definition.categories)}
        codes = np.asarray(text.map(position).fillna(-1), dtype=np.int64)
        return CovariateData(name, numbers if definition.cut else None, definition.categories, codes)

    @cached_property
    def best_response(self) -> IntArray:
        """Position of each subject's best response in ``study.response.order``; its length where not evaluable."""
        assert self.study.response is not None
        order = self.study.response.order
        position = {level: i for i, level in enumerate(order)}
        return np.asarray(self._column("BOR").map(position).fillna(len(order)), dtype=np.int64)

    def endpoint(self, name: str) -> EndpointData:
        """The endpoint's times; a subject without time or flag, or with a negative time, is left out (and counted)."""
        import pandas as pd

        time = pd.to_numeric(self._column(f"{name}_AVAL"), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        cnsr = pd.to_numeric(self._column(f"{name}_CNSR"), errors="coerce")
        usable = np.flatnonzero((time >= 0) & np.isfinite(time) & cnsr.notna().to_numpy())
        return EndpointData(name, usable, time[usable], event_flag(cnsr.iloc[usable]))

    def competing(self, name: str) -> BoolArray:
        """Of the subjects of ``endpoint(name)``, whose time a competing event ended: their CNSR says so."""
        import pandas as pd

        endpoint = next(e for e in self.study.endpoint if e.id == name)
        cnsr = pd.to_numeric(self._column(f"{name}_CNSR"), errors="coerce").iloc[self.endpoint(name).index]
        return np.asarray(cnsr.isin(list(endpoint.competing_codes)).to_numpy(), dtype=np.bool_)


def _level_text(value: object) -> str | None:
    """A level as the study file writes it: 1, 1.0 and "1" are one level."""
    if value is None or value != value:  # NaN alone differs from itself
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
