"""The three faults of the demo are read on the dashboard's first screen, before anything is opened.

Oracle: what ``flows.nights_hospitals`` plants, brought together into three nights of smaller hospitals: the night
before any fault, birch's loss, and the night on which alder changes a unit and cedar falls silent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from analysis.dashboard.page import render
from flows import nights_hospitals, study_folder
from flows.dashboard_files import read_history
from flows.nights_hospitals import HAEMOGLOBIN, on_file, sent
from flows.run_folder import RunFolder
from flows.sample_nights import NIGHTS, STUDY, write_nights
from tests.conftest import REPOSITORY
from tests.fixtures.page_reader import Element, PageReader

pytestmark = pytest.mark.xdist_group("sixty-nights")

LAST, SEED = date(2026, 6, 30), 5
DROP, UNITS = "records drop over 5 percent", "unit mix shift"


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunFolder]]:
    """The three nights, oldest first; hospitals stay as small as they are here while the module's tests run."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {
            "_PATIENTS": {"alder": 60, "birch": 60, "cedar": 60},
            "VOLUME_DROPS": NIGHTS - 1,
            "UNIT_CHANGES": NIGHTS,
            "STOPS_SENDING": NIGHTS,
            "RENAMED": range(0),
            "BOOKED": range(0),
        }.items():
            patched.setattr(nights_hospitals, name, value)
        runs = tmp_path_factory.mktemp("first-screen") / "runs"
        yield write_nights(REPOSITORY / STUDY, runs, LAST, nights=3, seed=SEED)


@pytest.fixture(scope="module")
def first_screen(nights: list[RunFolder]) -> list[Element]:
    """The elements before the first one that has to be opened or scrolled to, in document order."""
    morning = datetime(LAST.year, LAST.month, LAST.day, 8, tzinfo=UTC)
    history = read_history(study_folder.read(REPOSITORY / STUDY), nights[0].root.parents[1], LAST)
    read = PageReader(render(history, morning))
    return read.elements[: read.elements.index(read.by_id("closer"))]


def rows(screen: list[Element], tag: str, *words: str) -> list[str]:
    """The texts of the innermost elements of a kind that say all these words."""
    texts = [e.text for e in screen if e.tag == tag and all(word in e.text for word in words)]
    return [text for text in texts if not any(other != text and other in text for other in texts)]


def row_of(screen: list[Element], site: str) -> str:
    (row,) = [text for text in rows(screen, "tr", f"{site} hospital (simulated)") if "held" in text or "open" in text]
    return row


def lost(nights: list[RunFolder]) -> tuple[int, int]:
    """Observations of birch that the last night lacks, and those it would have had on the night before the loss."""
    first = nights[0].read()["started"][:10]
    whole = sent("birch", on_file("birch", LAST, SEED), 1, date.fromisoformat(first))["observation"]
    now = pd.read_parquet(nights[-1].tables / "observation.parquet")
    return len(whole) - int((now["site"] == "birch").sum()), len(whole)


def test_one_of_three_sites_can_be_used(first_screen: list[Element]) -> None:
    assert any("1 of 3 sites: yes" in e.text for e in first_screen)


def test_birch_has_lost_volume_and_stays_held_on_the_second_night(
    nights: list[RunFolder], first_screen: list[Element]
) -> None:
    """The night of the loss is no measure for the night after it."""
    assert [run.read()["exit_code"] for run in nights] == [0, 5, 5]
    row = row_of(first_screen, "Birch")
    assert "held" in row
    assert DROP in row
    gone, before = lost(nights)
    (said,) = rows(first_screen, "li", DROP, "Birch hospital (simulated): observation")
    assert f"{gone} of {before:,}".replace(",", " ") in said.replace("\u202f", " ").replace("\u2009", " ")
    assert 0.3 < gone / before < 0.36


def test_alder_has_changed_a_unit(nights: list[RunFolder], first_screen: list[Element]) -> None:
    row = row_of(first_screen, "Alder")
    assert "open" in row
    assert UNITS in row
    now = pd.read_parquet(nights[-1].tables / "observation.parquet")
    values = int(((now["site"] == "alder") & (now["code"] == HAEMOGLOBIN)).sum())
    (said,) = rows(first_screen, "li", UNITS, "Alder hospital (simulated): observation")
    assert f"{values} of {values}" in said


def test_cedar_is_silent(first_screen: list[Element]) -> None:
    row = row_of(first_screen, "Cedar")
    assert "held" in row
    assert DROP in row
    assert "no subjects" in row
    assert rows(first_screen, "li", DROP, "Cedar hospital (simulated): patient and 4 more")
