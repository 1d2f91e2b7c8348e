"""Rows of one endpoint's bootstrap of the stepwise choice, where the study asks for it."""

from __future__ import annotations

from functools import partial

from analysis.stats.bootstrap import Choice, Validation, complete_cases, draws, validate
from analysis.stats.cohort import Cohort
from analysis.stats.cox_rows import choose, stepwise_method, ties_of
from analysis.stats.estimates import NotEstimable, Value
from analysis.stats.rows import Rows
from analysis.stats.terms import Term, model_terms

VARIABLE = "stepwise_bootstrap"


def add_bootstrap(rows: Rows, cohort: Cohort, endpoint: str) -> None:
    """Of each way of choosing: ``percent`` and ``refused`` of each candidate, the resamples and the concordances.

    Resampled are the subjects with a value of every candidate, the same resamples for every way.
    """
    plan = cohort.study.analysis.cox.stepwise
    if plan is None or plan.bootstrap is None:
        return
    asked, terms = plan.bootstrap, model_terms(cohort)
    data = complete_cases(cohort.endpoint(endpoint), terms)
    ways: dict[str, Choice] = {
        stepwise_method(plan, ties, remove): partial(choose, plan, terms=terms, ties=ties, remove=remove)
        for ties in ties_of(cohort)
        for remove in plan.remove
    }
    n = int(data.time.size)
    if n == 0:
        _add_nothing(rows, endpoint, terms, ways, n, "no subject has a value of every candidate")
    elif n * asked.resamples > asked.limit:
        why = f"subjects times resamples are above the study's limit of {asked.limit}"
        _add_nothing(rows, endpoint, terms, ways, n, why)
    else:
        found = validate(data, terms, ways, draws(n, asked.resamples, asked.seed))
        for method, one in found.items():
            _add(rows, endpoint, terms, method, one, n)


def _add(rows: Rows, endpoint: str, terms: tuple[Term, ...], method: str, found: Validation, n: int) -> None:
    for term in terms:
        where = {"level": term.id, "method": method}
        rows.add(endpoint, VARIABLE, "percent", found.percent(term.id), unit="%", n=n, **where)
        rows.add(endpoint, VARIABLE, "refused", found.refused[term.id], n=n, **where)
    figures: dict[str, Value | int] = {
        "resamples": found.resamples,
        "no_fit": found.no_fit,
        "concordance": found.apparent,
        "optimism": found.optimism,
        "corrected": found.corrected,
    }
    for statistic, value in figures.items():
        rows.add(endpoint, VARIABLE, statistic, value, method=method, n=n)


def _add_nothing(rows: Rows, endpoint: str, terms: tuple[Term, ...], ways: dict[str, Choice], n: int, why: str) -> None:
    reason = NotEstimable(why)
    for method in ways:
        for term in terms:
            for statistic, unit in (("percent", "%"), ("refused", "")):
                rows.add(endpoint, VARIABLE, statistic, reason, level=term.id, method=method, unit=unit, n=n)
        for statistic in ("resamples", "no_fit", "concordance", "optimism", "corrected"):
            rows.add(endpoint, VARIABLE, statistic, reason, method=method, n=n)
