"""Strata and robust variance on the page. Oracle: the rows of the results, by their ids."""

from __future__ import annotations

from functools import cache

import pandas as pd

from analysis.report.page import render
from analysis.stats.disclosure import suppress
from analysis.stats.results import analyse
from analysis.study.model import Study
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.report_inputs import provenance, quality
from tests.fixtures.sample_frames import sample_frames, sample_results, sample_study

GROUP = "DEB-TACE vs cTACE"
NAME = "within strata and with robust variance"


def _study() -> Study:
    written = sample_study().model_dump(mode="json", by_alias=True, exclude_unset=True)
    written["analysis"]["survival"] = {"strata": ["child_pugh"], "cluster": "subject"}
    return Study.model_validate(written)


@cache
def _results() -> pd.DataFrame:
    f = sample_frames()
    return analyse(_study(), f.adsl, f.adrs, f.adtte, f.analysis_table)


def _tables(study: Study, results: pd.DataFrame, **changes: object) -> list[Element]:
    page = PageReader(render(study, results, quality(), provenance(**changes), None))
    return [e for e in page.elements if any(NAME in a.attributes.get("aria-label", "") for a in e.ancestors())]


def test_ratio_and_log_rank_within_strata_stand_beside_those_without() -> None:
    found = _tables(_study(), _results())
    ids = {e.attributes["data-result"] for e in found if "data-result" in e.attributes}
    for endpoint in ("PFS", "OS"):
        for variable, method in (("univariate", "efron"), ("stratified", "efron"), ("robust", "efron_subject")):
            for statistic in ("hr", "lower", "upper", "p"):
                assert f"{endpoint}.cox_{variable}.treatment=DEB-TACE.{GROUP}.{statistic}.{method}" in ids
        for test in ("logrank", "logrank_stratified"):
            assert {f"{endpoint}.{test}..{GROUP}.{s}.logrank" for s in ("chi2", "p")} <= ids
    heads = [e.text for e in found if e.tag == "th" and e.attributes["scope"] == "row"]
    assert heads == ["Without strata", "Within strata of Child-Pugh class", "Robust variance over subjects"] * 2


def test_a_study_that_asks_for_neither_has_no_such_table() -> None:
    assert not _tables(sample_study(), sample_results())


def test_nothing_of_it_is_shown_with_suppression_or_while_masked() -> None:
    shown = _tables(_study(), suppress(_results(), 2))
    cells = [e for e in shown if "cox_stratified" in e.attributes.get("data-result", "")]
    assert cells
    assert {e.text for e in cells} == {"suppressed"}
    assert not _tables(_study(), _results(), state="MASKED")
