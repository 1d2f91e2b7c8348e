"""Stepwise choices, forward and backward, by every pair of tests.

Oracle: R survival step by step (tests/golden/stepwise.R).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from analysis.stats.cohort import Cohort, EndpointData
from analysis.stats.models import Fitter
from analysis.stats.results import analyse
from analysis.stats.rows import TOTAL
from analysis.stats.stepwise import backward_stepwise, forward_stepwise
from analysis.stats.terms import Column, Term, model_terms
from analysis.study.comparison import Stepwise as StepwisePlan
from tests.fixtures.golden_values import golden
from tests.fixtures.sample_frames import sample_frames, sample_study

SETS = {s["name"][0]: s for s in golden("stepwise")["sets"]}
WAYS = {"forward": forward_stepwise, "backward": backward_stepwise}


@cache
def fitted(name):
    """One fitter for all runs of a data set: it keeps its fits."""
    case = SETS[name]
    x = np.array(case["x"], dtype=float)
    terms = tuple(
        Term(term, tuple(Column(f"{term}={k}", TOTAL, x[:, int(k)]) for k in columns))
        for term, columns in case["terms"].items()
    )
    time = np.array(case["time"], dtype=float)
    return Fitter(EndpointData("X", np.arange(time.size), time, np.array(case["event"]) == 1), complete=terms), terms


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("direction", WAYS)
def test_every_step_against_r(name, direction):
    fitter, terms = fitted(name)
    runs = [run for run in SETS[name]["runs"] if run["direction"][0] == direction]
    assert len(runs) == 18
    for run in runs:
        how = {"enter": run["enter"][0], "remove": run["remove"][0], "p_in": run["p_in"][0], "p_out": run["p_out"][0]}
        found = WAYS[direction](fitter, terms, ties="efron", **how)
        assert [(s.what, s.term) for s in found.steps] == [(s["what"][0], s["term"][0]) for s in run["steps"]], how
        np.testing.assert_allclose([s.p for s in found.steps], [s["p"][0] for s in run["steps"]], rtol=1e-5)
        assert sorted(found.entered) == run["chosen"], how
        assert sorted(term.id for term in found.model.terms) == run["chosen"]


def test_a_term_that_others_replace_leaves_both_ways():
    runs = SETS["one tells what two tell"]["runs"]
    ways = {
        run["direction"][0] for run in runs if {"what": ["removed"], "term": ["x"]} in [_bare(s) for s in run["steps"]]
    }
    assert ways == {"forward", "backward"}


def _bare(step):
    return {"what": step["what"], "term": step["term"]}


def test_backward_says_why_where_the_whole_model_has_no_fit():
    x = [Term(n, (Column(n, TOTAL, np.array(v, dtype=float)),)) for n, v in {"a": [0, 1] * 4, "b": [1, 0] * 4}.items()]
    fitter = Fitter(EndpointData("X", np.arange(8), np.arange(8.0) + 1, np.ones(8, dtype=bool)), complete=x)
    found = backward_stepwise(fitter, x, ties="efron", remove="lr", p_in=0.05, p_out=0.1)
    assert found.model is None
    assert found.entered == {}
    assert all("linearly dependent" in reason for reason in found.refused.values())


def test_backward_numbers_its_steps():
    fitter, terms = fitted("veteran")
    found = backward_stepwise(fitter, terms, ties="efron", remove="lr", p_in=0.05, p_out=0.1)
    assert found.entered == {"karno": 1, "cell": 1}
    assert found.removed == {"diag": 2, "prior": 3, "age": 4, "trt": 5}


@pytest.mark.parametrize("enter", ["lr", "wald"])
def test_a_candidate_without_a_fit_is_refused_by_every_test(enter):
    """Its likelihood is monotone, so there is no ratio and no Wald test of it."""
    early = np.repeat([1.0, 0.0], 10)
    time = np.arange(1.0, 21)
    other = np.tile([0.0, 1.0, 1.0, 0.0, 1.0], 4)
    terms = [Term("early", (Column("early", TOTAL, early),)), Term("other", (Column("other", TOTAL, other),))]
    fitter = Fitter(EndpointData("X", np.arange(20), time, np.ones(20, dtype=bool)), complete=terms)
    found = forward_stepwise(fitter, terms, ties="efron", enter=enter, remove="lr", p_in=0.9, p_out=0.95)
    assert "monotone" in found.refused["early"]
    assert "early" not in found.entered


def test_rows_of_a_backward_choice():
    """The method names what differs from forward by score; what left says when, what stayed by which P it stayed."""
    study, frames = sample_study(), sample_frames()
    how = StepwisePlan(direction="backward", enter="wald", remove=("lr",))
    cox = study.analysis.cox.model_copy(update={"stepwise": how, "adjust": ("age", "sex"), "firth": False})
    study = study.model_copy(update={"analysis": study.analysis.model_copy(update={"cox": cox})})
    results = analyse(study, frames.adsl, frames.adrs, frames.adtte, frames.analysis_table)
    mine = results[(results["variable"] == "cox_stepwise") & (results["parameter"] == "PFS")]
    assert set(mine["method"]) == {"efron_backward_wald_lr"}
    values = {s: part.set_index("level")["value"] for s, part in mine.groupby("statistic")}
    cohort = Cohort(study, frames.analysis_table)
    terms = model_terms(cohort)
    found = backward_stepwise(
        Fitter(cohort.endpoint("PFS"), complete=terms),
        terms,
        ties="efron",
        enter="wald",
        remove="lr",
        p_in=0.05,
        p_out=0.1,
    )
    for term in terms:
        level = term.columns[0].level
        assert values["entered"][level] == found.entered.get(term.id, 0)
        assert values["removed"][level] == found.removed.get(term.id, 0)
        assert (level in values["removal_p"]) == (term.id in found.entered)
    assert (values["removal_p"] <= 0.1).all()
    assert "entry_p" not in values
    assert 0 < len(found.removed) < len(terms)
