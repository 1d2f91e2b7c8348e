"""The bootstrap of the stepwise choice on the page. Oracle: the rows of the results."""

from __future__ import annotations

from functools import cache

import pandas as pd

from analysis.report.page import render
from analysis.stats.disclosure import suppress
from analysis.study.model import Study
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality


def asking(**stepwise: object) -> Study:
    """A study whose stepwise choice is made again in ten resamples."""
    cox = {"adjust": ["age", "sex"], "stepwise": {"bootstrap": {"resamples": 10}, **stepwise}}
    return made_study(analysis={"release": "open", "cox": cox})


@cache
def _results() -> pd.DataFrame:
    return made_results(asking())


def _page(results: pd.DataFrame, state: str = "DRAFT") -> PageReader:
    return PageReader(render(asking(), results, quality(), provenance(state=state), None))


def _mine(results: pd.DataFrame) -> pd.DataFrame:
    return results[results["variable"] == "stepwise_bootstrap"]


def _shown(page: PageReader) -> dict[str, Element]:
    found = [e for e in page.elements if ".stepwise_bootstrap." in e.attributes.get("data-result", "")]
    assert all(any(a.attributes.get("id") == "models" for a in e.ancestors()) for e in found)
    return {e.attributes["data-result"]: e for e in found}


def _changed(statistic: str, value: float) -> pd.DataFrame:
    results = _results().copy()
    at = (results["variable"] == "stepwise_bootstrap") & (results["statistic"] == statistic)
    results.loc[at, "value"] = value
    return results


def test_every_percent_and_concordance_stands_under_the_models() -> None:
    rows = _mine(_results())
    printed = rows[rows["statistic"].isin(["percent", "resamples", "concordance", "optimism", "corrected"])]
    assert len(printed) == 2 * (3 + 4)
    shown = _shown(_page(_results()))
    assert set(printed["id"]) == set(shown)
    percents = printed[printed["statistic"] == "percent"]
    assert {i: shown[i].text for i in percents["id"]} == {r.id: f"{r.value:.1f}" for r in percents.itertuples()}


def test_resamples_without_a_fit_and_refusals_are_told_where_there_are_any() -> None:
    plain = _page(_results())
    assert not any("had no fit" in e.text for e in plain.all("p"))
    assert not any(e.text == "Could not enter" for e in plain.all("th"))
    assert any("of which 3 had no fit and are left out" in e.text for e in _page(_changed("no_fit", 3)).all("p"))
    refused = _page(_changed("refused", 2))
    assert [e.text for e in refused.all("th")].count("Could not enter") == 2
    rows = _mine(_results())
    assert set(rows.loc[rows["statistic"] == "refused", "id"]) <= set(_shown(refused))


def test_above_the_limit_the_page_says_why() -> None:
    results = made_results(asking(bootstrap={"limit": 9}))
    page = _page(results)
    assert any("subjects times resamples are above the study's limit of 9" in e.text for e in page.all("li"))
    assert any("the bootstrap of the choice gives no concordance (NE" in e.text for e in page.all("p"))


def test_suppressed_and_masked_show_no_figure_of_it() -> None:
    hidden = _shown(_page(suppress(_results(), 5)))
    assert hidden
    assert {e.text for e in hidden.values()} == {"suppressed"}
    assert not _shown(_page(_results(), state="MASKED"))


def test_without_rows_there_is_no_word_of_it() -> None:
    results = _results()[_results()["variable"] != "stepwise_bootstrap"].reset_index(drop=True)
    text = render(asking(), results, quality(), provenance(), None)
    assert "resamples" not in text.partition('id="models"')[2].partition("</section>")[0]


def test_the_way_of_choosing_is_named_as_at_the_stepwise_tables() -> None:
    page = _page(_results())
    first, other = (
        f"Forward selection, Efron ties, entry by score test, removal by {test}"
        for test in ("likelihood ratio", "Wald's test")
    )
    assert set(_mine(_results())["method"]) == {"efron_lr", "efron_wald"}
    told = next(text for e in page.all("p") if "the whole choice" in (text := " ".join(e.text.split())))
    assert told.startswith(f"{first}: the whole choice was made again")
    assert f". {other}: 10 resamples" in told
    heads = [e.text for e in page.all("th")]
    captions = [" ".join(e.text.split()).partition(" Looked")[0] for e in page.all("caption")]
    for way in (first, other):
        assert f"{way}: chosen, %" in heads
        assert f"{way}." in captions
    assert "Efron lr" not in page.all("body")[0].text
