"""Weighting on the page. Oracle: the rows of the results; what stands beside what follows from their ids."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest

from analysis.report.figures.love_plot import Balance, love_plot, shape
from analysis.report.page import render
from analysis.stats.disclosure import suppress
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study

GROUP = "DEB-TACE vs cTACE"


@cache
def _page() -> PageReader:
    return PageReader(render(sample_study(), sample_results(), quality(), provenance(), None))


def _section(page: PageReader) -> list[Element]:
    return [e for e in page.elements if any(a.attributes.get("id") == "weighting" for a in e.ancestors())]


def _ids(page: PageReader) -> set[str]:
    return {e.attributes["data-result"] for e in _section(page) if "data-result" in e.attributes}


def test_every_difference_of_the_balance_stands_in_the_table() -> None:
    results = sample_results()
    of = results["parameter"].str.startswith("weighting:") & (results["variable"] == "balance")
    smd = results[of & (results["statistic"] == "smd")]
    weighted = set(smd.loc[smd["method"] == "weighted", "id"])
    before = {one for one in smd["id"] if one.startswith("weighting:ATE") and one.endswith("unweighted")}
    assert len(weighted) > 40
    assert weighted | before <= _ids(_page())


def test_a_weighted_ratio_stands_beside_the_unweighted_one_with_its_e_value() -> None:
    shown = _ids(_page())
    for endpoint in ("PFS", "OS"):
        assert f"{endpoint}.cox_univariate.treatment=DEB-TACE.{GROUP}.hr.efron" in shown
        for estimand in ("ATE", "ATT", "ATO"):
            assert f"weighting:{estimand}.{endpoint}..{GROUP}.hr.efron_robust" in shown
            assert f"{endpoint}.e_value.weighting:{estimand}.{GROUP}.limit.common" in shown


def test_effective_sample_sizes_of_each_arm() -> None:
    assert {f"weighting:ATT.weights..{arm}.ess." for arm in ("DEB-TACE", "cTACE")} <= _ids(_page())


def test_a_forced_weighting_says_why_before_any_figure() -> None:
    words = [e for e in _section(_page()) if e.tag in ("p", "svg")]
    plan = sample_study().analysis.weighting
    assert plan is not None
    assert plan.reason is not None
    assert words[0].tag == "p"
    assert plan.reason in words[0].text


def test_without_weighting_or_masked_there_is_no_section() -> None:
    study = made_study()
    assert 'id="weighting"' not in render(study, made_results(study), quality(), provenance(), None)
    masked = provenance(state="MASKED")
    assert 'id="weighting"' not in render(sample_study(), sample_results(), quality(), masked, None)


def test_what_is_not_estimable_draws_no_mark_and_says_why() -> None:
    results: pd.DataFrame = sample_results()
    mine = results["parameter"].str.startswith("weighting:")
    results.loc[mine, ["value", "warning"]] = [None, "NE: the scores separate the arms"]
    page = PageReader(render(sample_study(), results, quality(), provenance(), None))
    assert any("NE, not estimable: the scores separate the arms" in e.text for e in _section(page) if e.tag == "li")


def test_a_mark_lies_at_the_absolute_difference() -> None:
    """0.2 and -0.2 at one place, 0.4 twice as far from zero."""
    rows = [Balance("a", 0.2, ()), Balance("b", -0.2, ()), Balance("c", 0.4, ())]
    page = PageReader(love_plot("l", "Title", "Words", rows, ()))
    first, second, third = (float(e.attributes["cx"]) for e in page.all("circle")[1:])
    zero = float(page.all("line")[1].attributes["x1"])
    assert first == second
    assert abs((third - zero) - 2 * (first - zero)) < 0.05


def test_weightings_differ_by_their_form() -> None:
    assert len({str(shape(k, 0.0, 0.0)) for k in range(4)}) == 4


def _care(results: pd.DataFrame) -> Element:
    page = PageReader(render(sample_study(), results, quality(), provenance(), None))
    return next(e for e in page.all("li") if "Whether P falls below 0.05" in e.text)


def test_read_with_care_says_where_weighting_crosses_alpha() -> None:
    """Oracle: P of the two rows; of the sample's six weighted ratios only PFS in the overlap crosses (0.027, 0.072)."""
    results = sample_results().set_index("id")
    unweighted = results.loc[f"PFS.cox_univariate.treatment=DEB-TACE.{GROUP}.p.efron", "value"]
    assert unweighted < 0.05 < results.loc[f"weighting:ATO.PFS..{GROUP}.p.efron_robust", "value"]
    said = _care(sample_results()).text
    assert "depends on the method and on the weighting: " in said
    assert "PFS, P 0.027 unweighted but 0.072 weighted to the overlap (ATO)" in said
    assert said.count("unweighted but") == 1
    assert "(ATE)" not in said


