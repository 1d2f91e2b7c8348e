"""Sensitivity sets that compare the arms within strata.

Oracle: the main analysis' own rows within the same strata, which are held against R (test_strata.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.report.page import render
from analysis.stats.disclosure import suppress
from analysis.stats.masking import masked
from analysis.study.comparison import SetMethod
from analysis.study.survival_checks import strata as strata_faults
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of

STRATA = ["site", "stage"]
NEW = "EFS_stratified"
SET = f"sensitivity:within.{NEW}..A vs B"


def _table(**change: Any) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    rows = [
        {
            "arm": "AB"[i % 2],
            "time": float(rng.integers(1, 60)),
            "event": int(rng.uniform() < 0.7),
            "weight": float(rng.integers(50, 90)),
            "age": 60,
            "stage": str(rng.choice(["I", "II"])) if i % 10 else None,
            **change,
        }
        for i in range(100)
    ]
    return analysis_table(rows).assign(SITEID=[f"site{v}" for v in rng.integers(0, 3, 100)])


def _results(table: pd.DataFrame, *, ties: str = "efron", survival: Any = None, **more: Any) -> pd.DataFrame:
    within = {"id": "within", "set": {"strata": STRATA, "ties": ties}, **more}
    given = {} if survival is None else {"survival": survival, "primary": {"ties": ties}}
    return results_of(made_up_study(("A", "B"), sensitivity=[within], cox={}, **given), table)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_set_gives_what_the_study_s_own_strata_give(ties: str) -> None:
    results = _results(_table(), ties=ties, survival={"strata": STRATA}).set_index("id")
    for statistic in ("hr", "lower", "upper", "p", "se"):
        own = results.loc[f"{SET}.{statistic}.{ties}"]
        main = results.loc[f"EFS.cox_stratified.treatment=A.A vs B.{statistic}.{ties}"]
        assert (own["value"], own["n"]) == (main["value"], main["n"])
    test = results.loc["EFS.logrank_stratified..A vs B.p.logrank", "value"]
    assert results.loc[f"{SET}.p.logrank", "value"] == test
    assert results.loc[f"{SET}.n.", "value"] == 90, "those without a stage are left out"


def test_the_study_s_own_rows_do_not_change() -> None:
    plain = results_of(made_up_study(("A", "B"), cox={}), _table())
    found = _results(_table())
    rest = found[~found["parameter"].isin(["sensitivity:within", "alpha_crossing"])].reset_index(drop=True)
    plain = plain[plain["parameter"] != "alpha_crossing"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, plain, check_exact=True)


@pytest.mark.parametrize(
    "change", [{"time": 5.0, "event": 1}, {"event": 0}, {"stage": None}], ids=["all-tied", "no-events", "no-stage"]
)
def test_hostile_data_end_in_reasons(change: dict[str, Any]) -> None:
    results = _results(_table(**change))
    mine = results[(results["variable"] == NEW) & ~results["statistic"].isin(["n", "events"])]
    assert len(mine) == 6
    assert mine["warning"].str.startswith("NE: ").all()


def test_a_set_without_data_says_so() -> None:
    results = _results(_table(), censor="arm-switch")
    mine = results[results["variable"] == NEW]
    assert len(mine) == 5
    assert mine["warning"].eq("NE: the data of this set were not derived").all()


def test_nothing_of_it_leaves_with_a_minimum_or_under_the_lock() -> None:
    results = _results(_table())
    shown = suppress(results, 2)
    assert shown.loc[shown["variable"] == NEW, ["value", "n"]].isna().all(axis=None)
    assert not masked(results)["variable"].eq(NEW).any()


def test_strata_of_a_set_are_checked_as_the_study_s() -> None:
    covariates = {"stage": {"levels": ["I"]}, "weight": {"unit": "kg"}}
    asked = [{"id": "a"}, {"id": "b", "set": {"strata": ["stage", "stag", "weight"]}}]
    found = list(strata_faults({"covariate": covariates, "analysis": {"sensitivity": asked}}))
    place = ("analysis", "sensitivity", 1, "set", "strata")
    assert [path for path, _ in found] == [(*place, 1), (*place, 2)]
    assert "did you mean" in found[0][1]
    with pytest.raises(ValueError, match="a stratum stands twice"):
        SetMethod(strata=("site", "site"))


def test_the_page_shows_it_beside_the_set_itself() -> None:
    study = made_up_study(("A", "B"), sensitivity=[{"id": "within", "set": {"strata": STRATA}}], cox={})
    results = results_of(study, _table())
    page = render(study, results, pd.DataFrame(), {"state": "DRAFT"}, None)
    assert "within: within its strata" in page
    hr = results.set_index("id").loc[f"{SET}.hr.efron", "value"]
    assert f"{hr:.3f} (" in page.partition("within: within its strata")[2]
