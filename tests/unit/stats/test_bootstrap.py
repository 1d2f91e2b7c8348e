"""The bootstrap of a stepwise choice. Oracles: counts by hand; rows that must not change; the rules of release."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from analysis.stats.bootstrap import complete_cases, draws, scores, validate
from analysis.stats.bootstrap_rows import add_bootstrap
from analysis.stats.cohort import Cohort, EndpointData
from analysis.stats.cox_rows import choose
from analysis.stats.disclosure import suppress
from analysis.stats.masking import masked
from analysis.stats.models import Fitter
from analysis.stats.rows import TOTAL, Rows
from analysis.stats.stepwise import forward_stepwise
from analysis.stats.terms import Column, Term, model_terms
from analysis.study.comparison import Stepwise as StepwisePlan
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of

ARMS = ("New", "Old")
ASKED = {"resamples": 12, "seed": 7}


def study_with(adjust=("age", "stage"), **bootstrap):
    stepwise = {"bootstrap": {**ASKED, **bootstrap}, "p_in": 0.3, "p_out": 0.4}
    return made_up_study(ARMS, cox={"adjust": list(adjust), "stepwise": stepwise})


def subjects(n=40, seed=3):
    rng = np.random.default_rng(seed)
    return [
        {
            "arm": ARMS[i % 2],
            "time": float(np.ceil(rng.exponential(200 / (1 + i % 2)))),
            "event": bool(rng.uniform() < 0.7),
            "weight": 60.0 + i,
            "age": float(rng.integers(30, 90)),
            "stage": str(rng.choice(["I", "II", "III"])),
        }
        for i in range(n)
    ]


def bootstrap_of(study, table):
    rows = Rows()
    add_bootstrap(rows, Cohort(study, table), "EFS")
    return rows.frame()


def value(frame, statistic, level="", method="efron_lr"):
    at = (frame["statistic"] == statistic) & (frame["level"] == level) & (frame["method"] == method)
    return frame.loc[at].iloc[0]["value"]


def term(name, values):
    return Term(name, (Column(name, TOTAL, np.asarray(values, dtype=float)),))


def endpoint(time, event):
    return EndpointData("X", np.arange(len(time)), np.asarray(time, dtype=float), np.asarray(event) == 1)


FORWARD = {"ties": "efron", "remove": "lr", "p_in": 0.9, "p_out": 0.95}


def test_two_resamples_by_hand():
    """The first resample is all subjects. In the second, the first two twice each, x orders the events: monotone."""
    data, x = endpoint([1, 2, 3, 4], [1, 1, 1, 1]), term("x", [3, 1, 2, 0])
    way = {"one": lambda fitter: forward_stepwise(fitter, [x], **FORWARD)}
    whole = forward_stepwise(Fitter(data), [x], **FORWARD)
    np.testing.assert_array_equal(np.argsort(scores(whole.model, data)), [3, 1, 2, 0])
    found = validate(data, [x], way, [np.arange(4), np.array([0, 1, 1, 0])])["one"]
    # Pairs (1,2) (1,3) (1,4) (2,3) (2,4) (3,4) by time; the score is higher in the first of all but (2,3).
    assert found.apparent == pytest.approx(5 / 6)
    assert (found.resamples, found.no_fit) == (2, 1), "a choice of one candidate whose entry has no fit did not begin"
    assert (found.included, found.refused) == ({"x": 1}, {"x": 0})
    assert found.optimism == 0.0
    assert found.percent("x") == 100


def test_a_model_from_a_resample_is_judged_on_all_subjects():
    """C in the resample and on all, each counted pair by pair."""
    data, x = endpoint([1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0]), term("x", [2, 3, 1, 3, 0, 1])
    sample = np.array([0, 1, 1, 3, 4, 5])
    chosen = forward_stepwise(Fitter(EndpointData("X", sample, data.time[sample], data.event[sample])), [x], **FORWARD)
    assert chosen.entered == {"x": 1}
    assert scores(chosen.model, data)[1] > scores(chosen.model, data)[0], "it puts the higher x first"
    # There: x 2 3 3 3 0 1 at times 1 2 2 4 5 6, events but the last.
    # From 1: 0 0 0 1 1; from each 2: 1/2 1 1; from 4: 1 1; from 5: 0.
    here = (2 + 2 * 2.5 + 2) / (5 + 2 * 3 + 2 + 1)
    # All: x 2 3 1 3 0 1. From 1: 0 1 0 1 1; from 2: 1 1/2 1 1; from 4: 1 1; from 5: 0.
    there = (3 + 3.5 + 2) / (5 + 4 + 2 + 1)
    found = validate(data, [x], {"one": lambda f: forward_stepwise(f, [x], **FORWARD)}, [sample])["one"]
    assert found.optimism == pytest.approx(here - there, rel=1e-12)


def test_each_resample_has_a_stream_of_its_own():
    """Drawn again from SeedSequence's children, in any order: what more processes would draw."""
    mine = list(draws(30, 5, seed=11))
    for k in reversed(range(5)):
        child = np.random.SeedSequence(11, spawn_key=(k,))
        np.testing.assert_array_equal(np.random.default_rng(child).integers(0, 30, 30), mine[k])
    np.testing.assert_array_equal(list(draws(30, 9, seed=11))[:5], mine)
    assert not np.array_equal(mine[0], next(iter(draws(30, 1, seed=12))))


