"""The frames under the plots of proportional hazards. Oracles: R survival 3.5-3 ``cox.zph`` (tests/golden/
schoenfeld.R), the curve's own rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.stats import cox
from analysis.stats.cohort import Cohort
from analysis.stats.disclosure import suppress
from analysis.stats.hazard_plots import log_minus_log_frame, scaled_schoenfeld, schoenfeld_frame
from tests.fixtures.golden_values import golden
from tests.fixtures.made_up_study import analysis_table, made_up_study
from tests.fixtures.sample_frames import sample_frames, sample_results, sample_study

SETS = [pytest.param(s, id=s["name"][0]) for s in golden("schoenfeld")["sets"]]


def _sorted(time, rows):
    """By time, then value: which of two tied deaths comes first is nobody's to say."""
    whole = np.column_stack([time, rows])
    return whole[np.lexsort(np.round(whole, 6).T[::-1])]


def test_golden_values_name_their_versions():
    assert golden("schoenfeld")["made_with"] == {"R": ["4.2.2"], "survival": ["3.5.3"]}


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", SETS)
def test_scaled_residuals_against_r(case, ties):
    time, event = np.array(case["time"], dtype=float), np.array(case["event"]) == 1
    x = np.array(case["x"], dtype=float).reshape(time.size, -1)
    at, ours = scaled_schoenfeld(time, event, x, cox.fit(time, event, x, ties), ties)
    theirs = np.array(case[ties]["y"]).reshape(ours.shape)
    np.testing.assert_allclose(_sorted(at, ours), _sorted(case[ties]["time"], theirs), rtol=1e-6, atol=1e-6)


def test_the_frame_of_the_sample_is_rs():
    f = sample_frames()
    expected = golden("schoenfeld")["sets"][0]["efron"]
    frame = schoenfeld_frame(Cohort(sample_study(), f.analysis_table), "PFS")
    assert set(frame["level"]) == {"treatment=DEB-TACE"}
    ours = _sorted(frame["time"] * 30.4375, frame[["scaled", "g"]])
    theirs = _sorted(expected["time"], np.column_stack([np.ravel(expected["y"]), expected["g"]]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    assert frame["scaled"].mean() == pytest.approx(frame["coef"].iloc[0], abs=1e-6)


def test_the_adjusted_frame_has_every_column_and_row_order_changes_nothing():
    f, study = sample_frames(), sample_study()
    one = schoenfeld_frame(Cohort(study, f.analysis_table), "PFS", adjusted=True)
    assert one["level"].nunique() == 8
    shuffled = f.analysis_table.iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(one, schoenfeld_frame(Cohort(study, shuffled), "PFS", adjusted=True))


def test_a_model_without_a_fit_gives_no_rows():
    rows = [
        {"arm": "AB"[i % 2], "time": i + 1.0, "event": 0, "weight": 60.0, "age": 60, "stage": "I"} for i in range(8)
    ]
    frame = schoenfeld_frame(Cohort(made_up_study(("A", "B")), analysis_table(rows)), "EFS")
    assert frame.empty
    assert list(frame.columns) == ["level", "group", "time", "g", "scaled", "coef"]


def test_log_minus_log_is_the_curves_own_rows():
    results = sample_results()
    frame = log_minus_log_frame(results, "PFS")
    km = results[(results["parameter"] == "PFS") & (results["variable"] == "km") & (results["statistic"] == "survival")]
    inside = km[(km["value"] > 0) & (km["value"] < 1)]
    assert len(frame) == len(inside) > 10
    for row in frame.itertuples():
        survival = km.loc[(km["group"] == row.group) & (km["level"] == f"{row.time:.4f}"), "value"].iloc[0]
        assert math.exp(-math.exp(row.value)) == pytest.approx(survival)
        assert math.exp(row.log_time) == pytest.approx(row.time)


def test_log_minus_log_of_suppressed_results_shows_no_more_points_than_they_do():
    shown = suppress(sample_results(), 3)
    left = shown[(shown["parameter"] == "PFS") & (shown["variable"] == "km") & (shown["statistic"] == "survival")]
    assert len(log_minus_log_frame(shown, "PFS")) <= len(left) < len(log_minus_log_frame(sample_results(), "PFS"))
