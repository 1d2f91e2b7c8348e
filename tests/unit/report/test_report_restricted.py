"""Survival at named times and restricted means on the page. Oracle: the rows of the results and their units."""

from __future__ import annotations

from functools import cache

import pytest

from analysis.pages import formats
from analysis.report.page import render
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study


@cache
def _shown() -> dict[str, str]:
    page = PageReader(render(sample_study(), sample_results(), quality(), provenance(), None))
    return {e.attributes["data-result"]: e.text for e in page.with_attribute("data-result")}


def test_every_landmark_and_restricted_mean_stands_on_the_page() -> None:
    results = sample_results()
    mine = results[results["variable"].isin(["landmark", "rmst"]) & results["statistic"].isin(["survival", "estimate"])]
    assert len(mine[mine["group"] != "total"]) >= 8
    assert set(mine.loc[mine["group"] != "total", "id"]) <= set(_shown())


@pytest.mark.parametrize(("unit", "text"), [("", "0.303"), ("months", "0.3"), ("percentage points", "0.3")])
def test_a_difference_of_probabilities_has_three_decimals(unit: str, text: str) -> None:
    assert formats.figure(0.30303, "difference", unit) == text


def test_times_stand_in_their_own_order() -> None:
    """6 before 12, which as text would stand first."""
    page = render(sample_study(), sample_results(), quality(), provenance(), None)
    assert 0 < page.index("Survival at 6 months") < page.index("Survival at 12 months")


def test_an_arm_without_an_interval_says_ne_once() -> None:
    """Nobody of the arm had died: survival 1 has no interval."""
    shown = _shown()
    assert shown["OS.landmark.12.DEB-TACE.survival."] == "1.000"
    assert shown["OS.landmark.12.DEB-TACE.lower.log-log"] == "NE"
    assert "OS.landmark.12.DEB-TACE.upper.log-log" not in shown


def test_a_study_without_them_has_no_such_table() -> None:
    study = made_study()
    results = made_results(study)
    results = results[~results["variable"].isin(["landmark", "rmst"])]
    assert "at named times" not in render(study, results, quality(), provenance(), None)
