"""The plots of proportional hazards on both pages. Oracles: the frames and result rows they were made from."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

from analysis.report.figures.hazard_axes import round_times, rounded_out
from analysis.report.on_site import render_on_site
from analysis.report.page import render
from analysis.report.sections.residuals import HazardFrames
from analysis.stats.cohort import Cohort
from analysis.stats.disclosure import suppress
from analysis.stats.hazard_plots import log_minus_log_frame, schoenfeld_frame
from analysis.stats.hazard_smooth import smooth_frame
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.report_inputs import made_study, provenance, quality
from tests.fixtures.sample_frames import sample_frames, sample_results, sample_study
from tests.fixtures.single_subjects import bars, courses, hazards


def _number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def _lines(page: PageReader, name: str) -> list[list[Element]]:
    """The cells of the tables in the regions of that name, row by row."""
    rows: dict[int, list[Element]] = {}
    for cell in page.elements:
        if cell.tag in ("td", "th") and cell.attributes.get("scope") != "col":
            above = cell.ancestors()
            if any(name in e.attributes.get("aria-label", "") for e in above):
                rows.setdefault(id(above[0]), []).append(cell)
    return list(rows.values())


def _report(results: pd.DataFrame, **changes: object) -> PageReader:
    return PageReader(render(sample_study(), results, quality(), provenance(**changes), None))


@pytest.mark.parametrize("arm", ["DEB-TACE", "cTACE"])
def test_the_table_holds_each_point_of_the_curve_with_its_row(arm):
    frame = log_minus_log_frame(sample_results(), "PFS")
    mine = frame[frame["group"] == arm]
    rows = _lines(_report(sample_results()), f"Progression-free survival, log(\u2212log) of {arm}")
    assert len(rows) == len(mine) > 3
    for (time, _, value), point in zip(rows, mine.itertuples(), strict=True):
        assert _number(time.text) == pytest.approx(point.time, abs=0.0051)
        assert _number(value.text) == pytest.approx(point.value, abs=0.00051)


def test_a_line_has_a_corner_for_each_point_at_its_height():
    """Two points of one arm: their heights on the page differ as their values do on the axis."""
    frame = log_minus_log_frame(sample_results(), "PFS")
    page = _report(sample_results())
    figure = next(e for e in page.all("svg") if "log(\u2212log)" in e.text and "Progression" in e.text)
    paths = [e.attributes["d"] for e in page.all("path") if figure in e.ancestors()]
    assert len(paths) == 2
    values = frame.loc[frame["group"] == "DEB-TACE", "value"].to_numpy()
    found = next(path for path in paths if path.count("V") == len(values) - 1)
    heights = np.array([float(found.split(" ")[1].split("H")[0]), *map(float, re.findall(r"V([\d.]+)", found))])
    scale = (heights[-1] - heights[0]) / (values[-1] - values[0])
    assert scale < 0
    np.testing.assert_allclose(heights - heights[0], scale * (values - values[0]), atol=0.02)


def test_what_is_suppressed_or_masked_draws_nothing_more():
    shown = suppress(sample_results(), 3)
    allowed = len(log_minus_log_frame(shown, "PFS")) + len(log_minus_log_frame(shown, "OS"))
    assert len(_lines(_report(shown), "log(\u2212log) of")) <= allowed
    assert not _lines(_report(sample_results(), state="MASKED"), "log(\u2212log) of")


def _on_site() -> tuple[PageReader, dict[str, HazardFrames]]:
    study = sample_study()
    cohort = Cohort(study, sample_frames().analysis_table)
    frames = {e.id: HazardFrames(schoenfeld_frame(cohort, e.id), smooth_frame(cohort, e.id)) for e in study.endpoint}
    table = bars(study, 11)
    text = render_on_site(study, table, courses(table), {}, provenance(), frames)
    assert text is not None
    return PageReader(text), frames


def test_every_event_is_a_point_of_the_figure_and_a_line_of_the_table():
    page, frames = _on_site()
    for endpoint, name in (("PFS", "Progression-free survival"), ("OS", "Overall survival")):
        points, line = frames[endpoint].points, frames[endpoint].line
        figure = next(e for e in page.all("svg") if f"{name}, DEB-TACE vs cTACE: log hazard ratio" in e.text)
        assert sum(figure in e.ancestors() for e in page.all("circle")) == len(points) > 10
        rows = _lines(page, f"{name}, DEB-TACE vs cTACE, residuals")
        rows = [row for row in rows if len(row) == 2]
        assert [_number(row[1].text) for row in rows] == pytest.approx(list(points["scaled"]), abs=0.00051)
        drawn = _lines(page, f"{name}, DEB-TACE vs cTACE, line through")
        assert [_number(row[1].text) for row in drawn] == pytest.approx(list(line["line"]), abs=0.00051)
        assert [_number(row[3].text) for row in drawn] == pytest.approx(list(line["upper"]), abs=0.00051)


def test_the_report_that_may_leave_holds_no_residual():
    text = render(sample_study(), sample_results(), quality(), provenance(), None)
    assert "Schoenfeld" not in text
    assert "esiduals-" not in text


def test_three_arms_have_a_figure_each_but_the_reference_and_no_line_is_said():
    study = made_study(arms=3)
    frames = {k: HazardFrames(f.points, f.line.iloc[:0]) for k, f in hazards(study).items()}
    table = bars(study, 3)
    text = render_on_site(study, table, courses(table), {}, provenance(), frames)
    assert text is not None
    page = PageReader(text)
    figures = [e for e in page.all("svg") if "log hazard ratio over time" in e.text]
    assert len(figures) == 2 * len(study.endpoint)
    assert all("no line: too few different times" in e.text for e in figures)
    assert "natural spline" not in text


@pytest.mark.parametrize("values", [[0.0, 0.0], [-1.2, 3.4], [1e-4, 2e-4], [-300.0, 40.0]])
def test_a_scale_holds_its_values(values):
    low, high = rounded_out(values)
    assert low <= min(values)
    assert max(values) <= high
    assert low < high


@pytest.mark.parametrize(("first", "last"), [(1.4, 12.0), (7.0, 2500.0), (3.1, 3.9), (0.03, 0.2)])
def test_ticks_of_the_log_axis_lie_on_it(first, last):
    ticks = round_times(first, last)
    assert ticks == sorted(ticks)
    assert all(first <= t <= last for t in ticks)
    assert all(math.isclose(float(f"{t:.0e}"), t) for t in ticks if t not in (first, last))
