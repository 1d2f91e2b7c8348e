"""Competing risks on the page. Oracle: the rows of the results, and the geometry that their values ask for."""

from __future__ import annotations

import re
from functools import cache

import pandas as pd
import pytest

from analysis.report.figures.cumulative_incidence import HIGHEST
from analysis.report.page import figures, render
from analysis.stats.disclosure import suppress
from tests.fixtures.competing_events import competing_results, competing_study
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study

ARMS = [arm.label for arm in competing_study().arm]
CAUSES = ("", "_competing")


def _page(results: pd.DataFrame, **told: object) -> PageReader:
    return PageReader(render(competing_study(), results, quality(), provenance(**told), None))


@cache
def _shown() -> dict[str, str]:
    return {e.attributes["data-result"]: e.text for e in _page(competing_results()).with_attribute("data-result")}


def _words(page: PageReader) -> str:
    return " ".join(page.all("body")[0].text.split())


def test_every_incidence_at_a_tick_stands_on_the_page_with_three_decimals() -> None:
    results = competing_results()
    at_ticks = results["variable"].isin([f"incidence_table{cause}" for cause in CAUSES])
    mine = results[at_ticks & (results["statistic"] == "estimate") & (results["level"] != "0")]
    assert len(mine) > 20
    for row_id, value in zip(mine["id"], mine["value"], strict=True):
        assert _shown()[row_id] == f"{value:.3f}"


@pytest.mark.parametrize("cause", CAUSES)
def test_grays_test_and_the_counts_of_both_events_stand_in_the_table(cause: str) -> None:
    contrast = " vs ".join(ARMS)
    assert {f"PFS.gray{cause}..{contrast}.{statistic}.gray" for statistic in ("chi2", "p")} <= set(_shown())
    counted = "competing" if cause else "events"
    assert {f"PFS.{counted}..{arm}.n." for arm in ARMS} <= set(_shown())


@pytest.mark.parametrize("cause", CAUSES)
def test_the_curves_end_at_their_last_incidence_on_one_scale(cause: str) -> None:
    """The height of the last step over the height of the frame is the last estimate over the scale's end."""
    drawn = figures(competing_study(), competing_results())[f"incidence-pfs{cause.replace('_', '-')}"]
    labels = [float(t) for t in re.findall(r'text-anchor="end"[^>]*>(0|0\.\d+|1)</text>', drawn)]
    assert labels[-1] in HIGHEST
    results, longest = competing_results(), []
    for number, arm in enumerate(ARMS):
        mine = results[(results["variable"] == f"incidence{cause}") & (results["group"] == arm)]
        mine = mine[mine["statistic"] == "estimate"]
        last = mine.loc[mine["level"].astype(float).idxmax(), "value"]
        path = re.findall(rf'<path d="([^"]*)"[^>]* fill="none"[^>]*class="arm-{number} stroke"', drawn)
        bottom = float(re.match(r"M[\d.]+ ([\d.]+)", path[0])[1])  # type: ignore[index]
        heights = [float(y) for part in path for y in re.findall(r"V([\d.]+)", part)]
        assert (bottom - heights[-1]) / 190.0 * labels[-1] == pytest.approx(last, abs=1e-4)
        assert heights == sorted(heights, reverse=True), "an incidence never falls"
        km = results[(results["variable"] == "km") & (results["parameter"] == "PFS") & (results["group"] == arm)]
        across = [float(x) for part in path for x in re.findall(r"H([\d.]+)", part)]
        longest.append((across[-1] - 46.0) / km["level"].astype(float).max())
    assert longest[0] == pytest.approx(longest[1], rel=1e-3), "each runs on to its arm's last time, as Kaplan-Meier"


def test_both_figures_of_an_endpoint_have_the_same_scale() -> None:
    drawn = figures(competing_study(), competing_results())
    named = (drawn["incidence-pfs"], drawn["incidence-pfs-competing"])
    ends = [re.findall(r'text-anchor="end"[^>]*>(0|0\.\d+|1)</text>', figure) for figure in named]
    assert len(ends[0]) == 5
    assert ends[0] == ends[1]


def test_the_page_says_what_kaplan_meier_does_with_them() -> None:
    page = _words(_page(competing_results()))
    assert "Progression-free survival, competing risks" in page
    assert "Overall survival, competing risks" not in page
    assert "take a competing event as censored" in page


@pytest.mark.parametrize("min_count", [2, 5])
def test_under_suppression_one_sentence_stands_for_them(min_count: int) -> None:
    page = _page(suppress(competing_results(), min_count))
    assert "Cumulative incidences stay on the site" in _words(page)
    shown = {e.attributes["data-result"] for e in page.with_attribute("data-result")}
    assert not [name for name in shown if ".incidence" in name or ".gray" in name]


def test_a_locked_study_shows_nothing_of_them() -> None:
    page = _page(competing_results(), state="MASKED")
    assert "competing risks" not in _words(page)
    shown = {e.attributes["data-result"] for e in page.with_attribute("data-result")}
    assert shown
    assert not [name for name in shown if "incidence" in name or "gray" in name or "competing" in name]


def test_a_study_without_competing_events_has_no_such_part() -> None:
    assert "competing risks" not in render(sample_study(), sample_results(), quality(), provenance(), None)


def test_three_arms_have_a_test_each_and_one_of_all() -> None:
    study = made_study(arms=3)
    first = study.endpoint[0]
    changed = type(first).model_validate(
        {**first.model_dump(by_alias=True, exclude_none=True), "competing": [{"list": "elsewhere", "desc": "Else"}]}
    )
    study = study.model_copy(update={"endpoint": (changed, *study.endpoint[1:])})
    results = made_results(study, subjects=12)
    page = PageReader(render(study, results, quality(), provenance(), None))
    shown = {e.attributes["data-result"] for e in page.with_attribute("data-result")}
    tests = results[(results["variable"] == "gray") & (results["statistic"] == "p")]
    assert len(tests) == 3
    assert set(tests["id"]) <= shown
