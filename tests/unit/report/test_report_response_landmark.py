"""What followed by response until a landmark, on the page. Oracle: the rows of the results and their own warnings."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest

from analysis.report.page import render
from analysis.stats.disclosure import suppress
from analysis.stats.response_landmark_rows import DESCRIPTIVE
from analysis.stats.results import analyse
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import provenance, quality
from tests.fixtures.sample_frames import sample_frames, sample_results, sample_study


@cache
def _results() -> pd.DataFrame:
    """The sample study with every best response seen on day 40, before the landmark of 4 months."""
    frames = sample_frames()
    adrs = frames.adrs.assign(ADY=40, SITEFL="Y")
    return analyse(sample_study(), frames.adsl, adrs, frames.adtte, frames.analysis_table)


def _page(results: pd.DataFrame, **told: object) -> PageReader:
    return PageReader(render(sample_study(), results, quality(), provenance(**told), None))


def _words(page: PageReader) -> str:
    return " ".join(page.all("body")[0].text.split())


def _shown(page: PageReader) -> dict[str, str]:
    found = page.with_attribute("data-result")
    return {e.attributes["data-result"]: e.text for e in found if ".response_landmark." in e.attributes["data-result"]}


def test_every_row_stands_on_the_page_but_ends_that_are_none_with_their_ratio() -> None:
    rows = _results()[_results()["variable"] == "response_landmark"]
    shown = _shown(_page(_results()))
    assert len(shown) > 20
    left = rows[~rows["id"].isin(shown)]
    assert left["value"].isna().all()
    assert set(left["statistic"]) <= {"lower", "upper"}


def test_counts_are_whole_numbers() -> None:
    shown = _shown(_page(_results()))
    counts = [text for name, text in shown.items() if name.split(".")[4] in ("n", "gone", "missing", "events")]
    assert len(counts) == 14
    assert all(text.isdigit() for text in counts)


def test_it_is_called_descriptive_once_with_the_reason_of_the_rows() -> None:
    words = _words(_page(_results()))
    assert words.count(DESCRIPTIVE.removeprefix("descriptive: ")) == 1
    assert "Descriptive, and no test: response was not assigned" in words


def test_what_else_a_row_warns_of_stays() -> None:
    """Without days of response nobody is known to have responded by then, and few events are left."""
    table = _words(_page(sample_results())).partition("What followed, by response until a landmark")[2]
    assert "fewer than 10 events a term" in table.partition("Response over the sites")[0]


@pytest.mark.parametrize("min_count", [2, 5])
def test_under_suppression_one_sentence_stands_for_it(min_count: int) -> None:
    page = _page(suppress(_results(), min_count))
    assert "What followed by response stays on the site" in _words(page)
    assert not _shown(page)


def test_a_locked_study_or_one_that_does_not_ask_has_no_such_part() -> None:
    assert "What followed, by response" not in _words(_page(_results(), state="MASKED"))
    results = sample_results()
    assert "What followed, by response" not in _words(_page(results[results["variable"] != "response_landmark"]))
