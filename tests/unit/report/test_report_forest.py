"""The forest plots. Oracle: the squares' sides and the texts follow from the rows by the rules of docs/report.md."""

from __future__ import annotations

import math

import pytest

from analysis.report.figures.forest import ForestRow, described, forest
from analysis.report.page import figures
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.sample_frames import sample_results, sample_study


def _row(hr: float | None, se: float = 0.5, per_unit: bool = False, tests: tuple[str, ...] = ("0.050",)) -> ForestRow:
    lower, upper = (None, None) if hr is None else (hr * math.exp(-1.96 * se), hr * math.exp(1.96 * se))
    return ForestRow(f"Row {hr}", "10 / 5", f"{hr}", hr, lower, upper, 1 / se**2, False, tests, per_unit)


def _drawn(rows: list[ForestRow], **more: object) -> PageReader:
    said = {"confidence": "95 %", **more}
    return PageReader(forest("f", "Title", "Words", rows, ("lower", "higher"), **said))  # type: ignore[arg-type]


def _sides(page: PageReader) -> list[float]:
    return [float(e.attributes["width"]) for e in page.all("rect")]


def test_a_heavier_row_has_the_larger_square() -> None:
    heavy, light = _sides(_drawn([_row(0.8, se=0.2), _row(1.2, se=0.8)]))
    assert heavy > light


def test_a_ratio_for_one_unit_neither_gives_nor_takes_size() -> None:
    """A unit's ratio of a hundred times the weight leaves the squares of the groups as they were."""
    alone = _sides(_drawn([_row(0.8, se=0.2), _row(1.2, se=0.8)]))
    heavy, unit, light = _sides(_drawn([_row(0.8, se=0.2), _row(1.01, se=0.002, per_unit=True), _row(1.2, se=0.8)]))
    assert [heavy, light] == alone
    assert unit == 6


def _texts(page: PageReader) -> list[Element]:
    return page.all("text")


def test_p_stands_in_columns_of_their_own() -> None:
    page = _drawn([_row(0.8, tests=("0.041", "0.042"))], tests=("Cox P", "Log-rank P"))
    ends = {e.text: e.attributes["x"] for e in _texts(page)}
    assert ends["Cox P"] == ends["0.041"]
    assert ends["Log-rank P"] == ends["0.042"]
    assert ends["Cox P"] != ends["Log-rank P"]


def test_the_interval_is_named_by_the_study() -> None:
    assert any(e.text == "HR (90 % interval)" for e in _texts(_drawn([_row(0.8)], confidence="90 %")))


def test_rows_that_cannot_be_drawn_are_still_written() -> None:
    page = _drawn([_row(None), _row(500.0)])
    assert _sides(page) == []  # beyond the axis: an arrow of its interval or nothing, never a square at the edge
    assert {"Row None", "Row 500.0"} <= {e.text for e in _texts(page)}


@pytest.mark.parametrize("beside", [True, False])
def test_variations_are_held_to_the_first_row(beside: bool) -> None:
    page = _drawn([_row(0.8), _row(0.7)], beside=beside)
    dashed = [e for e in page.all("line") if "stroke-dasharray" in e.attributes]
    assert len(dashed) == beside
    if beside:
        square = page.all("rect")[0].attributes
        middle = float(square["x"]) + float(square["width"]) / 2
        assert float(dashed[0].attributes["x1"]) == pytest.approx(middle, abs=0.02)


def test_the_description_holds_every_ratio_and_p() -> None:
    said = described([_row(0.8, tests=("0.041", "0.042"))], ("Cox P", "Log-rank P"))
    assert said == "Row 0.8: 0.8, Cox P 0.041, Log-rank P 0.042"


def test_the_sample_s_variations_show_both_p() -> None:
    made = figures(sample_study(), sample_results())
    name = next(n for n in made if n.startswith("sensitivity-os"))
    page = PageReader(made[name])
    shown = {e.attributes["data-result"] for e in page.with_attribute("data-result")}
    assert {key for key in shown if key.endswith("p.logrank")}
    assert {key for key in shown if ".p.efron" in key}
