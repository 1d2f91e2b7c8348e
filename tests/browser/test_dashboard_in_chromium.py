"""The dashboard in a headless Chromium: offline, with and without script, in light and dark, on a phone and on paper.

Oracles: axe-core's rules (WCAG 2.1 A and AA and its best practices), the browser's own layout and clock, poppler's
reading of the printed PDF.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.dashboard.page import render
from tests.fixtures.chromium import axe_violations, first_tab_reaches_the_skip_link, opened
from tests.fixtures.quality_history import LABELS, NEWEST, NOW, Planted, history, lines, with_rows

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

LONG = "Universitätsklinikum-Nordwestoststadt-am-Großen-Fluss-Zentrum-für-interventionelle-Radiologie"
SCRIPT = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
NAMES = ("demo", "many", "first", "bare", "spoilt", "incomplete")


def _pages() -> dict[str, str]:
    many = history(sites=20, checks=50, runs=40)
    courses = {
        (f"check_{letter}", "observation", site): letter * 3 for letter in "npwfeso" for site in ("site0", "site1")
    }
    spoilt, short = history(runs=3), history(runs=9)
    missing = [{}] * 8 + [{"site1": {"Observation": 2, "Procedure": 1, "": 1}, "site2": {"": 1}}]
    return {
        "incomplete": render(replace(short, runs=short.runs.assign(exit_code=[0] * 8 + [6], missing=missing)), NOW),
        "demo": render(history(), NOW),
        "many": render(replace(many, sites={**many.sites, "site3": LONG, "site4": LONG}), NOW),
        "first": render(history(runs=1, planted=Planted(None, 0, None)), NOW),
        "bare": render(lines({**courses, ("whole_study", "adsl", ""): "pps"}), NOW),
        "spoilt": render(
            replace(
                spoilt,
                title=SCRIPT,
                sites=dict.fromkeys(spoilt.sites, SCRIPT),
                profile=with_rows(spoilt.profile, {"kind": "unmapped"}, key=f"{SCRIPT}|{SCRIPT}"),
                acknowledged=spoilt.acknowledged.assign(name=SCRIPT, note=SCRIPT),
                checks=spoilt.checks.assign(reason=SCRIPT, consequence=SCRIPT, overridden=SCRIPT),
                definitions=[{**one, "reason": SCRIPT, "category": SCRIPT} for one in spoilt.definitions],
            ),
            NOW,
        ),
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("dashboards")
    made = {name: folder / f"{name}.html" for name in NAMES}
    for name, text in _pages().items():
        made[name].write_text(text, encoding="utf-8")
    return made


def _unfolded(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")


def _shown(page: Page, selector: str) -> list[str]:
    """The texts of the elements a reader sees."""
    found: list[str] = page.evaluate(
        "s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility()).map(e => e.textContent)", selector
    )
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_page_asks_for_nothing_and_says_nothing(
    browser: Browser, files: dict[str, Path], name: str, script: bool
) -> None:
    page, messages, requests = opened(browser, files[name], java_script_enabled=script)
    _ = page.title()
    assert requests == [files[name].as_uri()]
    assert messages == []
    assert page.title() != "run"
    # The style sheet was let in by its hash: without it the body would keep the browser's own margin.
    assert page.locator("body").bounding_box()["x"] == 0  # type: ignore[index]
    page.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_overflows_sideways(browser: Browser, files: dict[str, Path], name: str, width: int) -> None:
    page, _, _ = opened(browser, files[name], width=width)
    _unfolded(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)])
def test_axe_finds_no_violation(
    browser: Browser, files: dict[str, Path], axe: str, name: str, scheme: str, width: int
) -> None:
    page, _, _ = opened(browser, files[name], width=width, scheme=scheme)
    if width == 1280:
        _unfolded(page)
    assert axe_violations(page, axe) == []
    page.close()


def test_the_first_screen_holds_verdict_sites_changes_and_problems(browser: Browser, files: dict[str, Path]) -> None:
    """On a laptop of 1280 by 800, without scrolling."""
    page, _, _ = opened(browser, files["demo"])
    page.set_viewport_size({"width": 1280, "height": 800})
    for selector in (
        ".verdict",
        ".age",
        ".sites",
        ".changes",
        "#problems-h",
        "#codes-h",
        ".problems tbody tr:nth-child(2)",
    ):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800, selector
    page.close()


def test_a_problem_leads_to_its_course_without_script(browser: Browser, files: dict[str, Path]) -> None:
    page, _, _ = opened(browser, files["demo"], java_script_enabled=False)
    page.click(".problems tbody tr:first-child a")
    row = page.locator("tr:target")
    row.wait_for(state="visible")
    assert "unit mix shift" in row.inner_text()
    page.close()


def test_all_is_there_without_script(browser: Browser, files: dict[str, Path]) -> None:
    """Every part opens with a click; only the search, which needs the script, is not offered."""
    page, _, _ = opened(browser, files["demo"], java_script_enabled=False)
    for part in ("heat", "trends", "volume", "freshness", "numbers", "checks"):
        page.click(f"#{part} > summary")
        page.locator(f"#{part} table, #{part} p").first.wait_for(state="visible")
    assert not page.locator("#find").is_visible()
    assert page.locator("#age").inner_text() == "5 hours ago"
    page.close()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_site_can_be_chosen(browser: Browser, files: dict[str, Path], script: bool) -> None:
    page, _, _ = opened(browser, files["demo"], java_script_enabled=script)
    page.click("#heat > summary")
    page.select_option("#fs", label=LABELS[1])
    heads = [e.inner_text() for e in page.locator("#heat thead th").all() if e.is_visible()]
    assert heads == ["Check", "whole study", LABELS[1]]
    page.click("#trends > summary")
    places = {e.inner_text() for e in page.locator("#trends tbody tr td:nth-child(2)").all() if e.is_visible()}
    assert places == {LABELS[1]}
    # The first screen stays whole, whatever is looked at below.
    assert page.locator(".sites tbody tr").count() == 3
    page.close()


def test_a_status_and_a_category_can_be_chosen(browser: Browser, files: dict[str, Path]) -> None:
    page, _, _ = opened(browser, files["demo"])
    page.click("#heat > summary")
    page.select_option("#fw", "o")
    failing = ["records drop over 5 percent", "unit mix shift", "freshness within schedule", "response recorded"]
    assert _shown(page, "#heat tbody th") == failing
    page.select_option("#fw", "v")
    assert len(_shown(page, "#heat tbody th")) == 5
    page.select_option("#fw", "")
    page.select_option("#fc", label="completeness")
    page.click("#checks > summary")
    shown = _shown(page, "#checks tbody td:nth-child(2)")
    assert shown
    assert all(text.startswith("completeness") for text in shown)
    page.close()


def test_words_are_searched_for(browser: Browser, files: dict[str, Path]) -> None:
    page, _, _ = opened(browser, files["demo"])
    page.click("#checks > summary")
    page.fill("#find", "UNIT mix")
    assert len(_shown(page, "#checks tbody tr")) == 1
    page.fill("#find", "")
    assert len(_shown(page, "#checks tbody tr")) == 20
    page.close()


@pytest.mark.parametrize(
    ("hours", "words", "late"), [(5.5, "5 hours ago", False), (29, "29 hours ago", False), (75, "3 days ago", True)]
)
def test_the_age_grows_while_the_page_lies_there(
    browser: Browser, files: dict[str, Path], hours: float, words: str, late: bool
) -> None:
    """The browser's clock is set; the page was made five hours after the run."""
    from datetime import timedelta

    page = browser.new_page()
    page.clock.set_fixed_time(NEWEST + timedelta(hours=hours))
    page.goto(files["demo"].as_uri())
    assert page.locator("#age").inner_text() == words
    assert page.locator("#late").is_visible() is late
    page.close()


