"""What the two plots of proportional hazards are drawn from: scaled Schoenfeld residuals, and log(-log) of the curves.

Frames, not result rows. The residuals are one row an event, so they never leave the site and are shown only where
patient-level figures are; the log(-log) curves are made from released Kaplan-Meier rows and tell nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.stats.cohort import DAYS, Cohort
from analysis.stats.cox import CoxFit
from analysis.stats.estimates import BoolArray, FloatArray
from analysis.stats.models import Fitter
from analysis.stats.partial_likelihood import derivatives
from analysis.stats.survival import kaplan_meier
from analysis.stats.terms import Column, model_terms, treatment_term

if TYPE_CHECKING:
    import pandas as pd


def scaled_schoenfeld(
    time: FloatArray, event: BoolArray, x: FloatArray, fit: CoxFit, ties: str
) -> tuple[FloatArray, FloatArray]:
    """Times of the d events in their order (ties in that of the subjects), and for each the coefficients plus the
    scaled residuals, (d, p): the fit plus d times the covariance times the residual (Grambsch and Therneau 1994; R
    ``cox.zph(fit)$y``). A line of the coefficient over time is read from them.
    """
    order = np.argsort(time, kind="stable")
    order = order[event[order]]
    at = derivatives(time, event, x, fit.coef, ties)
    place = np.searchsorted(at.time, time[order])
    # The score of a time is the sum of its deaths' covariates less d times their mean; of each death, less the mean.
    died = np.bincount(place, minlength=at.time.size).astype(np.float64)
    observed = np.zeros(at.score.shape)
    centred = x - x.mean(axis=0)
    np.add.at(observed, place, centred[order])
    mean = (observed - at.score) / died[:, None]
    residuals = centred[order] - mean[place]
    return time[order], np.asarray(fit.coef + order.size * residuals @ fit.covariance)


@dataclass(frozen=True)
class Residuals:
    """Of one model: its columns and fit; of its d events in order of time the days, g (1 - S(t-)) and, (d, p), the
    coefficients plus scaled residuals."""

    columns: tuple[Column, ...]
    fit: CoxFit
    time: FloatArray
    g: FloatArray
    scaled: FloatArray


def residuals_of(cohort: Cohort, endpoint: str, *, adjusted: bool = False) -> Residuals | None:
    """Of treatment alone, or of all terms with ``adjusted``; None where the model has no fit."""
    terms = model_terms(cohort) if adjusted else (treatment_term(cohort),)
    fitter = Fitter(cohort.endpoint(endpoint), complete=terms)
    ties = cohort.study.analysis.primary.ties
    model = fitter.fit(terms, ties)
    if not isinstance(model.fit, CoxFit):
        return None
    time, event, keep = fitter.cases(terms)
    at, scaled = scaled_schoenfeld(time, event, fitter.matrix(model.columns, keep), model.fit, ties)
    curve = kaplan_meier(time, event)
    before = np.searchsorted(curve.time, at, side="left")
    g = 1.0 - np.concatenate([[1.0], curve.survival])[before]
    return Residuals(tuple(model.columns), model.fit, at, g, scaled)


def schoenfeld_frame(cohort: Cohort, endpoint: str, *, adjusted: bool = False) -> pd.DataFrame:
    """One row an event and column of the model of treatment alone, or of all terms with ``adjusted``.

    Columns: ``level`` and ``group`` (as the result rows of ``cox_univariate``), ``time`` (the study's unit), ``g``
    (1 - S(t-), the scale of ``ph_test``), ``scaled`` (coefficient plus residual), ``coef``. Ordered by level, time and
    value. No rows where the model has no fit.
    """
    return schoenfeld_rows(cohort, residuals_of(cohort, endpoint, adjusted=adjusted))


def schoenfeld_rows(cohort: Cohort, found: Residuals | None) -> pd.DataFrame:
    """The rows of ``schoenfeld_frame``, of residuals that are there already."""
    import pandas as pd

    columns = ["level", "group", "time", "g", "scaled", "coef"]
    if found is None:
        return pd.DataFrame(columns=columns)
    unit = DAYS[cohort.study.endpoint_rules.unit]
    parts = [
        pd.DataFrame(
            {
                "level": column.level,
                "group": column.group,
                "time": found.time / unit,
                "g": found.g,
                "scaled": found.scaled[:, k],
                "coef": float(found.fit.coef[k]),
            }
        )
        for k, column in enumerate(found.columns)
    ]
    made = pd.concat(parts, ignore_index=True)[columns]
    return made.sort_values(["level", "time", "scaled"], kind="stable", ignore_index=True)


def log_minus_log_frame(results: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """log(-log S(t)) of each arm against log t, from the ``km`` rows of ``results`` (suppress them first).

    Columns: ``group``, ``time`` (the study's unit), ``log_time``, ``value``; ordered by group and time. Points at time
    0, and where S is 0 or 1, have no place on these axes.
    """
    mine = results[
        (results["parameter"] == endpoint) & (results["variable"] == "km") & (results["statistic"] == "survival")
    ]
    made = mine[["group"]].assign(time=mine["level"].astype(float), survival=mine["value"])
    made = made[(made["time"] > 0) & (made["survival"] > 0) & (made["survival"] < 1)]
    made = made.assign(log_time=np.log(made["time"]), value=np.log(-np.log(made["survival"])))
    kept = made[["group", "time", "log_time", "value"]]
    return kept.sort_values(["group", "time"], kind="stable", ignore_index=True)
