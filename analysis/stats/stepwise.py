"""Forward stepwise selection as SPSS's COXREG does it: entry by score test, removal by likelihood ratio or Wald."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.stats.cox import CoxFit
from analysis.stats.estimates import FloatArray, NotEstimable
from analysis.stats.models import Fitter, Model
from analysis.stats.partial_likelihood import derivatives, quadratic_form
from analysis.stats.survival import Test
from analysis.stats.terms import Term


@dataclass(frozen=True)
class Stepwise:
    """What was chosen: the final model, the step each term entered at with its score test, and who could not enter."""

    model: Model | None
    entered: dict[str, int]
    entry: dict[str, Test]
    refused: dict[str, str]


def score_test(fitter: Fitter, model: Sequence[Term], candidate: Term, ties: str) -> Test:
    """Score test of adding the candidate to the fitted model (R ``coxph(init = c(b, 0), iter.max = 0)$score``)."""
    from scipy.stats import chi2

    current = fitter.fit(model, ties) if model else None
    if current is not None and not isinstance(current.fit, CoxFit):
        return Test(current.fit, current.fit, 0)
    time, event, keep = fitter.cases((*model, candidate))
    usable = [c for c in candidate.columns if keep.any() and np.ptp(fitter.matrix([c], keep)) > 0]
    if not usable or not event.any():
        reason = NotEstimable("no variation among the subjects of the model" if event.any() else "no events")
        return Test(reason, reason, 0)
    columns = (*(current.columns if current else ()), *usable)
    start: FloatArray = np.zeros(len(columns))
    if current is not None and isinstance(current.fit, CoxFit):
        start[: len(current.columns)] = current.fit.coef
    at = derivatives(time, event, fitter.matrix(columns, keep), start, ties)
    value = quadratic_form(at.total_score, at.total_information)
    if value is None:
        dependent = NotEstimable("no information beyond the covariates already in the model")
        return Test(dependent, dependent, len(usable))
    return Test(value, float(chi2.sf(value, len(usable))), len(usable))


def removal_p(fitter: Fitter, model: Sequence[Term], term: Term, ties: str, how: str) -> float:
    """P of leaving the term out of the fitted model, by likelihood ratio (``lr``) or ``wald``; 0 where unknown."""
    from scipy.stats import chi2

    full = fitter.fit(model, ties)
    assert isinstance(full.fit, CoxFit)
    at = full.positions(term)
    if how == "wald":
        block = full.fit.covariance[np.ix_(at, at)]
        return float(chi2.sf(full.fit.coef[at] @ np.linalg.solve(block, full.fit.coef[at]), len(at)))
    rest = [other for other in model if other is not term]
    if not rest:
        return float(chi2.sf(2 * (full.fit.loglik - full.fit.loglik_null), len(at)))
    smaller = fitter.fit(rest, ties)
    if not isinstance(smaller.fit, CoxFit):
        return 0.0
    return float(chi2.sf(2 * (full.fit.loglik - smaller.fit.loglik), len(at)))


def forward_stepwise(
    fitter: Fitter, candidates: Sequence[Term], *, ties: str, remove: str, p_in: float, p_out: float
) -> Stepwise:
    """Select among the candidates; subjects missing any of them are left out throughout (make the fitter so).

    A step enters the candidate with the smallest score P below ``p_in`` (the earlier one of two equal), then removes,
    largest P first, what has a removal P above ``p_out``. It ends when nobody enters or a model comes back. A candidate
    whose entry gives a model without a fit (monotone likelihood) is refused, with the reason.
    """
    model: list[Term] = []
    entered: dict[str, int] = {}
    entry: dict[str, Test] = {}
    refused: dict[str, str] = {}
    seen = {frozenset[str]()}
    step = 0
    while True:
        tests = [
            (term, score_test(fitter, model, term, ties))
            for term in candidates
            if term not in model and term.id not in refused
        ]
        ranked = sorted(
            ((test.p, k) for k, (_, test) in enumerate(tests) if isinstance(test.p, float) and test.p < p_in)
        )
        if not ranked:
            break
        term, test = tests[ranked[0][1]]
        outcome = fitter.fit([*model, term], ties).fit
        if isinstance(outcome, NotEstimable):
            refused[term.id] = outcome.reason
            continue
        step += 1
        model.append(term)
        entered[term.id], entry[term.id] = step, test
        while True:
            worst = max(((removal_p(fitter, model, t, ties, remove), k) for k, t in enumerate(model)), default=(0.0, 0))
            if worst[0] <= p_out:
                break
            gone = model.pop(worst[1])
            del entered[gone.id], entry[gone.id]
        state = frozenset(t.id for t in model)
        if state in seen:
            break
        seen.add(state)
    return Stepwise(fitter.fit(model, ties) if model else None, entered, entry, refused)