def test_a_weighted_p_that_is_not_there_crosses_nothing() -> None:
    results = sample_results()
    gone = results["id"] == f"weighting:ATO.PFS..{GROUP}.p.efron_robust"
    results.loc[gone, ["value", "warning"]] = [None, "suppressed"]
    assert "weighting" not in _care(results).text


def _rows_of(results: pd.DataFrame, variable: str) -> pd.DataFrame:
    weighted = results["parameter"].isin(["weighting:ATE", "weighting:ATT", "weighting:ATO", "propensity"])
    return results[weighted & (results["variable"] == variable) & results["statistic"].isin(["count", "survival"])]


def _svg(page: PageReader, title: str) -> list[Element]:
    return [e for e in _section(page) if e.tag == "svg" and title in e.text]


def test_each_class_of_scores_stands_in_the_table_and_is_a_bar_of_its_height() -> None:
    counts = _rows_of(sample_results(), "histogram")
    assert set(counts["id"]) <= _ids(_page())
    (figure,) = _svg(_page(), "Propensity scores by arm")
    drawn = [e.attributes for e in _section(_page()) if e.tag == "rect" and figure in e.ancestors()]
    tall = [float(bar["height"]) for bar in drawn if float(bar["width"]) > 10]  # a narrow one is an arm's marker
    held = [float(n) for arm in ("DEB-TACE", "cTACE") for n in counts.loc[counts["group"] == arm, "value"] if n]
    assert len(tall) == len(held)
    scale = tall[0] / held[0]
    assert all(abs(height - scale * count) < 0.02 for height, count in zip(tall, held, strict=True))


def test_weighted_curves_hold_their_rows_beside_the_unweighted_ones() -> None:
    for endpoint in ("PFS", "OS"):
        curve = _rows_of(sample_results(), f"{endpoint}_km")
        assert curve.groupby(["parameter", "group"]).ngroups == 6
        assert set(curve["id"]) <= _ids(_page())
    figures = _svg(_page(), "Kaplan-Meier weighted to")
    assert len(figures) == 6
    for figure in figures:
        drawn = [e for e in _section(_page()) if e.tag == "path" and figure in e.ancestors()]
        assert [e.attributes.get("opacity") for e in drawn] == ["0.5", "0.5", None, None]


def test_a_hidden_count_takes_the_figure_and_dropped_rows_the_curves() -> None:
    results = suppress(sample_results(), 3)
    assert not len(_rows_of(results, "PFS_km"))
    page = PageReader(render(sample_study(), results, quality(), provenance(), None))
    assert not _svg(page, "Propensity scores by arm")
    assert not _svg(page, "Kaplan-Meier weighted to")
    cells = [e for e in _section(page) if e.attributes.get("data-result", "").startswith("propensity.histogram")]
    assert len(cells) == 20
    assert {e.text for e in cells} == {"suppressed"}


FORCED = "forced with fewer than 10 subjects a term"


@pytest.mark.parametrize("left", [0, 1])
def test_force_is_spoken_of_only_where_a_released_row_needed_it(left: int) -> None:
    """The sample says ``force``; of its rows all, or all but one, lose the warning that says it was needed."""
    results = sample_results()
    warned = results.index[results["warning"].str.contains(FORCED)]
    assert len(warned) > 200
    results.loc[warned[left:], "warning"] = ""
    page = PageReader(render(sample_study(), results, quality(), provenance(), None))
    said = [e for e in _section(page) if e.tag == "p" and e.text.startswith("Forced with fewer subjects a term")]
    assert len(said) == left
