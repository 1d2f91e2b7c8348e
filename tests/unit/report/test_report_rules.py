"""What docs/rules.md asks of the page itself. Oracle: the study file and the rows of the results."""

from __future__ import annotations

import pytest

from analysis.report.page import render
from analysis.study.model import Study
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study


def _with_response(**changed: object) -> Study:
    study = sample_study()
    assert study.response is not None
    told = study.study.model_copy(update={"remarks": ()})  # the sample says the same in a remark of its own
    return study.model_copy(update={"study": told, "response": study.response.model_copy(update=changed)})


def _text(study: Study) -> str:
    return PageReader(render(study, sample_results(), quality(), provenance(), None)).all("body")[0].text


@pytest.mark.parametrize(("criteria", "said"), [("mRECIST", True), ("RECIST 1.1", False)])
def test_the_page_says_what_mrecist_was_made_for(criteria: str, said: bool) -> None:
    assert ("made for hypervascular liver cancer" in _text(_with_response(criteria=criteria))) == said


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("recorded", "mRECIST as recorded"),
        ("derived", "mRECIST derived from lesion measurements"),
        ("recorded-then-derived", "mRECIST as recorded, else derived from lesion measurements"),
    ],
)
def test_the_page_says_where_the_response_is_from(source: str, words: str) -> None:
    text = " ".join(_text(_with_response(source=source)).split())
    assert f"{words} by " in text


def test_every_variable_of_table_1_shows_how_many_are_missing() -> None:
    study = sample_study()
    page = PageReader(render(study, sample_results(), quality(), provenance(), None))
    shown = {e.attributes["data-result"] for e in page.with_attribute("data-result")}
    asked = {f"baseline.{name}..{arm.label}.missing." for name in study.covariate for arm in study.arm}
    assert len(asked) == 14
    assert asked <= shown


@pytest.mark.parametrize(("arms", "stands"), [(2, True), (3, True), (8, False)])
def test_table_1_has_a_column_of_all_subjects_beside_two_or_three_arms(arms: int, stands: bool) -> None:
    study = made_study(arms=arms)
    results = made_results(study, subjects=12)
    page = PageReader(render(study, results, quality(), provenance(), None))
    shown = {e.attributes["data-result"] for e in page.with_attribute("data-result")}
    everyone = results[(results["parameter"] == "baseline") & (results["group"] == "total")]
    counts = set(everyone.loc[everyone["statistic"] == "count", "id"])
    assert len(counts) > 2
    assert bool(counts & shown) == stands
    assert len([head for head in page.all("th") if head.text == "All"]) == stands
