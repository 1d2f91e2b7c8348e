"""Rows of one endpoint's Cox models: each term alone, all terms together, stepwise, proportional hazards."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.stats.cohort import Cohort
from analysis.stats.cox import CoxFit
from analysis.stats.estimates import NotEstimable, Value
from analysis.stats.firth_rows import add_firth, warning_beside
from analysis.stats.models import Fitter, Model
from analysis.stats.proportional_hazards import score_test_of_proportional_hazards
from analysis.stats.rows import Rows
from analysis.stats.stepwise import Stepwise, backward_stepwise, forward_stepwise, removal_p
from analysis.stats.survival import Test
from analysis.stats.terms import Column, Term, model_terms, treatment_term
from analysis.stats.time_to_event import methods_of
from analysis.study.comparison import Stepwise as StepwisePlan


def ties_of(cohort: Cohort) -> tuple[str, ...]:
    """The ties the study's methods name, the primary's first."""
    return tuple(dict.fromkeys(method.ties for method in methods_of(cohort)))


def add_cox(rows: Rows, cohort: Cohort, endpoint: str) -> None:
    """All Cox rows of one endpoint, for every ties method the study names."""
    data = cohort.endpoint(endpoint)
    terms = model_terms(cohort)
    each = Fitter(data)
    together = Fitter(data, complete=terms)
    for ties in ties_of(cohort):
        main = ties == cohort.study.analysis.primary.ties
        for term in terms:
            model = each.fit([term], ties)
            _add_model(rows, cohort, endpoint, "cox_univariate", each, model, ties, counts=main)
            if main:
                _add_proportional_hazards(rows, endpoint, each, model, ties, "score_km", overall=False)
        if len(terms) > 1:
            model = together.fit(terms, ties)
            _add_model(rows, cohort, endpoint, "cox_adjusted", together, model, ties, counts=main)
            if main:
                _add_proportional_hazards(rows, endpoint, together, model, ties, "score_km_adjusted", overall=True)
        plan = cohort.study.analysis.cox.stepwise
        for remove in plan.remove if plan is not None else ():
            assert plan is not None
            chosen = choose(plan, together, terms, ties, remove)
            method = stepwise_method(plan, ties, remove)
            _add_stepwise(rows, cohort, endpoint, chosen, terms, method)
            if plan.direction == "backward":
                _add_removals(rows, endpoint, together, chosen, terms, ties, remove, method)


def choose(plan: StepwisePlan, fitter: Fitter, terms: Sequence[Term], ties: str, remove: str) -> Stepwise:
    """The stepwise choice among the terms as the study asks for it, by one way of removal."""
    select = backward_stepwise if plan.direction == "backward" else forward_stepwise
    return select(fitter, terms, ties=ties, enter=plan.enter, remove=remove, p_in=plan.p_in, p_out=plan.p_out)


def stepwise_method(plan: StepwisePlan, ties: str, remove: str) -> str:
    """``<ties>_<remove>`` of a forward choice by score entry; what differs from that stands between the two."""
    direction = ("backward",) if plan.direction == "backward" else ()
    return "_".join((ties, *direction, *(() if plan.enter == "score" else (plan.enter,)), remove))


def coefficient_values(model: Model, column: Column) -> dict[str, Value]:
    """``hr lower upper p coef se`` of one column of a model; NotEstimable with the reason where there is none."""
    names = ("hr", "lower", "upper", "p", "coef", "se")
    for absent, reason in model.left_out:
        if absent is column:
            return dict.fromkeys(names, NotEstimable(reason))
    if isinstance(model.fit, NotEstimable):
        return dict.fromkeys(names, model.fit)
    k = next(i for i, own in enumerate(model.columns) if own is column)
    fit: CoxFit = model.fit
    hr, lower, upper = fit.hazard_ratios()
    values = (hr[k], lower[k], upper[k], fit.wald_p()[k], fit.coef[k], fit.se[k])
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def events_per_term_warning(cohort: Cohort, events: int, terms: int) -> str:
    """The warning beside a model with too few events for its coefficients; it carries no count of its own."""
    least = cohort.study.analysis.min_events_per_term
    return f"fewer than {least} events a term" if events < least * terms else ""


def _add_model(
    rows: Rows, cohort: Cohort, endpoint: str, variable: str, fitter: Fitter, model: Model, ties: str, *, counts: bool
) -> None:
    few = events_per_term_warning(cohort, model.events, len(model.columns))
    if counts:
        add_firth(rows, cohort, endpoint, variable, fitter, model, ties, few)
    warning = warning_beside(cohort, model, ties, few)
    for term in model.terms:
        for column in term.columns:
            where = {"group": column.group, "level": column.level}
            for statistic, value in coefficient_values(model, column).items():
                rows.add(endpoint, variable, statistic, value, method=ties, n=model.n, warning=warning, **where)
            if counts:  # the same subjects whatever the ties
                rows.add(endpoint, variable, "n", model.n, n=model.n, **where)
                rows.add(endpoint, variable, "events", model.events, n=model.n, **where)


def _add_stepwise(
    rows: Rows, cohort: Cohort, endpoint: str, chosen: Stepwise, candidates: Sequence[Term], method: str
) -> None:
    coefficients = sum(len(term.columns) for term in candidates)
    model = chosen.model
    for term in candidates:
        step = chosen.entered.get(term.id, 0)
        refused = chosen.refused.get(term.id)
        for column in term.columns:
            where = {"group": column.group, "level": column.level, "method": method}
            warning = f"not entered: {refused}" if refused and not step else ""
            rows.add(
                endpoint,
                "cox_stepwise",
                "entered",
                step,
                n=None if model is None else model.n,
                warning=warning,
                **where,
            )
            if not step or model is None:
                continue
            # The choice looked at every candidate, so every candidate counts against the events.
            warning = events_per_term_warning(cohort, model.events, coefficients)
            for statistic, value in coefficient_values(model, column).items():
                rows.add(endpoint, "cox_stepwise", statistic, value, n=model.n, warning=warning, **where)
            if term.id in chosen.entry:  # not what a backward choice began with
                rows.add(endpoint, "cox_stepwise", "entry_p", chosen.entry[term.id].p, n=model.n, **where)
            rows.add(endpoint, "cox_stepwise", "n", model.n, n=model.n, **where)
            rows.add(endpoint, "cox_stepwise", "events", model.events, n=model.n, **where)


def _add_removals(
    rows: Rows,
    endpoint: str,
    fitter: Fitter,
    chosen: Stepwise,
    candidates: Sequence[Term],
    ties: str,
    remove: str,
    method: str,
) -> None:
    """Of a backward choice: the step each term left at (0: it did not), and the removal P of what stayed."""
    model = chosen.model
    n = None if model is None else model.n
    for term in candidates:
        for column in term.columns:
            where = {"group": column.group, "level": column.level, "method": method}
            rows.add(endpoint, "cox_stepwise", "removed", chosen.removed.get(term.id, 0), n=n, **where)
            if model is not None and term.id in chosen.entered:
                p = removal_p(fitter, model.terms, term, ties, remove)
                rows.add(endpoint, "cox_stepwise", "removal_p", p, n=n, **where)


def _add_proportional_hazards(
    rows: Rows, endpoint: str, fitter: Fitter, model: Model, ties: str, method: str, *, overall: bool
) -> None:
    fitted = [term for term in model.terms if model.positions(term)]
    tests: list[tuple[str, Test]]
    if isinstance(model.fit, CoxFit):
        time, event, keep = fitter.cases(model.terms)
        single, whole = score_test_of_proportional_hazards(
            time,
            event,
            fitter.matrix(model.columns, keep),
            model.fit,
            [model.positions(term) for term in fitted],
            ties=ties,
        )
        tests = [*zip((term.id for term in fitted), single, strict=True), ("global", whole)]
    else:
        nothing = Test(model.fit, model.fit, 0)
        tests = [(term.id, nothing) for term in (fitted or model.terms)] + [("global", nothing)]
    for level, test in tests if overall else tests[:-1]:
        rows.add(endpoint, "ph_test", "chi2", test.chi2, level=level, method=method, n=model.n)
        rows.add(endpoint, "ph_test", "p", test.p, level=level, method=method, n=model.n)


def treatment_model(cohort: Cohort, endpoint: str, ties: str) -> Model:
    """The model of treatment alone."""
    return Fitter(cohort.endpoint(endpoint)).fit([treatment_term(cohort)], ties)
