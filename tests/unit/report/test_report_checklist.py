"""The reporting checklist on the page. Oracles: the numbering of STROBE and RECORD, and the page itself: what an item
points to has to be there.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from analysis.report.page import render
from analysis.report.sections.checklist import AUTHORS, HERE, LOCKED, PARTLY, RECORD, STROBE, TITLES
from analysis.study.model import Study
from analysis.study.supplement import Supplement
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study


def page(study: Study | None = None, **changes: Any) -> str:
    return render(study or sample_study(), sample_results(), quality(), provenance(**changes), None)


def rows(text: str) -> dict[str, tuple[str, str]]:
    """State, and what is printed beside it, by item."""
    part = text[text.index('<section id="checklist"') :].split("</section>")[0]
    found = re.findall(
        r'<tr><th scope="row">([^<]+)</th><td>[^<]*</td><td class="whole">([^<]+)</td><td>(.*?)</td></tr>', part, re.S
    )
    return {number: (state, beside) for number, state, beside in found}


def test_every_item_of_both_lists_has_a_line() -> None:
    strobe = {re.sub(r"[a-e]$", "", item.number) for item in STROBE}
    assert strobe == {str(n) for n in range(1, 23)}
    record = ["1.1-1.3", "6.1", "6.2", "6.3", "7.1", "12.1", "12.2", "12.3", "13.1", "19.1", "22.1"]
    assert [item.number for item in RECORD] == record
    assert list(rows(page())) == [item.number for item in (*STROBE, *RECORD)]


@pytest.mark.parametrize("state", ["DRAFT", "MASKED", "SIGNED"])
def test_what_an_item_points_to_is_on_the_page(state: str) -> None:
    text = page(state=state)
    reader = PageReader(text)
    there = {element.attributes["id"] for element in reader.elements if "id" in element.attributes}
    pointed = {link for _, beside in rows(text).values() for link in re.findall(r'href="#([^"]+)"', beside)}
    assert pointed
    assert pointed <= there & TITLES.keys()


def test_what_no_run_can_know_is_left_to_the_authors() -> None:
    found = rows(page())
    assert found["22"] == (AUTHORS, "To be added: funding.")
    assert found["13"][0] == HERE
    assert found["5"][0] == PARTLY
    assert "Index dates 1 May 2018 to 31 July 2020, data until 31 December 2020." in found["5"][1]
    assert "synthetic records" in found["1.1-1.3"][1].casefold()


def test_a_locked_study_points_to_no_comparison() -> None:
    found = rows(page(state="MASKED"))
    assert found["16"][0] == LOCKED
    assert "href" not in found["16"][1]


def test_an_adjusted_model_is_named_by_its_variables() -> None:
    study = sample_study()
    without = study.model_copy(
        update={"analysis": study.analysis.model_copy(update={"cox": type(study.analysis.cox)()})}
    )
    assert "Adjusted for age, sex, Child-Pugh class" in rows(page())["12a"][1]
    assert "No adjusted model was asked for." in rows(page(without))["12a"][1]


def test_a_study_that_joins_chart_review_says_so_at_both_items_of_linkage() -> None:
    review = {"file": "review.csv", "closed": "2021-01-01", "variable": {"note": {"list": "note", "type": "boolean"}}}
    joined = sample_study().model_copy(update={"supplement": Supplement.model_validate(review)})
    for item in ("6.3", "12.3"):
        assert rows(page())[item][1] == "Nothing is linked: each site stands for itself."
        assert rows(page(joined))[item][1] == "A file of chart review is joined to the record of the same site."


def test_a_weighted_study_points_to_its_weighting() -> None:
    study = sample_study()
    plain = study.model_copy(update={"analysis": study.analysis.model_copy(update={"weighting": None})})
    weighted, without = rows(page()), rows(page(plain))
    assert "Weighted by propensity scores." in weighted["12a"][1]
    assert "Weighted" not in without["12a"][1]
    for item in ("12a", "16"):
        assert 'href="#weighting"' in weighted[item][1]
        assert 'href="#weighting"' not in without[item][1]
