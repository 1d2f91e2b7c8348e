"""Sensitivity sets that compare the arms weighted.

Oracle: the main analysis' own weighted rows, which are held against R (test_weighting_rows.py), on the same subjects.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.report.page import render
from analysis.stats.disclosure import suppress
from analysis.stats.masking import masked
from analysis.study.comparison_checks import weighting as weighting_faults
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of

PLAN = {"covariates": ["age", "stage"], "linear": ["age"], "estimands": ["ATE", "ATT", "ATO"]}
SET = "sensitivity:weighted"
GROUP = "A vs B"


def _table(n: int = 120, **change: Any) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = []
    for i in range(n):
        age = float(rng.integers(40, 80))
        rows.append(
            {
                "arm": "A" if rng.uniform() < 1 / (1 + np.exp(0.05 * (age - 60))) else "B",
                "time": float(rng.integers(1, 60)),
                "event": int(rng.uniform() < 0.7),
                "weight": 70.0,
                "age": age,
                "stage": str(rng.choice(["I", "II"])) if i % 12 else None,
                **change,
            }
        )
    return analysis_table(rows)


def _study(estimand: str = "ATO", ties: str = "efron", plan: dict[str, Any] | None = None, **more: Any) -> Any:
    asked = {"id": "weighted", "set": {"weighting": estimand, "ties": ties}, **more}
    primary = {"ties": ties}
    return made_up_study(("A", "B"), sensitivity=[asked], cox={}, weighting=plan or PLAN, primary=primary)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATO"])
def test_a_set_that_changes_nothing_gives_the_study_s_own_weighting(estimand: str, ties: str) -> None:
    results = results_of(_study(estimand, ties), _table()).set_index("id")
    main = f"weighting:{estimand}"
    for statistic in ("hr", "lower", "upper", "p", "se"):
        own = results.loc[f"{SET}.EFS_weighted..{GROUP}.{statistic}.{ties}_robust"]
        theirs = results.loc[f"{main}.EFS..{GROUP}.{statistic}.{ties}_robust"]
        assert (own["value"], own["n"]) == (theirs["value"], theirs["n"])
    for arm in "AB":
        size = results.loc[f"{SET}.weights..{arm}.ess.{estimand}"]
        assert (size["value"], size["n"]) == tuple(results.loc[f"{main}.weights..{arm}.ess.", ["value", "n"]])
    largest = results.loc[f"{SET}.balance..{GROUP}.largest_smd.{estimand}", "value"]
    assert largest == results.loc[f"{main}.balance..{GROUP}.largest_smd.weighted", "value"]
    assert results.loc[f"{SET}.EFS_weighted..{GROUP}.n.", "value"] == 110, "those without a stage have no score"


def test_the_score_is_fitted_in_the_set_s_own_subjects() -> None:
    """A set of other subjects gives what the study gives of a table that has only these."""
    table = _table()
    fewer = table[table.index % 5 != 0].reset_index(drop=True)
    study = _study("ATE", censor="arm-switch")
    found = results_of(study, table, {"weighted": fewer}).set_index("id")
    alone = results_of(_study("ATE"), fewer).set_index("id")
    ids = [i for i in found.index if i.startswith((f"{SET}.weights", f"{SET}.balance", f"{SET}.EFS_weighted"))]
    assert len(ids) == 2 + 1 + 7
    pd.testing.assert_frame_equal(found.loc[ids], alone.loc[ids], check_exact=True)
    assert found.loc[f"{SET}.EFS_weighted..{GROUP}.hr.efron_robust", "value"] != pytest.approx(
        found.loc[f"weighting:ATE.EFS..{GROUP}.hr.efron_robust", "value"]
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"stage": None}, "no subject is left"), ({"event": 0}, "no events"), ({"time": 5.0, "event": 1}, "")],
    ids=["nobody-has-a-score", "no-events", "all-tied"],
)
def test_hostile_data_end_in_reasons(change: dict[str, Any], reason: str) -> None:
    results = results_of(_study(), _table(**change))
    mine = results[(results["parameter"] == SET) & (results["variable"] == "EFS_weighted")]
    ratios = mine[~mine["statistic"].isin(["n", "events"])]
    assert len(ratios) == 5
    assert ratios["warning"].str.startswith(f"NE: {reason}").all()


def test_few_subjects_a_term_are_refused_unless_forced() -> None:
    results = results_of(_study(), _table(20))
    mine = results[(results["parameter"] == SET) & results["variable"].isin(["weights", "balance", "EFS_weighted"])]
    assert len(mine) == 2 + 1 + 5
    assert mine["warning"].str.startswith("NE: fewer than 10 subjects a term").all()
    forced = results_of(_study(plan={**PLAN, "force": True, "reason": "shown as an example"}), _table(20))
    hr = forced.set_index("id").loc[f"{SET}.EFS_weighted..{GROUP}.hr.efron_robust"]
    assert hr["warning"] == "forced with fewer than 10 subjects a term: shown as an example"
    assert hr["value"] > 0


def test_a_set_without_data_says_so() -> None:
    results = results_of(_study(censor="arm-switch"), _table())
    mine = results[(results["parameter"] == SET) & results["variable"].isin(["weights", "balance", "EFS_weighted"])]
    assert len(mine) == 2 + 1 + 5
    assert mine["warning"].eq("NE: the data of this set were not derived").all()


def test_nothing_of_it_leaves_with_a_minimum_or_under_the_lock() -> None:
    results = results_of(_study(), _table())
    shown = suppress(results, 2)
    new = (shown["parameter"] == SET) & shown["variable"].isin(["weights", "balance", "EFS_weighted"])
    assert new.sum() == 2 + 1 + 7
    assert shown.loc[new, ["value", "n"]].isna().all(axis=None)
    assert not masked(results)["parameter"].eq(SET).any()


def test_a_set_cannot_be_weighted_without_a_propensity_score() -> None:
    asked = [{"id": "a", "set": {}}, {"id": "b", "set": {"weighting": "ATE"}}]
    found = list(weighting_faults({"analysis": {"sensitivity": asked}}))
    assert [path for path, _ in found] == [("analysis", "sensitivity", 1, "set", "weighting")]
    assert "no weighting in [analysis]" in found[0][1]


def test_the_page_shows_the_ratio_with_its_effective_sizes_and_balance() -> None:
    study = _study()
    results = results_of(study, _table())
    page = render(study, results, pd.DataFrame(), {"state": "DRAFT"}, None)
    rows = results.set_index("id")["value"]
    line = page.partition("weighted: weighted to ")[2]
    assert f"{rows[f'{SET}.EFS_weighted..{GROUP}.hr.efron_robust']:.3f} (" in line
    told = page.partition("weighted, weighted: the weights leave the information of ")[2].partition("</p>")[0]
    assert "not computed" not in page.partition('id="sensitivity"')[2].partition("</section>")[0]
    for row_id in (f"{SET}.weights..A.ess.ATO", f"{SET}.weights..B.ess.ATO", f"{SET}.balance..{GROUP}.largest_smd.ATO"):
        assert f'data-result="{row_id}"' in told
