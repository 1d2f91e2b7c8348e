"""Cox models of terms on one endpoint: complete cases, columns that cannot be fitted named, fits kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.stats import cox
from analysis.stats.cohort import EndpointData
from analysis.stats.cox import CoxFit
from analysis.stats.estimates import BoolArray, FloatArray, NotEstimable
from analysis.stats.terms import Column, Term


@dataclass(frozen=True)
class Model:
    """A fit with its columns. ``left_out`` says why a column has no coefficient; ``fit`` may be a reason itself."""

    terms: tuple[Term, ...]
    columns: tuple[Column, ...]
    left_out: tuple[tuple[Column, str], ...]
    fit: CoxFit | NotEstimable
    n: int
    events: int

    def positions(self, term: Term) -> list[int]:
        """The numbers of the term's columns in the fit."""
        return [i for i, column in enumerate(self.columns) if column in term]


class Fitter:
    """Fits models to one endpoint. With ``complete`` terms, only subjects with a value in all of them are used.

    ``newton`` is for many small fits: see ``cox.fit``.
    """

    def __init__(self, data: EndpointData, complete: Sequence[Term] = (), *, newton: bool = False) -> None:
        self._data = data
        self._complete = tuple(complete)
        self._newton = newton
        self._kept: dict[tuple[tuple[str, ...], str], Model] = {}

    def cases(self, terms: Sequence[Term]) -> tuple[FloatArray, BoolArray, BoolArray]:
        """Times and events of the complete cases, and who of the endpoint's subjects they are."""
        keep = np.ones(self._data.time.size, dtype=np.bool_)
        for term in (*self._complete, *terms):
            for column in term.columns:
                keep &= ~np.isnan(column.values[self._data.index])
        return self._data.time[keep], self._data.event[keep], keep

    def matrix(self, columns: Sequence[Column], keep: BoolArray) -> FloatArray:
        """The columns' values of the kept subjects, (n, p)."""
        return np.column_stack([column.values[self._data.index][keep] for column in columns])

    def fit(self, terms: Sequence[Term], ties: str) -> Model:
        """Fit the terms. A column without variation is left out by name, and the rest is fitted."""
        key = (tuple(term.id for term in terms), ties)
        if key not in self._kept:
            self._kept[key] = self._fit(tuple(terms), ties)
        return self._kept[key]

    def _fit(self, terms: tuple[Term, ...], ties: str) -> Model:
        time, event, keep = self.cases(terms)
        columns: list[Column] = []
        left_out: list[tuple[Column, str]] = []
        for column in (column for term in terms for column in term.columns):
            values = column.values[self._data.index][keep]
            if values.size and np.ptp(values) > 0:
                columns.append(column)
            else:
                left_out.append((column, "no variation among the subjects of the model"))
        fitted: CoxFit | NotEstimable
        if columns:
            fitted = cox.fit(time, event, self.matrix(columns, keep), ties, newton=self._newton)
        else:
            fitted = NotEstimable("no variation among the subjects of the model")
        return Model(terms, tuple(columns), tuple(left_out), fitted, int(time.size), int(event.sum()))
