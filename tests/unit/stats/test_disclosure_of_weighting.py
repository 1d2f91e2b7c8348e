"""The weighted comparison under suppression. Oracle: the attacker of test_disclosure_attack.py, who also knows that
complete cases, those trimmed and those without a value add up to the arm, and scores' bins to the complete cases."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats.disclosure import suppress
from analysis.study.model import Study
from tests.unit.stats.test_disclosure_attack import ARMS, GROUPS, STUDY, Attacker, made_up_results

PLAN = {"covariates": ["age", "sex"], "estimands": ["ATE", "ATT", "ATO"], "trim": [0.1, 0.9], "force": True}


def weighted_study() -> Study:
    whole = STUDY.model_dump(by_alias=True)
    whole["analysis"] |= {"weighting": {**PLAN, "reason": "the attack wants rows"}, "e_value": "common"}
    return Study.model_validate(whole)


WEIGHTED = weighted_study()
WITH_SCORES = (0, 2, 3, 6, 17, 18, 19, 20, 28, 33)
"""Seeds whose cohorts have propensity scores; most others are refused (separation), where little is to be hidden."""


class WeightingAttacker(Attacker):
    """The attacker with the unknowns of the propensity model: used, trimmed and missing, and the used by bin."""

    def __post_init__(self) -> None:
        super().__post_init__()
        bins = range(10)
        for arm in ARMS:
            whole = Counter({("used", arm): 1, ("trimmed", arm): 1, ("no score", arm): 1})
            whole.update({("size", arm): -1})
            self.equations.append((whole, 0))
            self.equations.append((Counter({("bin", i, arm): 1 for i in bins} | {("used", arm): -1}), 0))
            for name in self.names:
                known = {("balanced", name, arm): 1, ("not balanced", name, arm): 1, ("used", arm): -1}
                self.equations.append((Counter(known), 0))
            self.equations.append((Counter({("outside", arm): 1, ("inside", arm): 1, ("used", arm): -1}), 0))

    def value_of(self, row) -> Counter | None:
        if row.parameter != "propensity" or row.statistic not in ("n", "count"):
            return super().value_of(row)
        kind = {"missing": "no score", "trimmed": "trimmed", "outside_support": "outside"}.get(row.variable)
        if kind is None:
            return Counter({("bin", int(float(row.level) * 10 + 0.5), arm): 1 for arm in GROUPS[row.group]})
        return Counter({(kind, arm): 1 for arm in GROUPS[row.group]})

    def n_of(self, row) -> Counter | None:
        if row.parameter != "propensity" and not row.parameter.startswith("weighting:"):
            return super().n_of(row)
        if row.variable == "balance" and row.level:
            return Counter({("balanced", row.level.split("=")[0], arm): 1 for arm in GROUPS[row.group]})
        before_trimming = row.variable == "model"
        kinds = ("used", "trimmed") if before_trimming else ("used",)
        return Counter({(kind, arm): 1 for kind in kinds for arm in GROUPS[row.group]})


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(WITH_SCORES) | st.integers(0, 10_000), st.integers(2, 7))
def test_no_small_count_follows_from_all_that_is_shown(seed, min_count):
    results = made_up_results(seed, WEIGHTED)
    attacker = WeightingAttacker(results)
    attacker.learn(suppress(results, min_count))
    assert attacker.derived(min_count) == []


@settings(max_examples=3, deadline=None)
@given(st.sampled_from(WITH_SCORES))
def test_a_higher_minimum_hides_no_less_and_twice_is_once(seed):
    results = made_up_results(seed, WEIGHTED)
    shown, with_n = set(results["id"]), set(results["id"])
    for min_count in (0, 2, 3, 5, 9, 40):
        out = suppress(results, min_count)
        pd.testing.assert_frame_equal(suppress(out, min_count), out)
        now, now_n = set(out.loc[out["warning"] != "suppressed", "id"]), set(out.loc[out["n"].notna(), "id"])
        assert now <= shown
        assert now_n <= with_n
        shown, with_n = now, now_n


def _weighting(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["parameter"].str.startswith(("weighting:", "propensity"))]


@pytest.mark.parametrize("seed", [17, 28])
def test_single_subjects_never_leave_and_a_ratio_leaves_only_with_balance_and_effective_size(seed):
    results = made_up_results(seed, WEIGHTED)
    assert _weighting(results)["variable"].str.endswith("_km").any()
    shown = _weighting(suppress(results, 3))
    assert not shown["variable"].str.endswith("_km").any()
    single = shown["variable"].isin(("score", "weights")) & shown["statistic"].isin(("min", "max"))
    assert single.any()
    assert shown.loc[single, "value"].isna().all()
    given_out = shown[shown["value"].notna()]
    ratios = given_out[given_out["statistic"] == "hr"]
    assert not ratios.empty  # nothing small: the weighted comparison may be seen
    for parameter in ratios["parameter"]:
        own = given_out[given_out["parameter"] == parameter]
        assert {"ess", "smd"} <= set(own["statistic"])


def test_an_e_value_goes_with_its_hazard_ratio():
    """By construction: the hazard ratio follows from its E-value."""
    seen = 0
    for seed in (2, 18, 28):
        results = made_up_results(seed, WEIGHTED)
        for min_count in (2, 5, 9):
            out = suppress(results, min_count)
            for row in out[out["variable"] == "e_value"].itertuples():
                model, weighted = row.level, row.level.startswith("weighting:")
                ratio = out[
                    (out["parameter"] == (model if weighted else row.parameter))
                    & (out["variable"] == (row.parameter if weighted else model))
                    & (out["statistic"] == "hr")
                    & (out["group"] == row.group)
                    & (out["method"].isin(("efron", "efron_robust")))
                    & (weighted | out["level"].str.startswith("treatment="))
                ]
                assert not ratio.empty
                if (ratio["warning"] == "suppressed").all():
                    seen += 1
                    assert row.warning == "suppressed"
    assert seen


@pytest.mark.parametrize("min_count", [0, 1])
def test_no_minimum_is_no_change(min_count):
    results = made_up_results(5, WEIGHTED)
    pd.testing.assert_frame_equal(suppress(results, min_count), results)


def test_the_attacker_finds_what_is_not_suppressed():
    """The oracle's own check: with all shown, small counts of the propensity model have one value each."""
    results = made_up_results(3, WEIGHTED)
    attacker = WeightingAttacker(results)
    attacker.learn(results)
    counts = results[(results["parameter"] == "propensity") & results["statistic"].isin(("n", "count"))]
    assert np.any((counts["value"] >= 1) & (counts["value"] < 5))
    small = [name for name, _, truth in attacker.targets() if 1 <= truth < 5]
    assert set(attacker.derived(5)) == set(small)
