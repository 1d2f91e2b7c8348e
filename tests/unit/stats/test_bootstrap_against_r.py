"""The bootstrap of stepwise choices on resamples that R drew and chose in too.

Oracle: R survival's coxph step by step and concordance (tests/golden/bootstrap.R).
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest

from analysis.stats import cox
from analysis.stats.bootstrap import concordance, validate
from analysis.stats.cohort import EndpointData
from analysis.stats.cox_rows import choose
from analysis.stats.rows import TOTAL
from analysis.stats.terms import Column, Term
from analysis.study.comparison import Stepwise as StepwisePlan
from tests.fixtures.golden_values import golden, survival_sets

SETS = {s["name"][0]: s for s in golden("bootstrap")["sets"]}
WAYS = ("direction", "enter", "remove", "p_in", "p_out")


def data_of(case):
    x = np.array(case["x"], dtype=float)
    terms = tuple(
        Term(term, tuple(Column(f"{term}={k}", TOTAL, x[:, int(k)]) for k in columns))
        for term, columns in case["terms"].items()
    )
    time = np.array(case["time"], dtype=float)
    return EndpointData("X", np.arange(time.size), time, np.array(case["event"]) == 1), terms


@cache
def validated(name):
    """All runs of a data set at once, as they share their fits."""
    case = SETS[name]
    data, terms = data_of(case)
    ways = {}
    for k, run in enumerate(case["runs"]):
        how = {key: run[key][0] for key in WAYS}
        plan = StepwisePlan(**{**how, "remove": (how["remove"],)})
        ways[str(k)] = partial(choose, plan, terms=terms, ties="efron", remove=how["remove"])
    samples = [np.array(sample, dtype=np.int64) for sample in case["samples"]]
    return validate(data, terms, ways, samples), terms


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("run", range(6))
def test_inclusion_and_optimism_against_r(name, run):
    found, terms = validated(name)
    mine, expected = found[str(run)], SETS[name]["runs"][run]
    assert (mine.resamples, mine.no_fit, set(mine.refused.values())) == (25, 0, {0})
    assert mine.included == {term: count[0] for term, count in expected["included"].items()}
    assert mine.apparent == pytest.approx(expected["apparent"][0], rel=1e-12)
    assert mine.optimism == pytest.approx(expected["optimism"][0], rel=1e-9)
    assert mine.corrected == pytest.approx(expected["apparent"][0] - expected["optimism"][0], rel=1e-9)
    for term in terms:
        assert mine.percent(term.id) == 4 * mine.included[term.id]


def test_the_runs_tell_the_ways_apart():
    """The oracle's own check: choices differ between resamples and between ways, and no mean is zero."""
    for case in SETS.values():
        counts = [tuple(count[0] for count in run["included"].values()) for run in case["runs"]]
        assert len(set(counts)) > 1
        assert all(0 < min(c for c in run if c) < 25 for run in counts)
        assert all(run["optimism"][0] > 0.005 for run in case["runs"])


@pytest.mark.parametrize("case", survival_sets("efron"))
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_newton_and_the_library_find_the_same_maximum(case, ties):
    """Of every data set with a fit in R, and of those without one the same reason."""
    time, event = np.array(case["time"], dtype=float), np.array(case["event"]) == 1
    x = np.array(case["x"], dtype=float).reshape(time.size, -1)
    library, newton = (cox.fit(time, event, x, ties, newton=quick) for quick in (False, True))
    if not isinstance(library, cox.CoxFit):
        assert newton == library
        return
    np.testing.assert_allclose(newton.coef, library.coef, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(newton.covariance, library.covariance, rtol=1e-7, atol=1e-12)


def test_concordance_by_brute_force():
    """Harrell's definition over all pairs, with tied times, censorings on the day of an event and equal scores."""
    rng = np.random.default_rng(5)
    for _ in range(30):
        n = int(rng.integers(3, 25))
        time, event, score = rng.integers(1, 8, n) * 1.0, rng.uniform(size=n) < 0.6, rng.integers(0, 4, n) * 1.0
        pairs = [
            (i, j)
            for i in range(n)
            for j in range(n)
            if event[i] and (time[i] < time[j] or (time[i] == time[j] and not event[j]))
        ]
        if not pairs:
            continue
        won = sum(1.0 if score[i] > score[j] else 0.5 * (score[i] == score[j]) for i, j in pairs)
        assert concordance(time, event, score) == pytest.approx(won / len(pairs), rel=1e-14)