def test_order_and_names_of_subjects_change_no_bit_and_the_seed_does():
    table = analysis_table(subjects())
    shuffled = table.sample(frac=1, random_state=1, ignore_index=True)
    shuffled["USUBJID"] = [f"T{i}" for i in range(len(shuffled))]
    first, second = (bootstrap_of(study_with(), one) for one in (table, shuffled))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert not first["value"].equals(bootstrap_of(study_with(seed=8), table)["value"])


def test_rows_are_the_choices_of_each_way():
    table = analysis_table(subjects())
    frame = bootstrap_of(study_with(), table)
    assert set(frame["method"]) == {"efron_lr", "efron_wald"}
    assert set(frame["level"]) == {"", "treatment", "age", "stage"}
    assert (value(frame, "resamples"), value(frame, "no_fit")) == (12, 0)
    assert (frame["n"] == 40).all()
    assert value(frame, "corrected") == pytest.approx(value(frame, "concordance") - value(frame, "optimism"))
    percents = frame.loc[frame["statistic"] == "percent"]
    assert (percents["unit"] == "%").all()
    np.testing.assert_allclose(percents["value"] * 12 / 100, np.round(percents["value"] * 12 / 100), atol=1e-9)


def test_without_the_key_there_are_no_rows_and_with_it_the_others_stay():
    table = analysis_table(subjects())
    plain = made_up_study(ARMS, cox={"adjust": ["age", "stage"], "stepwise": {"p_in": 0.3, "p_out": 0.4}})
    without, whole = results_of(plain, table), results_of(study_with(), table)
    mine = whole["variable"] == "stepwise_bootstrap"
    assert mine.sum() == 22
    assert not (without["variable"] == "stepwise_bootstrap").any()
    pd.testing.assert_frame_equal(whole[~mine].reset_index(drop=True), without)


def test_above_its_limit_nothing_is_computed_and_the_rows_say_so():
    table = analysis_table(subjects())
    frame = bootstrap_of(study_with(limit=479), table)
    assert frame["value"].isna().all()
    assert set(frame["warning"]) == {"NE: subjects times resamples are above the study's limit of 479"}
    computed = bootstrap_of(study_with(limit=480), table)
    assert list(computed["id"]) == list(frame["id"])
    assert computed["value"].notna().all()


def test_subjects_without_a_value_are_not_drawn():
    some = subjects()
    for one in some[:6]:
        one["stage"] = None
    assert (bootstrap_of(study_with(), analysis_table(some))["n"] == 34).all()
    nobody = analysis_table([{**one, "stage": None} for one in some])
    frame = bootstrap_of(study_with(), nobody)
    assert set(frame["warning"]) == {"NE: no subject has a value of every candidate"}


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_hostile_data_end_in_reasons(direction):
    """No events; all tied; events in one arm only; one subject an arm: numbers or NE, and no fit is counted."""
    study = made_up_study(ARMS, cox={"adjust": ["age"], "stepwise": {"direction": direction, "bootstrap": ASKED}})
    none = bootstrap_of(study, analysis_table([{**one, "event": False} for one in subjects()]))
    tied = bootstrap_of(study, analysis_table([{**one, "time": 5.0, "event": True} for one in subjects()]))
    two = bootstrap_of(study, analysis_table(subjects(2)))
    method = next(iter(none["method"]))
    for frame in (none, tied):
        assert value(frame, "no_fit", method=method) == 12
        empty = frame["statistic"].isin(["percent", "concordance", "optimism", "corrected"])
        assert frame.loc[empty, "value"].isna().all()
        assert frame.loc[empty, "warning"].str.startswith("NE: ").all()
    for frame in (none, tied, two):
        assert (frame["value"].notna() | frame["warning"].str.startswith("NE: ")).all()
    one_arm = [{**one, "event": one["arm"] == "New" and one["event"]} for one in subjects()]
    frame = bootstrap_of(study, analysis_table(one_arm))
    if direction == "backward":  # begins with the model of all, which has no fit in any resample
        assert value(frame, "no_fit", method=method) == 12
    else:
        assert value(frame, "no_fit", method=method) == 0
        assert value(frame, "refused", level="treatment", method=method) > 0
        assert value(frame, "percent", level="treatment", method=method) == 0


def test_nothing_of_it_leaves_and_a_locked_study_shows_none():
    results = results_of(study_with(), analysis_table(subjects()))
    assert results.loc[results["variable"] == "stepwise_bootstrap", "value"].notna().all()
    for min_count in (2, 5):
        out = suppress(results, min_count)
        mine = out[out["variable"] == "stepwise_bootstrap"]
        assert len(mine) == 22
        assert mine["value"].isna().all()
        assert mine["n"].isna().all()
        assert (mine["warning"] == "suppressed").all()
    assert not (masked(results)["variable"] == "stepwise_bootstrap").any()


def test_complete_cases_and_choices_are_those_of_the_stepwise_rows():
    """The choice on all subjects is the one that cox_stepwise shows."""
    study, table = study_with(), analysis_table(subjects())
    cohort = Cohort(study, table)
    terms = model_terms(cohort)
    plan = StepwisePlan(p_in=0.3, p_out=0.4)
    data = complete_cases(cohort.endpoint("EFS"), terms)
    mine = choose(plan, Fitter(data, complete=terms), terms, "efron", "lr")
    shown = choose(plan, Fitter(cohort.endpoint("EFS"), complete=terms), terms, "efron", "lr")
    assert mine.steps == shown.steps
    found = validate(data, terms, {"lr": partial(choose, plan, terms=terms, ties="efron", remove="lr")}, [])["lr"]
    assert (found.resamples, found.fitted) == (0, 0)
    assert found.optimism == found.percent("age") == found.corrected
