"""The sensitivity set side by side, and which comparisons fall on the other side of alpha."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.stats.cohort import Cohort
from analysis.stats.cox_rows import coefficient_values, events_per_term_warning, treatment_model
from analysis.stats.estimates import NotEstimable
from analysis.stats.rows import Rows
from analysis.stats.sensitivity_weighted import add_set_weighted
from analysis.stats.side_by_side import add_side_by_side
from analysis.stats.strata_rows import add_set_within_strata
from analysis.stats.terms import treatment_term
from analysis.stats.time_to_event import log_rank_tests
from analysis.study.model import Sensitivity, Study
from mappings.errors import UnusableDataError

if TYPE_CHECKING:
    import pandas as pd


def add_sensitivity(rows: Rows, study: Study, cohort: Cohort, variants: Mapping[str, pd.DataFrame]) -> None:
    """Rows of ``sensitivity:<id>``; ``variants`` holds the analysis tables of sets that change subjects or times.

    A set whose table is missing, or has an empty arm, gives NE rows that say so.
    """
    for item in study.analysis.sensitivity:
        found: Cohort | NotEstimable = cohort
        if item.other_data:
            if item.id not in variants:
                found = NotEstimable("the data of this set were not derived")
            else:
                try:
                    found = Cohort(study, variants[item.id])
                except UnusableDataError as error:
                    found = NotEstimable(str(error))
        for endpoint in study.endpoint:
            _add_set(rows, cohort, item, found, endpoint.id)
            _add_strata(rows, cohort, item, found, endpoint.id)
        add_set_weighted(rows, study, item, found)
        add_side_by_side(rows, study, item, found)


def _add_set(rows: Rows, base: Cohort, item: Sensitivity, found: Cohort | NotEstimable, endpoint: str) -> None:
    ties = (item.set_ or base.study.analysis.primary).ties
    parameter = f"sensitivity:{item.id}"
    if isinstance(found, NotEstimable):
        for column in treatment_term(base).columns:
            for statistic in ("hr", "lower", "upper", "p"):
                rows.add(parameter, endpoint, statistic, found, group=column.group, method=ties)
            rows.add(parameter, endpoint, "p", found, group=column.group, method="logrank")
        return
    model = treatment_model(found, endpoint, ties)
    warning = events_per_term_warning(found, model.events, len(model.columns))
    for column in model.terms[0].columns:
        values = coefficient_values(model, column)
        for statistic in ("hr", "lower", "upper", "p", "se"):
            rows.add(
                parameter,
                endpoint,
                statistic,
                values[statistic],
                group=column.group,
                method=ties,
                n=model.n,
                warning=warning,
            )
        rows.add(parameter, endpoint, "n", model.n, group=column.group, n=model.n)
        rows.add(parameter, endpoint, "events", model.events, group=column.group, n=model.n)
    for group, test, n in log_rank_tests(found, endpoint):
        rows.add(parameter, endpoint, "p", test.p, group=group, method="logrank", n=n)


def _add_strata(rows: Rows, base: Cohort, item: Sensitivity, found: Cohort | NotEstimable, endpoint: str) -> None:
    if item.set_ is None or not item.set_.strata:
        return
    parameter, ties = f"sensitivity:{item.id}", item.set_.ties
    if not isinstance(found, NotEstimable):
        add_set_within_strata(rows, found, parameter, endpoint, item.set_.strata, ties)
        return
    for column in treatment_term(base).columns:
        for statistic, method in (*((s, ties) for s in ("hr", "lower", "upper", "p")), ("p", "logrank")):
            rows.add(parameter, f"{endpoint}_stratified", statistic, found, group=column.group, method=method)


def add_alpha_crossing(rows: Rows, study: Study, results: pd.DataFrame) -> None:
    """Rows of ``alpha_crossing``: comparisons of an outcome that fall on the other side of alpha than the primary.

    The primary P is the treatment row of the univariate Cox model with the primary ties (for response rates, the
    primary test). Beside it stand the other ties, the log-rank test and every sensitivity set (or the other test).
    """
    alpha = study.analysis.alpha
    tested = results[(results["statistic"] == "p") & results["value"].notna()]
    outcomes = [*(endpoint.id for endpoint in study.endpoint), *(("orr", "dcr") if study.response else ())]
    for contrast_group in sorted({g for g in results["group"] if " vs " in g}):
        mine = tested[tested["group"] == contrast_group]
        for outcome in outcomes:
            named = _comparisons(mine, outcome)
            first = study.analysis.primary.response if outcome in ("orr", "dcr") else study.analysis.primary.ties
            if first not in named:
                reason = NotEstimable("the primary comparison has no P")
                rows.add("alpha_crossing", outcome, "n", reason, group=contrast_group)
                continue
            side = named[first] < alpha
            other = sorted(name for name, p in named.items() if (p < alpha) != side)
            n = len(named) - 1
            warning = ""
            if other:
                verb = "below" if side else "not below"
                warning = f"{first} is {verb} {alpha:g}; on the other side: {', '.join(other)}"
            rows.add("alpha_crossing", outcome, "n", len(other), group=contrast_group, n=n, warning=warning)


def _comparisons(tested: pd.DataFrame, outcome: str) -> dict[str, float]:
    """Every P of the outcome by a short name: the method, or the sensitivity set with it."""
    named: dict[str, float] = {}
    for row in tested.itertuples(index=False):
        parameter, variable, method, value = str(row.parameter), str(row.variable), str(row.method), row.value
        own = parameter == outcome and variable in ("cox_univariate", "logrank")
        if own or (parameter == "response" and variable == outcome):
            named[method] = float(value)  # type: ignore[arg-type]
        elif parameter.startswith("sensitivity:") and variable == outcome:
            kind = {"logrank": "log-rank", "fisher": "Fisher", "pearson": "Pearson"}.get(method, "Cox")
            named[f"{kind} of {parameter.removeprefix('sensitivity:')}"] = float(value)  # type: ignore[arg-type]
    return named
