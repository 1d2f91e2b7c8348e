"""The report in a headless Chromium: no request, no console message, no overflow, no axe violation, whole on paper.

Oracles: axe-core's rules (WCAG 2.1 A and AA and its best practices), the browser's own layout, poppler's reading of the
printed PDF.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.report.page import render
from tests.fixtures.chromium import axe_violations, first_tab_reaches_the_skip_link, opened
from tests.fixtures.competing_events import competing_results, competing_study
from tests.fixtures.received import receiving_results, receiving_study
from tests.fixtures.report_inputs import made_results, made_study, provenance, quality
from tests.fixtures.sample_frames import FOLDER, sample_results, sample_study
from tests.fixtures.single_subjects import on_site_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

LONG = f"https://hospital.example/fhir/StructureDefinition/{'/'.join(['a-name-without-any-place-to-break' * 2] * 6)}"
MARKS = [
    {"path": "Observation.component", "url": LONG, "n": 1234, "sites": ["alpha"]},
    {"path": "Patient", "url": "unreadable", "n": 3, "sites": ["alpha"]},
]


def _pages() -> dict[str, str]:
    figures = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))["figures"]
    for figure in figures:
        figure["ours"] = figure["recomputed"]
    eight, bare = made_study(arms=8), made_study(response=False, covariate={}, endpoint=[], analysis={})
    named = [{"id": f"A{i}", "label": f"{name} after surgery", "all": [{"list": "event"}]}
             for i, name in enumerate(("Hormonal therapy", "No hormonal therapy"), 1)]  # fmt: skip
    long = made_study(arm=named)
    sample, receiving = (sample_study(), sample_results()), receiving_study()
    missing = [{"site": "beta", "what": "page 3 of search 7"}]
    masked = provenance(state="MASKED", missing=missing, modifier_extensions=MARKS)
    return {
        "sample": render(*sample, quality(), provenance(), figures),
        "masked": render(*sample, quality(), masked, figures),
        "eight": render(eight, made_results(eight, subjects=8), quality(), provenance(), None),
        "long": render(long, made_results(long, subjects=120), quality(), provenance(), None),
        "received": render(receiving, receiving_results(receiving), quality(), provenance(), None),
        "competing": render(competing_study(), competing_results(), quality(), provenance(), None),
        "on-site": on_site_page(residuals=True),
        "bare": render(bare, made_results(bare), quality(), provenance(), None),
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for name, text in _pages().items():
        made[name] = folder / f"{name}.html"
        made[name].write_text(text, encoding="utf-8")
    return made


NAMES = ("sample", "masked", "eight", "long", "received", "competing", "on-site", "bare")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_asks_for_nothing_and_says_nothing(browser: Browser, files: dict[str, Path], name: str) -> None:
    page, messages, requests = opened(browser, files[name])
    assert requests == [files[name].as_uri()]
    assert messages == []
    # The style sheet was let in by its hash: without it the body would keep the browser's own margin.
    assert page.evaluate("getComputedStyle(document.body).marginTop") == "0px"
    page.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_overflows_sideways(browser: Browser, files: dict[str, Path], name: str, width: int) -> None:
    page, _, _ = opened(browser, files[name], width=width)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
def test_axe_finds_no_violation(
    browser: Browser, files: dict[str, Path], axe: str, name: str, scheme: str, width: int
) -> None:
    page, _, _ = opened(browser, files[name], width=width, scheme=scheme)
    if (scheme, width) == ("light", 1280):
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert axe_violations(page, axe) == []
    page.close()


def test_keyboard_reaches_the_skip_link_first(browser: Browser, files: dict[str, Path]) -> None:
    page, _, _ = opened(browser, files["sample"])
    first_tab_reaches_the_skip_link(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**#main")  # on a busy machine a moment later
    assert page.url.endswith("#main")
    page.close()


def test_the_first_screen_leads_to_the_marks_that_no_table_reads(browser: Browser, files: dict[str, Path]) -> None:
    """On a phone too: the link scrolls to the heading, and an address is whole in its column, on several lines."""
    page, _, requests = opened(browser, files["masked"], width=360)
    page.click(".care a")
    assert page.evaluate("document.querySelector('#modifiers').getBoundingClientRect().top") < 900
    (shown,) = page.evaluate(
        """() => [...document.querySelectorAll('.address code')].map(code => {
            const words = code.getBoundingClientRect(), cell = code.closest('td').getBoundingClientRect();
            const within = words.left >= cell.left && words.right <= cell.right + 1;
            return [code.textContent, within, code.getClientRects().length];
        })"""
    )
    text, within, on_lines = shown
    assert (text, within) == (LONG, True)
    assert on_lines > 2
    assert requests == [files["masked"].as_uri()]
    page.close()


@pytest.mark.parametrize("name", ["sample", "long", "received", "on-site"])
def test_no_words_lie_outside_or_on_each_other_in_a_figure(browser: Browser, files: dict[str, Path], name: str) -> None:
    """Every text of every figure lies within its figure, and no two texts of a figure overlap."""
    page, _, _ = opened(browser, files[name])
    outside = page.evaluate(
        """() => [...document.querySelectorAll('svg.figure')].flatMap(svg => {
            const frame = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('text')].filter(t => {
                const b = t.getBoundingClientRect();
                return b.left < frame.left - 1 || b.right > frame.right + 1 || b.bottom > frame.bottom + 1;
            }).map(t => svg.getAttribute('aria-labelledby') + ': ' + t.textContent);
        })"""
    )
    assert outside == []
    touching = page.evaluate(
        """() => [...document.querySelectorAll('svg.figure')].flatMap(svg => {
            const boxes = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
            const found = [];
            boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
                const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
                const tall = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
                if (wide > 1 && tall > 4) found.push(svg.getAttribute('aria-labelledby') + ': ' + a + ' / ' + b);
            }));
            return found;
        })"""
    )
    assert touching == []
    page.close()


@pytest.mark.parametrize(
    ("state", "looks"), [("MASKED", 0), ("SIGNED", 3)], ids=["masked, nobody has looked", "signed after three looks"]
)
def test_each_sheet_repeats_the_release_and_the_looks(browser: Browser, tmp_path: Path, state: str, looks: int) -> None:
    """Oracle: poppler's reading of the PDF, sheet by sheet; the first line of each is its header."""
    if shutil.which("pdftotext") is None:
        pytest.skip("wants pdftotext")
    file = tmp_path / "released.html"
    said = provenance(state=state, looks=looks)
    file.write_text(render(sample_study(), sample_results(), quality(), said, None), encoding="utf-8")
    page, _, _ = opened(browser, file)
    page.pdf(path=tmp_path / "released.pdf", format="A4")
    page.close()
    command = ["pdftotext", "-layout", tmp_path / "released.pdf", "-"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    heads = [sheet.strip().splitlines()[0] for sheet in text.split("\f") if sheet.strip()]
    assert len(heads) > 3
    for head in heads:
        assert head.startswith(state)
        assert f"comparison looked at: {looks}" in head


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_every_sheet_says_what_it_is_and_no_figure_is_cut(
    browser: Browser, files: dict[str, Path], tmp_path: Path, paper: str
) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("wants pdftotext")
    page, _, _ = opened(browser, files["sample"])
    printed = tmp_path / "report.pdf"
    page.pdf(path=printed, format=paper)
    # On paper no figure is higher than a sheet's inside or wider than the text: so none can be cut.
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 900})
    inside = 225 / 25.4 * 96
    sizes = page.evaluate(
        "[...document.querySelectorAll('svg.figure')].map(s => s.getBoundingClientRect()).map(b => [b.right, b.height])"
    )
    assert sizes
    assert all(right <= 689 and height <= inside + 1 for right, height in sizes)
    page.close()
    text = subprocess.run(["pdftotext", "-layout", printed, "-"], check=True, capture_output=True, text=True).stdout
    sheets = [sheet for sheet in text.split("\f") if sheet.strip()]
    assert len(sheets) > 5
    assert all("DRAFT" in sheet and "SYNTHETIC" in sheet for sheet in sheets)
    # A figure that was split would have its axis title on another sheet than its axis label.
    for sheet in sheets:
        assert sheet.count("Months since the index date") == sheet.count("Probability") + sheet.count("log(−log S)")
