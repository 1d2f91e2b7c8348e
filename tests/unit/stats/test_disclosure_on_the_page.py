"""The page of suppressed results: no small count of subjects, and it says what was done. Oracle: the results."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from analysis.report.page import figures, render
from analysis.stats.disclosure import PEOPLE, suppress
from analysis.study.model import Disclosure
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study

MIN_COUNT = 5


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return suppress(sample_results(), MIN_COUNT)


@pytest.fixture(scope="module")
def study():
    return sample_study().model_copy(update={"disclosure": Disclosure(min_count=MIN_COUNT)})


@pytest.fixture(scope="module")
def page(study, results) -> PageReader:
    return PageReader(render(study, results, quality(), provenance(), None))


def _number(text: str) -> int | None:
    found = re.match(r"\d[\d\u202f]*$", text.strip())
    return int(text.strip().replace("\u202f", "")) if found else None


def test_no_small_count_of_subjects_on_the_page(page, results):
    statistic = results.set_index("id")["statistic"]
    people = statistic.isin(PEOPLE) & ~results.set_index("id")["parameter"].eq("alpha_crossing")
    shown = [
        _number(e.text) for e in page.with_attribute("data-result") if people.get(e.attributes["data-result"], False)
    ]
    shown += [_number(e.text) for e in page.with_attribute("data-result-n")]
    numbers = [number for number in shown if number is not None]
    assert len(numbers) > 20
    assert [n for n in numbers if 1 <= n < MIN_COUNT] == []


def test_every_suppressed_row_on_the_page_says_suppressed(page, results):
    hidden = set(results.loc[results["warning"] == "suppressed", "id"])
    texts = [e.text.strip() for e in page.with_attribute("data-result") if e.attributes["data-result"] in hidden]
    assert len(texts) > 50
    assert set(texts) == {"suppressed"}


def test_the_page_says_which_counts_are_suppressed(page):
    assert f"Counts below {MIN_COUNT}" in page.by_id("methods").text


def test_curves_draw_no_step_that_was_dropped(study, results):
    """In a path, V is a fall of the curve: each needs a step with survival of its own in the results."""

    def falls(frame: pd.DataFrame) -> int:
        drawn = [svg for name, svg in figures(study, frame).items() if name.startswith("km-")]
        return sum(path.count("V") for svg in drawn for path in re.findall(r' d="([^"]*)"', svg))

    kept = results[(results["variable"] == "km") & (results["statistic"] == "survival") & results["value"].lt(1)]
    assert falls(sample_results()) > 20
    assert falls(results) <= len(kept)
