"""Bootstrap validation of a stepwise choice: how often each term is chosen, and how much the concordance flatters.

Harrell, Regression Modeling Strategies, 2nd ed. 2015, 5.3.5: the whole choice is made again in each resample; what its
model gains in concordance there over the original subjects is its optimism.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.stats.cohort import EndpointData
from analysis.stats.cox import CoxFit
from analysis.stats.estimates import BoolArray, FloatArray, IntArray, NotEstimable, Value
from analysis.stats.models import Fitter, Model
from analysis.stats.stepwise import Stepwise
from analysis.stats.terms import Term

Choice = Callable[[Fitter], Stepwise]
_NO_PAIR = NotEstimable("no two subjects of whom it is known who had the event first")
_NONE_FITTED = NotEstimable("no resample had a fit")


@dataclass(frozen=True)
class Validation:
    """Of one way of choosing: resamples drawn and those without a fit, which count nowhere else.

    By the id of a term: in how many of the others it was chosen (``included``), or would have been had its entry left
    a fit (``refused``). ``apparent`` is the concordance of the choice on all subjects, ``optimism`` the mean over the
    resamples of the concordance of their choice on themselves less that on all subjects.
    """

    resamples: int
    no_fit: int
    included: Mapping[str, int]
    refused: Mapping[str, int]
    apparent: Value
    optimism: Value

    @property
    def fitted(self) -> int:
        """Resamples with a fit."""
        return self.resamples - self.no_fit

    def percent(self, term: str) -> Value:
        """In how many percent of the resamples with a fit the term was chosen."""
        return 100 * self.included[term] / self.fitted if self.fitted else _NONE_FITTED

    @property
    def corrected(self) -> Value:
        """The concordance to be looked for in other subjects: apparent less optimism."""
        if isinstance(self.apparent, NotEstimable):
            return self.apparent
        return self.optimism if isinstance(self.optimism, NotEstimable) else self.apparent - self.optimism


def draws(n: int, resamples: int, seed: int) -> Iterable[IntArray]:
    """Positions (n,) of each resample's subjects. Each has a stream of its own, so that they may be drawn apart."""
    for stream in np.random.SeedSequence(seed).spawn(resamples):
        yield np.random.default_rng(stream).integers(0, n, n)


def complete_cases(data: EndpointData, terms: Sequence[Term]) -> EndpointData:
    """The endpoint's subjects with a value in every term."""
    keep = Fitter(data, complete=terms).cases(())[2]
    return EndpointData(data.id, data.index[keep], data.time[keep], data.event[keep])


def concordance(time: FloatArray, event: BoolArray, score: FloatArray) -> Value:
    """Harrell's C: among the pairs of whom it is known who had the event first, the share in which that one has the
    higher score, equal scores counting half (R ``concordance(y ~ score, reverse = TRUE)``). All arrays (n,)."""
    from lifelines.utils import concordance_index

    try:
        return float(concordance_index(time, -score, event))
    except ZeroDivisionError:
        return _NO_PAIR


def scores(model: Model | None, data: EndpointData) -> FloatArray:
    """The linear predictor of the model for each of the subjects, (n,); zeros where nothing was chosen."""
    if model is None or not isinstance(model.fit, CoxFit):
        return np.zeros(data.time.size)
    x = np.column_stack([column.values[data.index] for column in model.columns])
    # Subjects who are alike must tie to the last bit, which the rounding of a whole product does not promise.
    kinds, which = np.unique(x, axis=0, return_inverse=True)
    return np.asarray((kinds @ model.fit.coef)[which.ravel()])


def validate(
    data: EndpointData, terms: Sequence[Term], ways: Mapping[str, Choice], samples: Iterable[IntArray]
) -> dict[str, Validation]:
    """Make each of the choices again in each sample of ``data``'s subjects (positions, with repetition).

    ``data`` must be complete in the terms. A sample has no fit where a choice could not begin: no pair of it has a
    known order, every term is refused, or the model of all terms that a backward choice begins with has no fit.
    """
    tallies = {name: _Tally({t.id: 0 for t in terms}, {t.id: 0 for t in terms}) for name in ways}
    for sample in samples:
        drawn = EndpointData(data.id, data.index[sample], data.time[sample], data.event[sample])
        fitter = Fitter(drawn, complete=terms, newton=True)  # one for all ways: most of their fits are the same
        for name, choose in ways.items():
            tallies[name].add(choose(fitter), drawn, data)
    whole = Fitter(data, complete=terms)
    return {name: tallies[name].told(choose(whole), data) for name, choose in ways.items()}


@dataclass
class _Tally:
    included: dict[str, int]
    refused: dict[str, int]
    resamples: int = 0
    no_fit: int = 0
    flattered: list[float] = field(default_factory=list)

    def add(self, chosen: Stepwise, drawn: EndpointData, data: EndpointData) -> None:
        self.resamples += 1
        here = concordance(drawn.time, drawn.event, scores(chosen.model, drawn))
        there = concordance(data.time, data.event, scores(chosen.model, data))
        never_began = not chosen.steps and len(chosen.refused) == len(self.included)
        if isinstance(here, NotEstimable) or isinstance(there, NotEstimable) or never_began:
            self.no_fit += 1
            return
        self.flattered.append(here - there)
        for term in chosen.entered:
            self.included[term] += 1
        for term in set(chosen.refused) - set(chosen.entered):
            self.refused[term] += 1

    def told(self, chosen: Stepwise, data: EndpointData) -> Validation:
        apparent: Value = concordance(data.time, data.event, scores(chosen.model, data))
        if chosen.refused and not chosen.entered and len(chosen.refused) == len(self.included):
            apparent = NotEstimable(next(iter(chosen.refused.values())))
        optimism = float(np.mean(self.flattered)) if self.flattered else _NONE_FITTED
        return Validation(self.resamples, self.no_fit, self.included, self.refused, apparent, optimism)
