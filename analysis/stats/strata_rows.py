"""Rows of one endpoint that compare the arms within strata, and treatment's hazard ratio with a robust variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.stats.cohort import Cohort
from analysis.stats.cox import CoxFit
from analysis.stats.cox_rows import coefficient_values, events_per_term_warning
from analysis.stats.estimates import BoolArray, FloatArray, IntArray, NotEstimable
from analysis.stats.models import Fitter, Model
from analysis.stats.rows import Rows, contrast
from analysis.stats.strata import fit_within_strata, sandwich, score_residuals, stratified_log_rank
from analysis.stats.survival import Test
from analysis.stats.terms import treatment_term
from analysis.study.comparison import Ties
from analysis.study.survival import SITE

#: With fewer clusters the sandwich variance tends to be too small (Cameron and Miller, J Hum Resour 2015;50:317).
_FEW_CLUSTERS = 20


def add_within_strata(rows: Rows, cohort: Cohort, endpoint: str) -> None:
    """Log-rank test of each arm against the reference, and the hazard ratios of treatment, within the study's strata.

    A subject without a value in one of them is left out; ``n`` says how many stay.
    """
    plan = cohort.study.analysis
    if not plan.survival.strata:
        return
    ties = plan.primary.ties
    tests, model = _compared(cohort, endpoint, plan.survival.strata, ties)
    for group, test, n in tests:
        rows.add(endpoint, "logrank_stratified", "chi2", test.chi2, group=group, method="logrank", n=n)
        rows.add(endpoint, "logrank_stratified", "p", test.p, group=group, method="logrank", n=n)
    warning = events_per_term_warning(cohort, model.events, len(model.columns))
    for column in model.terms[0].columns:
        where = {"group": column.group, "level": column.level}
        for statistic, value in coefficient_values(model, column).items():
            told = {"method": ties, "warning": warning, **where}
            rows.add(endpoint, "cox_stratified", statistic, value, n=model.n, **told)
        rows.add(endpoint, "cox_stratified", "n", model.n, n=model.n, **where)
        rows.add(endpoint, "cox_stratified", "events", model.events, n=model.n, **where)


def add_set_within_strata(
    rows: Rows, cohort: Cohort, parameter: str, endpoint: str, strata: Sequence[str], ties: Ties
) -> None:
    """Rows of one sensitivity set, variable ``<endpoint>_stratified``: as :func:`add_within_strata`, by the set's own
    strata and ties."""
    variable = f"{endpoint}_stratified"
    tests, model = _compared(cohort, endpoint, strata, ties)
    warning = events_per_term_warning(cohort, model.events, len(model.columns))
    for column in model.terms[0].columns:
        values = coefficient_values(model, column)
        for statistic in ("hr", "lower", "upper", "p", "se"):
            told = {"group": column.group, "method": ties, "warning": warning}
            rows.add(parameter, variable, statistic, values[statistic], n=model.n, **told)
        rows.add(parameter, variable, "n", model.n, group=column.group, n=model.n)
        rows.add(parameter, variable, "events", model.events, group=column.group, n=model.n)
    for group, test, n in tests:
        rows.add(parameter, variable, "p", test.p, group=group, method="logrank", n=n)


def _compared(
    cohort: Cohort, endpoint: str, strata: Sequence[str], ties: Ties
) -> tuple[list[tuple[str, Test, int]], Model]:
    """Of each arm against the reference the contrast, its log-rank test and subjects; and the model of treatment."""
    data = cohort.endpoint(endpoint)
    codes, known = _strata(cohort, strata)
    keep = known[data.index]
    time, event = data.time[keep], data.event[keep]
    arm, stratum = cohort.arm[data.index][keep], codes[data.index][keep]
    tests = []
    for i, label in enumerate(cohort.arms):
        if i != cohort.reference:
            pair = (arm == i) | (arm == cohort.reference)
            test = stratified_log_rank(time[pair], event[pair], arm[pair] == i, stratum[pair])
            tests.append((contrast(label, cohort.arms[cohort.reference]), test, int(pair.sum())))
    return tests, _treatment_within(cohort, time, event, keep, data.index, stratum, ties)


def _strata(cohort: Cohort, names: Sequence[str]) -> tuple[IntArray, BoolArray]:
    """The stratum of each subject, and who has a value in all that make it up."""
    codes, known = np.zeros(cohort.n, dtype=np.int64), np.ones(cohort.n, dtype=np.bool_)
    for name in names:
        part = np.unique(cohort.sites, return_inverse=True)[1] if name == SITE else cohort.covariates[name].codes
        known &= part >= 0
        codes = np.unique(codes * (int(part.max()) + 2) + part + 1, return_inverse=True)[1].ravel()
    return codes, known


def _treatment_within(
    cohort: Cohort,
    time: FloatArray,
    event: BoolArray,
    keep: BoolArray,
    index: IntArray,
    stratum: IntArray,
    ties: Ties,
) -> Model:
    term = treatment_term(cohort)
    values = [column.values[index][keep] for column in term.columns]
    varies = [v.size > 0 and bool(np.ptp(v) > 0) for v in values]
    columns = tuple(c for c, used in zip(term.columns, varies, strict=True) if used)
    reason = "no variation among the subjects of the model"
    left_out = tuple((c, reason) for c, used in zip(term.columns, varies, strict=True) if not used)
    fit: CoxFit | NotEstimable = NotEstimable(reason)
    if columns:
        x = np.column_stack([v for v, used in zip(values, varies, strict=True) if used])
        fit = fit_within_strata(time, event, x, stratum, ties)
    return Model((term,), columns, left_out, fit, int(time.size), int(event.sum()))


def add_robust(rows: Rows, cohort: Cohort, endpoint: str) -> None:
    """Treatment alone, its limits and P by the sandwich variance over the study's clusters."""
    plan = cohort.study.analysis
    if plan.survival.cluster is None:
        return
    ties = plan.primary.ties
    fitter = Fitter(cohort.endpoint(endpoint))
    model = fitter.fit([treatment_term(cohort)], ties)
    fit, few = model.fit, False
    if isinstance(fit, CoxFit):
        time, event, keep = fitter.cases(model.terms)
        x = fitter.matrix(model.columns, keep)
        index = cohort.endpoint(endpoint).index[keep]
        cluster = np.unique(cohort.sites[index], return_inverse=True)[1].ravel()
        if plan.survival.cluster == "subject":
            cluster = np.arange(index.size)
        few = np.unique(cluster).size < _FEW_CLUSTERS
        residuals = score_residuals(time, event, x, fit.coef, np.zeros(time.size, dtype=np.int64), ties)
        covariance = sandwich(fit, residuals, cluster)
        if isinstance(covariance, NotEstimable):
            fit = covariance
        else:
            fit = CoxFit(fit.coef, covariance, fit.loglik, fit.loglik_null, fit.n, fit.events)
    robust = Model(model.terms, model.columns, model.left_out, fit, model.n, model.events)
    warning = f"fewer than {_FEW_CLUSTERS} clusters: the interval tends to be too narrow" if few else ""
    for column in model.terms[0].columns:
        for statistic, value in coefficient_values(robust, column).items():
            rows.add(
                endpoint,
                "cox_robust",
                statistic,
                value,
                group=column.group,
                level=column.level,
                method=f"{ties}_{plan.survival.cluster}",
                n=model.n,
                warning=warning,
            )
