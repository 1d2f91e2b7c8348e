"""Who is weighted, and by which propensity score: the model of a study's weighting fitted in one cohort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.stats import logistic
from analysis.stats.cohort import Cohort
from analysis.stats.estimates import BoolArray, FloatArray, IntArray, NotEstimable
from analysis.stats.logistic import LogisticFit
from analysis.stats.rows import TOTAL
from analysis.stats.terms import Column, covariate_term
from analysis.study.weighting import Weighting


@dataclass(frozen=True)
class Sample:
    """Who is weighted (places in the cohort), their scores, who is in the experimental arm, and the rows' warning."""

    used: IntArray
    score: FloatArray
    treated: BoolArray
    warning: str


@dataclass(frozen=True)
class Scored:
    """The model's columns, who of the cohort (n,) has a value in all, the model fitted in them and its warning; who
    was trimmed (None where nobody was asked for, or nothing could be fitted); and the sample that is left."""

    columns: list[Column]
    known: BoolArray
    fit: LogisticFit | NotEstimable
    warning: str
    trimmed: BoolArray | None
    sample: Sample | NotEstimable


def score(cohort: Cohort, plan: Weighting) -> Scored | NotEstimable:
    """Fit the propensity score of the first arm; NotEstimable where the study has more than two."""
    if len(cohort.arms) > 2:
        return NotEstimable("weighting compares two arms, and this study has more")
    columns = _columns(cohort, plan)
    known = ~np.any([np.isnan(column.values) for column in columns], axis=0)
    used = np.flatnonzero(known)
    fit = last = _fitted(cohort, plan, columns, used)
    warning, trimmed = _warning(plan, used.size, len(columns)), None
    if not isinstance(fit, NotEstimable) and plan.trim is not None:
        low, high = plan.trim
        keep = (fit.probability >= low) & (fit.probability <= high)
        trimmed = np.zeros(cohort.n, dtype=np.bool_)
        trimmed[used[~keep]] = True
        used = used[keep]
        # The model is fitted again in those who stay, whom the weights are for (Li, Thomas and Li, AJE 2019;188:250).
        if not keep.all():
            last = _fitted(cohort, plan, columns, used)
    if isinstance(last, NotEstimable):
        return Scored(columns, known, fit, warning, trimmed, last)
    sample = Sample(used, last.probability, cohort.arm[used] == 0, _warning(plan, used.size, len(columns)))
    return Scored(columns, known, fit, warning, trimmed, sample)


def _columns(cohort: Cohort, plan: Weighting) -> list[Column]:
    """The model's columns: each covariate as Cox models take it, or as a number."""
    found: list[Column] = []
    for name in plan.covariates:
        values = cohort.covariates[name].values
        if name in plan.linear and values is not None:
            found.append(Column(name, TOTAL, values))
        else:
            found += covariate_term(cohort, name).columns
    return found


def _few(n: int, terms: int) -> bool:
    return n < 10 * terms


def _warning(plan: Weighting, n: int, terms: int) -> str:
    return f"forced with fewer than 10 subjects a term: {plan.reason}" if _few(n, terms) else ""


def _fitted(cohort: Cohort, plan: Weighting, columns: list[Column], used: IntArray) -> LogisticFit | NotEstimable:
    if used.size == 0:
        return NotEstimable("no subject is left for the propensity model")
    x = np.column_stack([column.values[used] for column in columns])
    if _few(len(used), len(columns)) and not plan.force:
        return NotEstimable("fewer than 10 subjects a term: weighting is refused unless the study forces it")
    return logistic.fit(x, np.asarray(cohort.arm[used] == 0))
