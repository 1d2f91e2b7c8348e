"""What stands side by side for each sensitivity set.

Oracle: the main analysis' own rows, which are held against R, for a set that changes nothing of them; survival at a
time also by hand.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.stats.disclosure import suppress
from analysis.stats.estimates import NotEstimable
from analysis.stats.restricted import survival_at
from analysis.stats.survival import kaplan_meier
from tests.fixtures.made_up_study import analysis_table, made_up_study, results_of
from tests.fixtures.sample_frames import sample_results

ARMS = ("DEB-TACE", "cTACE")
GROUP = "DEB-TACE vs cTACE"


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    return sample_results().set_index("id")


@pytest.mark.parametrize("endpoint", ["PFS", "OS"])
@pytest.mark.parametrize("arm", ARMS)
def test_a_set_with_other_ties_has_the_main_medians(sample: pd.DataFrame, endpoint: str, arm: str) -> None:
    for statistic in ("estimate", "lower", "upper"):
        own = sample.loc[f"sensitivity:breslow.{endpoint}_median..{arm}.{statistic}.km_log_log"]
        main = sample.loc[f"{endpoint}.median..{arm}.{statistic}.km_log_log"]
        assert own["value"] == main["value"] or (np.isnan(own["value"]) and np.isnan(main["value"]))
        assert (own["unit"], own["n"], own["warning"]) == (main["unit"], main["n"], main["warning"])


@pytest.mark.parametrize("name", ["orr", "dcr"])
def test_and_the_main_rates(sample: pd.DataFrame, name: str) -> None:
    for arm in ARMS:
        own, main = (sample.loc[f"{p}.{name}..{arm}.percent.", "value"] for p in ("sensitivity:breslow", "response"))
        assert own == main
    for end in ("difference.miettinen_nurminen", "lower.miettinen_nurminen", "upper.miettinen_nurminen", "p.fisher"):
        own, main = (sample.loc[f"{p}.{name}..{GROUP}.{end}", "value"] for p in ("sensitivity:breslow", "response"))
        assert own == main


@pytest.mark.parametrize("endpoint", ["PFS", "OS"])
def test_survival_is_the_curve_s_value_there(sample: pd.DataFrame, endpoint: str) -> None:
    for arm in ARMS:
        km = sample[(sample["parameter"] == endpoint) & (sample["variable"] == "km") & (sample["group"] == arm)]
        curve = km[km["statistic"] == "survival"].assign(at=lambda f: f["level"].astype(float)).sort_values("at")
        for at in (6, 12):
            own = sample.loc[f"sensitivity:breslow.{endpoint}_survival.{at}.{arm}.survival.km_log_log"]
            before = curve[curve["at"] <= at]["value"]
            if curve["at"].max() < at and curve["value"].iloc[-1] > 0:
                assert own["warning"] == "NE: no subject of the arm was observed so long"
            else:
                assert own["value"] == before.iloc[-1]


def test_a_set_without_data_says_so(sample: pd.DataFrame) -> None:
    """The fixture derives no variants: each row of such a set carries the reason."""
    own = sample[sample["parameter"] == "sensitivity:all-treated"]
    assert {"PFS_median", "OS_survival", "orr", "dcr"} <= set(own["variable"])
    assert own["value"].isna().all()
    assert own["warning"].str.startswith("NE: the data of this set were not derived").all()


def test_survival_by_hand() -> None:
    """Four subjects: events on days 1 and 3, censored on day 2, the last event on day 5."""
    curve = kaplan_meier(np.array([1.0, 2, 3, 5]), np.array([True, False, True, True]))
    for day, expected in ((0.5, 1.0), (1, 0.75), (2.9, 0.75), (3, 0.375), (4, 0.375), (5, 0.0), (9, 0.0)):
        assert survival_at(curve, day, "log-log").value == pytest.approx(expected)
    ends = survival_at(curve, 0.5, "log-log")
    assert isinstance(ends.lower, NotEstimable)
    open_end = kaplan_meier(np.array([1.0, 2]), np.array([True, False]))
    assert survival_at(open_end, 2, "log-log").value == 0.5
    assert isinstance(survival_at(open_end, 2.1, "log-log").value, NotEstimable)


def test_a_study_that_does_not_ask_gets_ratios_only() -> None:
    study = made_up_study(("New", "Old"), sensitivity=[{"id": "breslow", "set": {"ties": "breslow"}}])
    rows = [
        {"arm": arm, "age": 60.0, "stage": "I", "weight": 70.0, "time": float(t), "event": 1}
        for t in range(1, 9)
        for arm in ("New", "Old")
    ]
    results = results_of(study, analysis_table(rows))
    assert set(results.loc[results["parameter"] == "sensitivity:breslow", "variable"]) == {"EFS"}


def test_none_of_it_leaves_with_a_minimum(sample: pd.DataFrame) -> None:
    out = suppress(sample.reset_index(), 2)
    more = out[out["parameter"].str.startswith("sensitivity:") & ~out["variable"].isin(["PFS", "OS"])]
    assert not more.empty
    assert more["value"].isna().all()
    assert more["n"].isna().all()
