"""A signed report in a headless Chromium: who signed stands on each printed sheet, whatever the names.

Oracles: docs/release.md; the browser's own layout, poppler's reading of the printed PDF.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.report.page import render
from tests.fixtures.chromium import opened
from tests.fixtures.report_inputs import provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

WHO = "by Dr. S. Signer (statistician) at 2026-01-02T03:04:05Z"
UNBROKEN = f"by {'N' * 200} (auditor) at 2026-01-02T03:04:06Z"


@pytest.fixture
def signed(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    said = provenance(state="SIGNED", state_note=f"{WHO}, {UNBROKEN}")
    file = tmp_path / "report.html"
    file.write_text(render(sample_study(), sample_results(), quality(), said, None), encoding="utf-8")
    page, _, _ = opened(browser, file, width=360)
    yield page
    page.close()


def test_a_long_name_does_not_overflow_sideways(signed: Page) -> None:
    assert signed.evaluate("document.documentElement.scrollWidth") <= 360


def test_each_sheet_says_who_signed_in_which_role_and_when(signed: Page, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("wants pdftotext")
    printed = tmp_path / "report.pdf"
    signed.pdf(path=printed, format="A4")
    text = subprocess.run(["pdftotext", "-layout", printed, "-"], check=True, capture_output=True, text=True).stdout
    sheets = [" ".join(sheet.split()) for sheet in text.split("\f") if sheet.strip()]
    assert len(sheets) > 5
    for sheet in sheets:
        assert f"SIGNED {WHO}" in sheet
        assert "(auditor) at 2026-01-02T03:04:06Z" in sheet
        assert "SYNTHETIC" in sheet
