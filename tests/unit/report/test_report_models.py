"""The table that holds each term alone beside all terms in one model. Oracle: the rows of the results."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.report.page import render
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.report_inputs import provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study

COVARIATES = len(sample_study().covariate)


def _nearest(cell: Element, tag: str) -> Element | None:
    return next((element for element in cell.ancestors() if element.tag == tag), None)


def _lines(results: pd.DataFrame) -> list[list[str]]:
    """Of each line of such a table the results it prints, in order; the endpoints one after the other."""
    page = PageReader(render(sample_study(), results, quality(), provenance(), None))
    lines: dict[int, list[str]] = {}
    for cell in page.with_attribute("data-result"):
        row, table = _nearest(cell, "tr"), _nearest(cell, "table")
        if row is not None and table is not None and table.attributes.get("class") == "beside":
            lines.setdefault(id(row), []).append(cell.attributes["data-result"])
    return list(lines.values())


def test_a_line_holds_one_term_alone_and_then_in_the_model() -> None:
    lines = _lines(sample_results())
    assert len(lines) == len(sample_study().endpoint) * (COVARIATES + 1)
    for line in lines:
        variables = [name.split(".")[1] for name in line]
        assert variables == sorted(variables, reverse=True), "univariate before adjusted"
        assert len({(name.split(".")[0], name.split(".")[2]) for name in line}) == 1, "one endpoint, one term"
        assert {name.split(".")[4] for name in line if ".cox_univariate." in name} >= {"n", "events", "hr", "p"}


def test_n_and_events_of_the_model_stand_once_in_the_caption() -> None:
    page = PageReader(render(sample_study(), sample_results(), quality(), provenance(), None))
    captions = [c.text for c in page.all("caption") if c.text.startswith("Each term alone, and all terms")]
    assert captions == [
        f"Each term alone, and all terms in one model of 22 subjects with {events} events; Efron ties."
        for events in (18, 12)
    ]


@pytest.mark.parametrize("absent", ["cox_univariate", "cox_adjusted"])
def test_one_model_alone_keeps_a_table_of_its_own(absent: str) -> None:
    results = sample_results()
    results = results[results["variable"] != absent]
    assert _lines(results) == []
    page = PageReader(render(sample_study(), results, quality(), provenance(), None))
    shown = {e.attributes["data-result"] for e in page.with_attribute("data-result")}
    present = ({"cox_univariate", "cox_adjusted"} - {absent}).pop()
    mine = results[(results["variable"] == present) & (results["statistic"] == "hr") & (results["method"] == "efron")]
    assert len(mine) == 2 * (COVARIATES + 1)
    assert set(mine["id"]) <= shown


def test_a_term_outside_the_adjusted_model_leaves_its_cells_empty() -> None:
    results = sample_results()
    gone = (results["variable"] == "cox_adjusted") & results["level"].str.startswith("ecog")
    lines = _lines(results[~gone])
    assert len(lines) == len(sample_study().endpoint) * (COVARIATES + 1)
    ecog = [line for line in lines if ".ecog." in line[0]]
    assert len(ecog) == 2
    assert all(".cox_univariate." in name for line in ecog for name in line)
