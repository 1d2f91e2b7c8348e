"""Page and results hold the same numbers.

Oracle: the results frame itself. A printed number must lie within half a unit of its last printed digit of the value in
the row its ``data-result`` names, whatever way it was formatted.
"""

from __future__ import annotations

import math
import re
from functools import cache

import pandas as pd
import pytest

from analysis.report.page import render
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study


@cache
def _pages() -> dict[str, tuple[pd.DataFrame, PageReader]]:
    made = {"sample": (sample_study(), sample_results())}
    for arms in (2, 3, 8):
        study = made_study(arms=arms)
        made[f"{arms} arms"] = (study, made_results(study, subjects=12))
    lean = made_study(response=False)
    made["no response"] = (lean, made_results(lean))
    bare = made_study(response=False, covariate={}, endpoint=[], analysis={})
    made["flow only"] = (bare, made_results(bare))
    return {
        name: (results, PageReader(render(study, results, quality(), provenance(), None)))
        for name, (study, results) in made.items()
    }


NAMES = ("sample", "2 arms", "3 arms", "8 arms", "no response", "flow only")


def _agrees(text: str, value: float) -> bool:
    """Whether a printed number is the value, at the precision it is printed with."""
    plain = text.replace("\u2212", "-").replace("\u202f", "")
    bound = re.fullmatch(r"([<>]) (-?[0-9.]+)", plain)
    if bound:
        limit = float(bound[2])
        return value < limit if bound[1] == "<" else value > limit
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", plain), f"not a number: {text!r}"
    decimals = len(plain.partition(".")[2])
    return math.isclose(float(plain), value, rel_tol=1e-9, abs_tol=0.5000001 * 10**-decimals)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_on_the_page_is_its_row_of_the_results(name: str) -> None:
    results, page = _pages()[name]
    rows = results.set_index("id")
    shown = page.with_attribute("data-result")
    assert len(shown) > (3 if name == "flow only" else 100)
    for element in shown:
        row = rows.loc[element.attributes["data-result"]]
        if math.isnan(row["value"]):
            assert element.text == "NE"
            assert str(row["warning"]).startswith("NE:")
        else:
            assert _agrees(element.text, row["value"]), (element.attributes["data-result"], element.text, row["value"])


@pytest.mark.parametrize("name", ["sample", "3 arms"])
def test_every_denominator_is_the_n_of_its_row(name: str) -> None:
    results, page = _pages()[name]
    rows = results.set_index("id")
    shown = page.with_attribute("data-result-n")
    assert shown
    for element in shown:
        assert _agrees(element.text, float(rows.loc[element.attributes["data-result-n"], "n"]))


def test_figures_carry_their_numbers_too() -> None:
    _, page = _pages()["sample"]
    in_figures = [e for e in page.with_attribute("data-result") if any(a.tag == "svg" for a in e.ancestors())]
    assert len(in_figures) > 100


@pytest.mark.parametrize("name", NAMES)
def test_nothing_asked_for_was_missing_in_the_results(name: str) -> None:
    """No cell says "not computed": what the page asks for, the statistics give, for any number of arms."""
    _, page = _pages()[name]
    assert [e.text for e in page.elements if e.attributes.get("class") == "absent"] == []
    assert not any("not computed" in e.text for e in page.all("td"))


def test_the_published_p_values_stand_in_the_one_table() -> None:
    """Oracle: the paper (li2023/published.json): 0.018 and 0.040 log-rank, 0.338 and 0.170 Pearson."""
    _, page = _pages()["sample"]
    table = next(e for e in page.all("table") if "outcomes" in e.attributes.get("class", ""))
    for printed in ("0.018", "0.040", "0.338", "0.170", "0.310", "(0.110 to 0.875)", "4 of 11", "(5.6 to 18.4)"):
        assert printed in table.text


def test_primary_and_published_tests_stand_on_their_own_lines() -> None:
    """Oracle: R's fisher.test on 4 of 11 against 2 of 11 gives 0.6351, on 9 against 6 gives 0.3615."""
    _, page = _pages()["sample"]
    table = next(e for e in page.all("table") if "outcomes" in e.attributes.get("class", ""))
    rows = [e for e in page.all("tr") if table in e.ancestors()]
    primary = [r.text for r in rows if r.attributes.get("class") == "primary"]
    published = [r.text for r in rows if r.attributes.get("class") == "published"]
    assert [text.split()[-1] for text in primary] == ["0.018", "0.040", "0.635", "0.361"]
    assert "Fisher" in primary[2]
    assert [text.split()[-1][:5] for text in published] == ["same", "same", "0.338", "0.170"]
    assert "Pearson" in published[2]


def test_each_step_of_a_curve_stands_in_a_table() -> None:
    results, page = _pages()["sample"]
    in_tables = {
        e.attributes["data-result"]
        for e in page.with_attribute("data-result")
        if any(a.tag == "table" for a in e.ancestors())
    }
    steps = results[(results["variable"] == "km") & results["group"].isin(["DEB-TACE", "cTACE"])]
    assert set(steps.loc[steps["statistic"] == "survival", "id"]) <= in_tables
