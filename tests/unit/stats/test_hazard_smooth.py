"""The smooth through scaled Schoenfeld residuals. Oracle: R survival 3.5-3 ``plot(cox.zph(fit))``
(tests/golden/schoenfeld_smooth.R)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.stats.cohort import Cohort
from analysis.stats.hazard_smooth import smooth_frame, smooth_residuals
from tests.fixtures.golden_values import golden
from tests.fixtures.made_up_study import analysis_table, made_up_study
from tests.fixtures.sample_frames import sample_frames, sample_study

SETS = [pytest.param(s, id=s["name"][0]) for s in golden("schoenfeld_smooth")["sets"]]


def test_golden_values_name_their_versions():
    assert golden("schoenfeld_smooth")["made_with"] == {"R": ["4.2.2"], "survival": ["3.5.3"]}


@pytest.mark.parametrize("case", SETS)
def test_line_and_band_against_r(case):
    g = np.array(case["g"])
    for theirs in case["lines"]:
        ours = smooth_residuals(g, np.array(theirs["residual"]), theirs["variance"][0])
        np.testing.assert_allclose(ours.g, theirs["x"], rtol=1e-12)
        for mine, name in ((ours.line, "y"), (ours.lower, "lower"), (ours.upper, "upper")):
            np.testing.assert_allclose(mine, theirs[name], rtol=1e-7, atol=1e-7)


def test_the_frame_of_the_sample_is_rs():
    expected = golden("schoenfeld_smooth")["sets"][0]["lines"][0]
    frame = smooth_frame(Cohort(sample_study(), sample_frames().analysis_table), "PFS")
    assert set(frame["level"]) == {"treatment=DEB-TACE"}
    np.testing.assert_allclose(frame["line"], expected["y"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(frame["upper"], expected["upper"], rtol=1e-6, atol=1e-6)
    assert frame["time"].is_monotonic_increasing


def test_row_order_changes_nothing():
    f, study = sample_frames(), sample_study()
    shuffled = f.analysis_table.iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        smooth_frame(Cohort(study, f.analysis_table), "OS"), smooth_frame(Cohort(study, shuffled), "OS")
    )


@pytest.mark.parametrize("events", [0, 3, 8])
def test_too_few_different_times_have_no_line(events):
    """No event, three, or eight on two days: four degrees of freedom have nothing to stand on."""
    rows = [
        {
            "arm": "AB"[i % 2],
            "time": 1.0 + i if events < 8 else 1.0 + i // 4,
            "event": int(i < events),
            "weight": 60.0,
            "age": 60,
            "stage": "I",
        }
        for i in range(8)
    ]
    assert smooth_frame(Cohort(made_up_study(("A", "B")), analysis_table(rows)), "EFS").empty


def test_a_straight_course_is_found_as_it_is():
    """A line is a natural spline: residuals on one leave it where it is."""
    g = np.array([0.0, 0.1, 0.25, 0.3, 0.5, 0.8])
    ours = smooth_residuals(g, 1.0 - 2.0 * g, 0.3)
    np.testing.assert_allclose(ours.line, 1.0 - 2.0 * ours.g, atol=1e-12)