def test_keyboard_reaches_the_skip_link_first(browser: Browser, files: dict[str, Path]) -> None:
    page, _, _ = opened(browser, files["demo"])
    first_tab_reaches_the_skip_link(page)
    page.close()


def test_no_status_is_told_by_colour_alone(browser: Browser, files: dict[str, Path]) -> None:
    """Cells of two statuses differ in their words too, and n/a and error are on other grounds than a pass."""
    page, _, _ = opened(browser, files["bare"])
    _unfolded(page)
    cells: list[Any] = page.evaluate(
        """() => [...document.querySelectorAll('#heat td')].filter(c => c.textContent).map(c =>
            [c.textContent.trim(), getComputedStyle(c).backgroundColor])"""
    )
    grounds = dict(cells)
    assert set(grounds) == {"✓ pass", "◐ some", "✗ fail", "✗ stops", "! error", "○ n/a"}
    assert grounds["✓ pass"] not in {grounds[text] for text in grounds if text != "✓ pass"}
    page.close()


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_every_sheet_says_what_it_is(browser: Browser, files: dict[str, Path], tmp_path: Path, paper: str) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("wants pdftotext")
    page, _, _ = opened(browser, files["demo"])
    _unfolded(page)
    page.pdf(path=tmp_path / "page.pdf", format=paper)
    page.close()
    command = ["pdftotext", "-layout", tmp_path / "page.pdf", "-"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    sheets = [sheet for sheet in text.split("\f") if sheet.strip()]
    assert len(sheets) > 2
    assert all("DATA QUALITY" in sheet and "SYNTHETIC" in sheet and "run of 27 Nov 02:14" in sheet for sheet in sheets)
    assert "2 of 3 sites: yes" in sheets[0]
    assert "unit mix shift" in sheets[0]
