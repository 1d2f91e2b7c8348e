"""Every sensitivity analysis beside the primary one. Oracle: the rows of the results; a set that changes nothing of a
figure prints what the primary analysis prints."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest

from analysis.report.page import figures, render
from analysis.stats.disclosure import suppress
from analysis.study.model import Study
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study

GROUP = "DEB-TACE vs cTACE"


def _read(results: pd.DataFrame, study: Study | None = None) -> PageReader:
    return PageReader(render(study or sample_study(), results, quality(), provenance(), None))


def _section(page: PageReader) -> list[Element]:
    return [e for e in page.elements if any(a.attributes.get("id") == "sensitivity" for a in e.ancestors())]


def _shown(page: PageReader) -> dict[str, str]:
    return {e.attributes["data-result"]: e.text for e in _section(page) if "data-result" in e.attributes}


@cache
def _sample() -> dict[str, str]:
    return _shown(_read(sample_results()))


def test_every_estimate_of_every_set_stands_in_the_section() -> None:
    results = sample_results()
    beyond = results["variable"].str.contains("_median|_survival") | results["variable"].isin(["orr", "dcr"])
    mine = results[results["parameter"].str.startswith("sensitivity:") & beyond]
    mine = mine[mine["statistic"].isin(["estimate", "survival", "percent", "difference", "p"])]
    assert len(mine) == 4 * (2 * 2 * 3 + 2 * (2 + 2))  # sets; endpoints, arms, measures; rates, arms, difference and P
    assert set(mine["id"]) <= set(_sample())


@pytest.mark.parametrize("arm", ["DEB-TACE", "cTACE"])
@pytest.mark.parametrize("endpoint", ["PFS", "OS"])
def test_other_ties_leave_medians_and_survival_as_in_the_primary_line(endpoint: str, arm: str) -> None:
    shown, other = _sample(), "sensitivity:breslow"
    median = shown[f"{endpoint}.median..{arm}.estimate.km_log_log"]
    assert median == shown[f"{other}.{endpoint}_median..{arm}.estimate.km_log_log"]
    for time in (6, 12):
        survival = shown[f"{endpoint}.landmark.{time}.{arm}.survival."]
        assert survival == shown[f"{other}.{endpoint}_survival.{time}.{arm}.survival.km_log_log"]


@pytest.mark.parametrize("rate", ["orr", "dcr"])
def test_and_the_rates_with_their_difference(rate: str) -> None:
    shown, other = _sample(), "sensitivity:breslow"
    for row in (".DEB-TACE.percent.", f".{GROUP}.difference.miettinen_nurminen", f".{GROUP}.p.fisher"):
        assert shown[f"response.{rate}.{row}"] == shown[f"{other}.{rate}.{row}"]


def test_a_rate_stands_with_the_number_it_is_a_share_of() -> None:
    page = _read(sample_results())
    cells = [e.text for e in _section(page) if e.tag == "td" and " % of " in e.text]
    assert cells[0] == "36.4 % of 11"


def test_a_set_that_was_not_derived_says_so_and_draws_nothing() -> None:
    figure = PageReader(figures(sample_study(), sample_results())["sensitivity-response"])
    assert len(figure.all("circle")) == 2 * 2  # two rates, two of five analyses with figures
    assert (
        "NE, not estimable: the data of this set were not derived" in _read(sample_results()).by_id("sensitivity").text
    )


def test_suppressed_rows_are_said_to_be() -> None:
    page = _shown(_read(suppress(sample_results(), 3)))
    sets = {k: v for k, v in page.items() if k.startswith("sensitivity:") and ("_median." in k or ".orr." in k)}
    assert sets
    assert set(sets.values()) == {"suppressed"}


@pytest.mark.parametrize("asked", [{}, {"median": True}, {"response": True}])
def test_only_what_the_study_asks_for_stands_there(asked: dict[str, bool]) -> None:
    sets = [{"id": "breslow", "set": {"ties": "breslow"}}]
    study = made_study(arms=3, analysis={"release": "open", "sensitivity": sets, "side_by_side": asked})
    page = _read(made_results(study), study)
    headings = {e.text for e in page.all("h3") if e.text.endswith("side by side")}
    wanted = {"Overall survival, side by side"} if "median" in asked else set()
    assert headings == (wanted | {"Response, side by side"} if "response" in asked else wanted)
    measures = {row.rpartition(".")[0] for row in _shown(page) if "OS_median" in row or ".orr." in row}
    assert bool(measures) == bool(asked)
