"""Stepwise selection, forward as SPSS's COXREG does it or backward; entry and removal by score, ratio or Wald test."""

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
class Step:
    """One term that ``entered`` or was ``removed``, with the P it did so by."""

    what: str
    term: str
    p: float


@dataclass(frozen=True)
class Stepwise:
    """What was chosen: the final model, the step each term entered at with its test, and who could not enter.

    ``steps`` tells the way there. Terms that a backward selection began with have entered at step 1, without a test.
    """

    model: Model | None
    entered: dict[str, int]
    entry: dict[str, Test]
    refused: dict[str, str]
    steps: tuple[Step, ...] = ()

    @property
    def removed(self) -> dict[str, int]:
        """The step at which each term that is out now left: its place in ``steps``, after the first model's 1."""
        found = {step.term: number for number, step in enumerate(self.steps, 2) if step.what == "removed"}
        return {term: number for term, number in found.items() if term not in self.entered}


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


def entry_test(fitter: Fitter, model: Sequence[Term], candidate: Term, ties: str, how: str) -> Test:
    """Test of adding the candidate: by ``score``, or in the model with it by likelihood ratio (``lr``) or ``wald``."""
    from scipy.stats import chi2

    if how == "score":
        return score_test(fitter, model, candidate, ties)
    full = fitter.fit([*model, candidate], ties)
    if not isinstance(full.fit, CoxFit):
        return Test(full.fit, full.fit, 0)
    df = len(full.positions(candidate))
    if not df:
        reason = NotEstimable("no variation among the subjects of the model")
        return Test(reason, reason, 0)
    p = removal_p(fitter, [*model, candidate], candidate, ties, how)
    return Test(float(chi2.isf(p, df)), p, df)


def removal_p(fitter: Fitter, model: Sequence[Term], term: Term, ties: str, how: str) -> float:
    """P of leaving the term out of the fitted model, by ``score``, likelihood ratio (``lr``) or ``wald``.

    0 where the model or the one without it has no fit: what cannot be told is not removed.
    """
    from scipy.stats import chi2

    if how == "score":
        p = score_test(fitter, [other for other in model if other is not term], term, ties).p
        return p if isinstance(p, float) else 0.0
    full = fitter.fit(model, ties)
    if not isinstance(full.fit, CoxFit):
        return 0.0
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
    fitter: Fitter,
    candidates: Sequence[Term],
    *,
    ties: str,
    remove: str,
    p_in: float,
    p_out: float,
    enter: str = "score",
) -> Stepwise:
    """Select among the candidates; subjects missing any of them are left out throughout (make the fitter so).

    A step enters the candidate with the smallest entry P below ``p_in`` (the earlier one of two equal), then removes,
    largest P first, what has a removal P above ``p_out``. It ends when nobody enters or a model comes back. A candidate
    whose entry gives a model without a fit (monotone likelihood) is refused, with the reason.
    """
    return _Selection(fitter, candidates, ties, enter, remove, p_in, p_out).forward([])


def backward_stepwise(
    fitter: Fitter,
    candidates: Sequence[Term],
    *,
    ties: str,
    remove: str,
    p_in: float,
    p_out: float,
    enter: str = "score",
) -> Stepwise:
    """Begin with all candidates and remove, largest P first, what has a removal P above ``p_out``; then go on as
    ``forward_stepwise`` does, so that what is out may come back.

    Where the model of all has no fit nothing is chosen, and every candidate is refused with the reason.
    """
    return _Selection(fitter, candidates, ties, enter, remove, p_in, p_out).backward()


class _Selection:
    """A selection on its way."""

    def __init__(
        self,
        fitter: Fitter,
        candidates: Sequence[Term],
        ties: str,
        enter: str,
        remove: str,
        p_in: float,
        p_out: float,
    ) -> None:
        self._fitter, self._candidates, self._ties = fitter, candidates, ties
        self._enter, self._remove, self._p_in, self._p_out = enter, remove, p_in, p_out
        self._model: list[Term] = []
        self._entered: dict[str, int] = {}
        self._entry: dict[str, Test] = {}
        self._refused: dict[str, str] = {}
        self._steps: list[Step] = []

    def backward(self) -> Stepwise:
        whole = self._fitter.fit(self._candidates, self._ties)
        if isinstance(whole.fit, NotEstimable):
            reason = f"the model of all candidates has no fit: {whole.fit.reason}"
            return Stepwise(None, {}, {}, {term.id: reason for term in self._candidates})
        flat = "no variation among the subjects of the model"
        self._refused = {term.id: flat for term in self._candidates if not whole.positions(term)}
        self._model = [term for term in self._candidates if term.id not in self._refused]
        self._entered = {term.id: 1 for term in self._model}
        begun = frozenset(self._entered)
        self._shrink()
        return self.forward([begun])

    def forward(self, seen: Sequence[frozenset[str]]) -> Stepwise:
        known = {*seen, self._state()}
        step = 0
        while True:
            best = self._best_entry()
            if best is None:
                break
            term, test = best
            outcome = self._fitter.fit([*self._model, term], self._ties).fit
            if isinstance(outcome, NotEstimable):
                self._refused[term.id] = outcome.reason
                continue
            # Forward counts entries; backward every step, the first model being its first.
            step = len(self._steps) + 2 if seen else step + 1
            self._model.append(term)
            self._entered[term.id], self._entry[term.id] = step, test
            assert isinstance(test.p, float)
            self._steps.append(Step("entered", term.id, test.p))
            self._shrink()
            if self._state() in known:
                break
            known.add(self._state())
        model = self._fitter.fit(self._model, self._ties) if self._model else None
        return Stepwise(model, self._entered, self._entry, self._refused, tuple(self._steps))

    def _state(self) -> frozenset[str]:
        return frozenset(term.id for term in self._model)

    def _best_entry(self) -> tuple[Term, Test] | None:
        """The candidate with the smallest P below ``p_in``. Who cannot be tested for want of a fit is refused."""
        best: tuple[float, Term, Test] | None = None
        for term in self._candidates:
            if term in self._model or term.id in self._refused:
                continue
            test = entry_test(self._fitter, self._model, term, self._ties, self._enter)
            if isinstance(test.p, NotEstimable):
                if self._enter != "score":
                    self._refused[term.id] = test.p.reason
            elif test.p < self._p_in and (best is None or test.p < best[0]):
                best = (test.p, term, test)
        return None if best is None else best[1:]

    def _shrink(self) -> None:
        while self._model:
            tests = [removal_p(self._fitter, self._model, t, self._ties, self._remove) for t in self._model]
            # Of two equal ones the later.
            worst, k = max((p, k) for k, p in enumerate(tests))
            if worst <= self._p_out:
                break
            gone = self._model.pop(k)
            del self._entered[gone.id]
            self._entry.pop(gone.id, None)
            self._steps.append(Step("removed", gone.id, worst))
