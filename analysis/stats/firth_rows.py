"""Rows of Firth's penalised model beside a Cox model: where the study asks, or where the plain one needs it."""

from __future__ import annotations

from analysis.stats import firth
from analysis.stats.cohort import Cohort
from analysis.stats.estimates import NotEstimable, Value
from analysis.stats.firth import FirthFit
from analysis.stats.models import Fitter, Model
from analysis.stats.rows import Rows

_STATISTICS = ("hr", "lower", "upper", "p", "coef", "se")


def method_of(ties: str) -> str:
    """The method of the penalised rows, beside that of the plain ones."""
    return f"{ties}_firth"


def wanted(cohort: Cohort, model: Model) -> bool:
    """Whether the model gets a penalised one beside it: ``when-needed`` is without a fit, or with few events a term."""
    asked = cohort.study.analysis.cox.firth
    if asked == "when-needed":
        few = model.events < cohort.study.analysis.min_events_per_term * len(model.columns)
        return few or isinstance(model.fit, NotEstimable)
    return bool(asked)


def warning_beside(cohort: Cohort, model: Model, ties: str, warning: str) -> str:
    """The plain row's warning, which names the penalised estimate where there is no plain one."""
    absent = isinstance(model.fit, NotEstimable)
    if ties != cohort.study.analysis.primary.ties or not absent or not wanted(cohort, model):
        return warning
    note = f"penalised estimate beside it ({method_of(ties)})"
    return f"{warning}; {note}" if warning else note


def add_firth(
    rows: Rows, cohort: Cohort, endpoint: str, variable: str, fitter: Fitter, model: Model, ties: str, warning: str
) -> None:
    """``hr lower upper p coef se`` of each column by ``<ties>_firth``, on the subjects and columns of the plain one."""
    if not wanted(cohort, model):
        return
    fitted: FirthFit | NotEstimable
    if model.columns:
        time, event, keep = fitter.cases(model.terms)
        fitted = firth.fit(time, event, fitter.matrix(model.columns, keep), ties)
    else:
        fitted = NotEstimable("no variation among the subjects of the model")
    left_out = {id(column): NotEstimable(reason) for column, reason in model.left_out}
    for column in (column for term in model.terms for column in term.columns):
        values: dict[str, Value]
        if id(column) in left_out:
            values = dict.fromkeys(_STATISTICS, left_out[id(column)])
        elif isinstance(fitted, NotEstimable):
            values = dict.fromkeys(_STATISTICS, fitted)
        else:
            k = next(i for i, own in enumerate(model.columns) if own is column)
            values = _values(fitted, k)
        for statistic, value in values.items():
            rows.add(
                endpoint,
                variable,
                statistic,
                value,
                group=column.group,
                level=column.level,
                method=method_of(ties),
                n=model.n,
                warning=warning,
            )


def _values(fitted: FirthFit, k: int) -> dict[str, Value]:
    return {
        "hr": _exp(float(fitted.coef[k])),
        "lower": _exp(fitted.lower[k]),
        "upper": _exp(fitted.upper[k]),
        "p": fitted.p[k],
        "coef": float(fitted.coef[k]),
        "se": float(fitted.se[k]),
    }


def _exp(value: Value) -> Value:
    import math

    if isinstance(value, NotEstimable):
        return value
    return math.exp(value) if value < math.log(1e300) else NotEstimable("beyond every number")
