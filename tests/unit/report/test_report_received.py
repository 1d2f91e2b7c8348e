"""Treatment received and adverse events on the page. Oracle: the rows of the results, and what was recorded of whom."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest

from analysis.report.page import render
from analysis.stats.disclosure import suppress
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.received import receiving_results, receiving_study
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study


def _read(results: pd.DataFrame, looked: bool = True, **changes: object) -> PageReader:
    return PageReader(render(receiving_study(looked), results, quality(), provenance(**changes), None))


@cache
def _page(looked: bool = True) -> PageReader:
    return _read(receiving_results(receiving_study(looked)), looked)


def _section(page: PageReader, name: str) -> list[Element]:
    return [e for e in page.elements if any(a.attributes.get("id") == name for a in e.ancestors())]


def _shown(page: PageReader, name: str) -> dict[str, str]:
    return {e.attributes["data-result"]: e.text for e in _section(page, name) if "data-result" in e.attributes}


@pytest.mark.parametrize("parameter", ["treatment", "adverse_events"])
def test_every_figure_by_arm_stands_in_its_section(parameter: str) -> None:
    """Beside a count or mean that is NE its share or spread would be a second NE for one reason."""
    results = receiving_results(receiving_study())
    mine = results[(results["parameter"] == parameter) & results["group"].str.startswith("Arm")]
    shown = _shown(_page(), parameter)
    assert len(mine) > 40
    needed = mine[~mine["statistic"].isin(["percent", "sd", "q1", "q3", "max"]) | mine["value"].notna()]
    assert set(needed["id"]) <= set(shown)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("treatment.sessions..Arm 1.mean.", "1.5"),
        ("treatment.material..Arm 1.recorded.", "2"),
        ("treatment.material.drug-beads.Arm 1.count.", "2"),
        ("treatment.material.oil.Arm 1.percent.", "50.0"),
        ("treatment.dose.chemo.Arm 1.median.", "67.5"),
        ("treatment.material.oil.Arm 2.count.", "NE"),
    ],
)
def test_treatment_is_printed_as_it_was_recorded(result: str, text: str) -> None:
    assert _shown(_page(), "treatment")[result] == text


def test_what_is_not_recorded_is_never_printed_as_zero() -> None:
    """Nothing was recorded of the second arm: all of its figures are NE, and of how many is the only number."""
    shown = {k: v for k, v in _shown(_page(), "adverse_events").items() if ".Arm 2." in k}
    assert {v for k, v in shown.items() if ".recorded." in k} == {"0"}
    assert {v for k, v in shown.items() if ".recorded." not in k} == {"NE"}
    text = " ".join(e.text for e in _section(_page(), "adverse_events") if e.tag == "li")
    assert "NE, not estimable: not recorded" in text


def test_a_recorded_absence_is_a_zero_with_its_number() -> None:
    shown = _shown(_page(), "adverse_events")
    assert shown["adverse_events.belly-pain.any.Arm 1.count."] == "0"
    assert shown["adverse_events.belly-pain..Arm 1.recorded."] == "2"


def test_without_a_sign_that_someone_looked_there_are_counts_and_no_shares() -> None:
    shown = _shown(_page(looked=False), "adverse_events")
    assert shown["adverse_events.fever.any.Arm 1.count."] == "2"
    assert not [k for k in shown if ".percent." in k]
    assert any(e.tag == "p" and "no shares" in e.text for e in _section(_page(looked=False), "adverse_events"))


def test_a_study_with_no_record_at_all_says_that_it_is_not_zero() -> None:
    page = PageReader(render(sample_study(), sample_results(), quality(), provenance(), None))
    assert "Nothing is recorded of adverse events." in page.by_id("adverse_events").text
    assert "%" not in page.by_id("adverse_events").text
    assert set(_shown(page, "adverse_events").values()) == {"0"}


def test_read_with_care_says_of_how_many_anything_is_known() -> None:
    (sentence,) = [e.text for e in _page().all("li") if e.text.startswith("Anything on adverse events")]
    assert sentence == (
        "Anything on adverse events is recorded of 3 subjects of 8; of the others it is not known whether they had any."
    )


def test_nothing_of_it_leaves_where_small_counts_are_suppressed() -> None:
    page = _read(suppress(receiving_results(receiving_study()), 3))
    for name in ("treatment", "adverse_events"):
        assert set(_shown(page, name).values()) == {"suppressed"}
    assert "Nothing is recorded of adverse events" not in page.all("body")[0].text
    assert not [e for e in page.all("li") if e.text.startswith("Anything on adverse events")]


def test_masked_or_not_asked_for_there_is_no_such_section() -> None:
    study = made_study()
    for page in (
        _read(receiving_results(receiving_study()), state="MASKED"),
        PageReader(render(study, made_results(study), quality(), provenance(), None)),
    ):
        ids = {e.attributes["id"] for e in page.with_attribute("id")}
        assert ids.isdisjoint({"treatment", "adverse_events"})
        assert "methods" in ids
        assert all(a.attributes["href"].removeprefix("#") in ids for a in page.all("a"))


def test_the_methods_say_how_both_are_counted() -> None:
    said = _page().by_id("methods").text
    for words in ("the worst grade counts", "“ward round” shows that someone looked", "chemo (in mg)", "Days between"):
        assert words.casefold() in said.casefold()
    assert "shares" in _page(looked=False).by_id("methods").text
