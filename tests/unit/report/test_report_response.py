"""The response on the page: which method a difference is of, and the tables under it.

Oracle: the results frame; agreement as `tests/golden` holds it stands in the frame already.
"""

from __future__ import annotations

import re
from functools import cache

import pandas as pd
import pytest

from analysis.report.page import render
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study


@cache
def _sample() -> PageReader:
    return PageReader(render(sample_study(), sample_results(), quality(), provenance(), None))


def _ids(page: PageReader) -> set[str]:
    return {element.attributes["data-result"] for element in page.with_attribute("data-result")}


@pytest.mark.parametrize("rate", ["orr", "dcr"])
def test_a_difference_is_of_all_subjects_and_not_of_the_sites(rate: str) -> None:
    """The sample has one site: the difference the sites have in common is NE, that of all subjects is not."""
    shown = _ids(_sample())
    group = "DEB-TACE vs cTACE"
    assert f"response.{rate}..{group}.difference.miettinen_nurminen" in shown
    assert f"response.{rate}..{group}.difference.mantel_haenszel_rd" not in shown
    assert f"response.{rate}..{group}.p.cmh" in shown  # its reason stands under its own heading
    assert "all subjects are of one site" in _sample().all("body")[0].text


def test_what_the_sites_have_in_common_has_a_line_for_each_rate() -> None:
    results = sample_results()
    group, values = "DEB-TACE vs cTACE", {"p.cmh": 0.25, "chi2.cmh": 1.32, "odds_ratio.mantel_haenszel_or": 2.5}
    for name, value in values.items():
        row = results["id"] == f"response.orr..{group}.{name}"
        assert row.sum() == 1
        results.loc[row, ["value", "warning"]] = [value, ""]
    page = PageReader(render(sample_study(), results, quality(), provenance(), None))
    shown = {e.attributes["data-result"]: e.text for e in page.with_attribute("data-result")}
    assert {name: shown[f"response.orr..{group}.{name}"] for name in values} == {
        "p.cmh": "0.250", "chi2.cmh": "1.32", "odds_ratio.mantel_haenszel_or": "2.500"
    }  # fmt: skip


def test_every_row_of_agreement_and_imaging_stands_on_the_page() -> None:
    """The standard error aside, which the interval says. The numbers are made up: the frames hold one reader."""
    results = sample_results()
    mine = results["parameter"].isin(["agreement", "imaging"])
    results.loc[mine, ["value", "warning"]] = [0.5, ""]
    wanted = set(results.loc[mine & (results["statistic"] != "se"), "id"])
    assert len(wanted) > 40
    page = PageReader(render(sample_study(), results, quality(), provenance(), None))
    assert wanted - _ids(page) == set()


def test_record_against_supplement_stands_with_the_other_pairs() -> None:
    """The rows of the readers under the name of the other pair, since the sample has no supplement."""
    results = sample_results()
    pair = results[(results["parameter"] == "agreement") & (results["variable"] == "readers")]
    alone = pair[pair["level"] == "agree"]
    extra = [
        alone.assign(level=name, id=alone["id"].str.replace("agree.", f"{name}."))
        for name in ("only_record", "only_supplement")
    ]
    named = pd.concat([pair, *extra]).assign(variable="record_supplement_response")
    named["id"] = named["id"].str.replace("readers", "record_supplement_response")
    named[["value", "warning"]] = [0.5, ""]
    text = render(sample_study(), pd.concat([results, named]), quality(), provenance(), None)
    assert "Assessments: record against supplement" in text
    wanted = set(named.loc[named["statistic"] != "se", "id"])
    assert len(wanted) > 25
    assert wanted - _ids(PageReader(text)) == set()


def test_a_study_without_readers_has_no_table_of_agreement() -> None:
    study = made_study()
    text = render(study, made_results(study), quality(), provenance(), None)
    assert "<h3>Agreement</h3>" not in text


def test_a_masked_page_tells_nothing_of_the_response() -> None:
    results: pd.DataFrame = sample_results()
    text = render(sample_study(), results, quality(), provenance(state="MASKED"), None)
    assert 'data-result="agreement.' not in text
    assert 'data-result="imaging.' not in text


def test_a_kappa_without_an_interval_says_ne_once() -> None:
    """Where all pairs agree kappa is 1 and its standard error 0, so that the limits are NE."""
    results = sample_results()
    kappa = (results["parameter"] == "agreement") & (results["variable"] == "readers")
    limits = kappa & results["statistic"].isin(["lower", "upper"])
    results.loc[kappa & (results["statistic"] == "kappa"), ["value", "warning"]] = [1.0, ""]
    results.loc[limits, ["value", "warning"]] = [None, "NE: all pairs agree"]
    page = PageReader(render(sample_study(), results, quality(), provenance(), None))
    inside = {
        id(a)
        for e in page.with_attribute("data-result")
        if "readers..total.kappa" in e.attributes["data-result"]
        for a in e.ancestors()
    }
    cells = [e.text for e in page.all("td") if id(e) in inside]
    assert len(cells) == limits.sum() / 2 == 3
    assert {re.sub(r"(?<=NE)[a-z]+", "", cell) for cell in cells} == {"1.000 (NE)"}
