"""The page of single subjects. Oracle: the frames it was made from, row by row."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from analysis.report.figures.swimmer import MARKS, glyph
from analysis.report.on_site import DRAWN, render_on_site
from tests.fixtures.page_reader import Element, PageReader
from tests.fixtures.report_inputs import made_study, provenance
from tests.fixtures.single_subjects import bars, courses, on_site_page


def _rows(page: PageReader, section: str) -> list[list[str]]:
    """The cells' texts of a section's table body, row by row."""
    rows: list[list[str]] = []
    seen: list[Element] = []
    for cell in page.elements:
        if cell.tag not in ("td", "th") or cell.attributes.get("scope") == "col":
            continue
        above = cell.ancestors()
        if not any(e.attributes.get("id") == section for e in above):
            continue
        if not seen or seen[-1] is not above[0]:
            seen.append(above[0])
            rows.append([])
        rows[-1].append(cell.text)
    return rows


def test_every_subject_has_its_bar_and_its_line() -> None:
    study = made_study()
    table = bars(study, 12)
    page = PageReader(on_site_page())
    rows = _rows(page, "waterfall")
    assert [row[1] for row in rows] == list(table["USUBJID"])
    for row, change, best in zip(rows, table["PCHG"], table["BOR"], strict=True):
        assert row[3] == ("no sum" if np.isnan(change) else f"{change:.1f}".replace("-", "\u2212"))
        assert row[4] == best
    figure = next(e for e in page.all("svg") if "waterfall" in e.attributes["class"])
    drawn = [e for e in page.all("rect") if figure in e.ancestors() and float(e.attributes["width"]) > 10]
    assert len(drawn) == int(table["PCHG"].notna().sum())


def test_a_bar_is_as_long_as_its_change_and_ends_where_the_axis_does() -> None:
    """Oracle: two changes of the same sign on one scale, and one beyond the axis, which is written out."""
    study = made_study()
    table = bars(study, 2).assign(PCHG=[400.0, 100.0, -25.0, -50.0])
    text = render_on_site(study, table, courses(table), {}, provenance())
    assert text is not None
    page = PageReader(text)
    figure = next(e for e in page.all("svg") if "waterfall" in e.attributes["class"])
    tall = [float(e.attributes["height"]) for e in page.all("rect")
            if figure in e.ancestors() and float(e.attributes["width"]) > 10]  # fmt: skip
    assert tall[0] / tall[1] == pytest.approx(2, abs=0.01)
    assert tall[3] / tall[2] == pytest.approx(2, abs=0.01)
    assert "400" in figure.text


def test_every_event_of_a_subject_stands_in_its_line() -> None:
    table = bars(made_study(), 12)
    events = courses(table)
    lines = {row[1]: row for row in _rows(PageReader(on_site_page()), "swimmer")}
    assert set(lines) == set(table["USUBJID"])
    for event in events.itertuples():
        said = " ".join(lines[event.USUBJID][4:])
        assert re.search(rf"\b{event.DAY}\b", said)
    assert [row[3] for row in lines.values()].count("not known") == 1  # the one whose sessions nobody counted


def test_later_sessions_stand_in_the_line_and_on_the_lane() -> None:
    """Oracle: two sessions put into one subject's course; its cell names them, and two marks more are drawn."""
    study = made_study()
    table = bars(study, 2)
    events, one = courses(table), str(table["USUBJID"].iloc[0])
    own = events[events["USUBJID"] == one].iloc[[0, 0]].assign(DAY=[41, 97], EVENT="session", DETAIL=None)
    counts = dict.fromkeys(table["USUBJID"], 1) | {one: 3}
    cells, marks = [], []
    for frame in (events, pd.concat([events, own], ignore_index=True)):
        text = render_on_site(study, table, frame, counts, provenance())
        assert text is not None
        page = PageReader(text)
        cells.append({row[1]: row[3] for row in _rows(page, "swimmer")})
        figure = next(e for e in page.all("svg") if "swimmer" in e.attributes["class"])
        bars_drawn = [e for e in page.all("rect") if figure in e.ancestors()]
        marks.append(sum(float(e.attributes["height"]) == 11 for e in bars_drawn))
    assert cells[0][one] == "3"
    assert cells[1] == cells[0] | {one: "3: day 0, day 41, day 97"}
    assert marks[1] - marks[0] == 2


def test_numbers_are_those_of_the_lanes_by_arm_and_length() -> None:
    rows = _rows(PageReader(on_site_page()), "swimmer")
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    assert [row[2] for row in rows] == ["Arm 1"] * 12 + ["Arm 2"] * 12
    last = [max(int(day) for day in re.findall(r"day (\d+)", " ".join(row))) for row in rows]
    assert last[:12] == sorted(last[:12], reverse=True)


def test_the_order_of_events_changes_nothing() -> None:
    study = made_study()
    table = bars(study, 6)
    events = courses(table)
    shuffled = events.sample(frac=1, random_state=3)
    assert list(shuffled.index) != list(events.index)
    assert render_on_site(study, table, events, {}, provenance()) == render_on_site(
        study, table, shuffled, {}, provenance()
    )


def test_no_mark_is_told_by_colour_alone() -> None:
    shapes = [str(glyph(kind, 0.0, 0.0)) for kind, _ in MARKS]
    bare = [re.sub(r'(fill|stroke|class)="[^"]*"', "", shape) for shape in shapes]
    assert len(set(bare)) == len(MARKS)


def test_masked_or_empty_there_is_no_page() -> None:
    study = made_study()
    table = bars(study, 3)
    assert render_on_site(study, table, courses(table), {}, provenance(state="MASKED")) is None
    none = table[table["USUBJID"] == "nobody"]
    assert render_on_site(study, none, courses(table), {}, provenance()) is None


def test_it_says_what_it_is_on_screen_and_on_each_sheet() -> None:
    page = on_site_page(state="SIGNED", state_note="by Dr. Who")
    shown = PageReader(page)
    running = next(e for e in shown.all("div") if e.attributes.get("class") == "running")
    for words in ("ON SITE ONLY", "SIGNED", "SYNTHETIC"):
        assert words in running.text
        assert any(words in e.text for e in shown.all("header"))


def test_many_subjects_have_a_table_and_no_plot() -> None:
    page = PageReader(on_site_page(subjects=DRAWN // 2 + 1))
    assert [e.attributes["class"] for e in page.all("svg") if "figure" in e.attributes["class"]] == ["figure waterfall"]
    assert len(_rows(page, "swimmer")) == DRAWN + 2


def test_what_a_record_says_is_text() -> None:
    study = made_study()
    table = bars(study, 2).assign(BOR="<script>alert(1)</script>")
    page = render_on_site(study, table, courses(table), {}, provenance())
    assert page is not None
    assert "<script" not in page
