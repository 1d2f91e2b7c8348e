"""The columns a Cox model is built from: treatment and covariates as the study file codes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.stats.cohort import Cohort, CovariateData
from analysis.stats.estimates import FloatArray
from analysis.stats.rows import TOTAL, contrast

TREATMENT = "treatment"


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a model: ``level`` and ``group`` of its result rows, and a value a subject (NaN missing)."""

    level: str
    group: str
    values: FloatArray


@dataclass(frozen=True, eq=False)
class Term:
    """What enters or leaves a model as a whole: treatment, or one covariate."""

    id: str
    columns: tuple[Column, ...]

    def __contains__(self, column: Column) -> bool:
        return any(column is own for own in self.columns)


def treatment_term(cohort: Cohort) -> Term:
    """One column for each arm but the reference."""
    reference = cohort.arms[cohort.reference]
    return Term(
        TREATMENT,
        tuple(
            Column(f"{TREATMENT}={arm}", contrast(arm, reference), cohort.in_arm(i).astype(np.float64))
            for i, arm in enumerate(cohort.arms)
            if i != cohort.reference
        ),
    )


def covariate_term(cohort: Cohort, name: str) -> Term:
    """A covariate as ``cox`` says: categories against the first, or one linear column.

    Linear on levels uses the levels as numbers, or their ranks from 0 where they are words.
    """
    data = cohort.covariates[name]
    how = cohort.study.covariate[name].cox
    if how == "linear" or not data.categories:
        return Term(name, (Column(name, TOTAL, _linear(data)),))
    missing = data.codes < 0
    return Term(
        name,
        tuple(
            Column(f"{name}={category}", TOTAL, np.where(missing, np.nan, (data.codes == k).astype(np.float64)))
            for k, category in enumerate(data.categories)
            if k > 0
        ),
    )


def _linear(data: CovariateData) -> FloatArray:
    if data.values is not None:
        return data.values
    try:
        scores = [float(category) for category in data.categories]
    except ValueError:
        scores = [float(k) for k in range(len(data.categories))]
    return np.asarray([*scores, np.nan])[data.codes]  # code -1 is the last, missing


def model_terms(cohort: Cohort) -> tuple[Term, ...]:
    """Treatment, then the covariates of ``analysis.cox.adjust`` in their order."""
    adjust = cohort.study.analysis.cox.adjust
    return (treatment_term(cohort), *(covariate_term(cohort, name) for name in adjust))
