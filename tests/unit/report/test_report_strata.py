"""Comparisons within strata and with a robust variance on the page. Oracle: the rows of the results."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from analysis.report.page import figures, render
from analysis.stats.disclosure import suppress
from analysis.study.model import Study
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study


def asking(arms: int = 2, **survival: Any) -> Study:
    """A study with its arms compared as ``survival`` says."""
    return made_study(arms=arms, analysis={"release": "open", "survival": survival})


@cache
def _page(arms: int = 2, state: str = "DRAFT") -> PageReader:
    study = asking(arms, strata=["sex"], cluster="subject")
    return PageReader(render(study, made_results(study), quality(), provenance(state=state), None))


def _section(page: PageReader) -> list[Element]:
    return [e for e in page.elements if any(a.attributes.get("id") == "models" for a in e.ancestors())]


def _shown(page: PageReader) -> set[str]:
    return {e.attributes["data-result"] for e in _section(page) if "data-result" in e.attributes}


@pytest.mark.parametrize("arms", [2, 3])
def test_every_figure_of_each_comparison_stands_under_the_models(arms: int) -> None:
    results = made_results(asking(arms, strata=["sex"], cluster="subject"))
    mine = results[results["variable"].isin(["cox_stratified", "cox_robust", "logrank_stratified"])]
    printed = mine[mine["statistic"].isin(["hr", "lower", "upper", "p", "chi2", "n", "events"])]
    assert len(printed) == (arms - 1) * (4 + 2 + 4 + 2)
    assert set(printed["id"]) <= _shown(_page(arms))


def test_a_robust_variance_leaves_the_ratio_and_stands_beside_the_plain_one() -> None:
    shown = {e.attributes["data-result"]: e.text for e in _section(_page()) if "data-result" in e.attributes}
    plain = "OS.cox_univariate.treatment=Arm 1.Arm 1 vs Arm 2.hr.efron"
    assert shown["OS.cox_robust.treatment=Arm 1.Arm 1 vs Arm 2.hr.efron_subject"] == shown[plain]


def test_the_forest_has_a_row_for_each_with_both_tests() -> None:
    study = asking(strata=["sex"], cluster="subject")
    read = PageReader(figures(study, made_results(study))["strata-os-0"])
    words = [e.text for e in read.all("text")]
    for label in ("Treatment alone", "Within strata of sex", "Robust variance, by subject", "Log-rank P"):
        assert label in words
    assert "not computed" not in words  # a robust variance has no log-rank test, and its row no word of one


def test_few_clusters_and_one_site_say_so() -> None:
    """All of one site: no robust variance, and the reason stands under the table."""
    study = asking(cluster="site")
    page = PageReader(render(study, made_results(study), quality(), provenance(), None))
    assert any("a robust variance needs two clusters or more" in e.text for e in _section(page) if e.tag == "li")
    assert not [e for e in page.all("th") if e.text.startswith("Within strata")]


def test_suppressed_comparisons_say_so() -> None:
    study = asking(strata=["sex"], cluster="subject")
    page = PageReader(render(study, suppress(made_results(study), 3), quality(), provenance(), None))
    mine = {
        e.text for e in _section(page) if ".cox_stratified." in e.attributes.get("data-result", "") and e.tag == "span"
    }
    assert mine == {"suppressed"}


def test_masked_or_not_asked_for_there_is_none() -> None:
    for page in (
        _page(state="MASKED"),
        PageReader(render(sample_study(), sample_results(), quality(), provenance(), None)),
    ):
        assert not [e for e in page.all("h4") if "strata" in e.text]
        assert not [e for e in page.with_attribute("data-result") if "_robust." in e.attributes["data-result"]
                    and not e.attributes["data-result"].startswith("weighting:")]  # fmt: skip


def test_the_methods_say_how() -> None:
    said = _page().by_id("methods").text
    assert "Within strata of sex: in the log-rank test observed minus expected" in said
    assert "sandwich" in said
