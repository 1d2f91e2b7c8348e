"""From rounds of the analysis to results, page and figure. Oracle: figures computed by hand from made-up seconds."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest

from benchmarks.analysis.figure import draw
from benchmarks.analysis.once import PARTS
from benchmarks.analysis.page import write_page
from benchmarks.analysis.summary import Round, summarise
from tests.conftest import REPOSITORY

FACTS = {"cores": 2, "processor": "P", "memory_gib": 4, "system": "S", "python": "3.11"}
GIB = 2**30


def ours(subjects: int, derive: float, compare: float, gib: float = 1.0) -> Round:
    steps = {"derive": derive, "write and read": 1.0, "compare": compare}
    took = {"steps": steps, "parts": {"index": derive / 2}, "peak_bytes": gib * GIB, "hazard_ratio": 0.5}
    return Round("bedside", subjects, subjects * 15, derive, took)


def theirs(subjects: int) -> Round:
    took = {"steps": {"read": 0.5, "Cox, adjusted": 1.5}, "peak_bytes": GIB, "hazard_ratio": 0.5}
    return Round("lifelines", subjects, subjects * 15, 3.0, took)


def results(*rounds: Round) -> dict[str, Any]:
    return summarise(rounds, FACTS, {"lifelines": "0"})


def test_the_median_of_time_and_the_highest_of_memory_are_shown() -> None:
    found = results(*(ours(1000, *each) for each in ((3.0, 1.0, 1.0), (9.0, 2.0, 2.5), (4.0, 3.0, 0.5))))
    mine = found["sizes"][0]["who"]["bedside"]
    assert (mine["seconds"], mine["each"], mine["peak_gib"]) == (8.0, [5.0, 12.0, 8.0], 2.5)
    assert mine["steps"] == {"derive": 4.0, "write and read": 1.0, "compare": 2.0}
    assert found["load"] == {"least": 3.0, "most": 9.0}


@pytest.mark.parametrize(("factor", "power"), [(10, 1.0), (100, 2.0)])
def test_growth_is_the_power_between_the_two_largest(factor: float, power: float) -> None:
    found = results(ours(10, 50.0, 1.0), ours(1000, 2.0, 1.0), ours(10_000, 2.0 * factor, 1.0))
    assert found["growth"] == pytest.approx(power)
    assert [one["met"] for one in found["targets"]] == [2.0 * factor + 2 < 180, True, power < 1.1]


def test_one_size_says_nothing_of_growth() -> None:
    found = results(ours(10, 2.0, 1.0), theirs(10))
    assert found["growth"] is None
    assert len(found["targets"]) == 2


@pytest.mark.parametrize(("seconds", "gib", "met"), [(179.9, 3.999, True), (180.0, 4.0, False)])
def test_targets_are_judged(seconds: float, gib: float, met: bool) -> None:
    found = results(ours(1000, seconds - 2, 1.0, gib))
    assert [one["met"] for one in found["targets"]] == [met, met]
    assert write_page(found).count("| **no** |") == (0 if met else 2)


def test_shares_and_the_rest_make_up_the_whole() -> None:
    page = write_page(results(ours(1000, 6.0, 3.0), theirs(1000)))
    for line in ("| index | 3.0 | 30 % |", "| write and read | 1.0 | 10 % |", "| the rest | 6.0 | 60 % |"):
        assert line in page
    assert "| 1,000 | lifelines alone | 2.00 | 1.00 | 1.50 | 0.50000000 |" in page


def test_what_is_asked_apart_stands_apart() -> None:
    took = {"subjects": 686, "steps": {"Cox models": 0.54, "bootstrap": 61.26}}
    found = summarise([ours(1000, 6.0, 3.0)], FACTS, {}, [took])
    assert "| Subjects | Cox models, s | bootstrap, s |\n|---:|---:|---:|\n| 686 | 0.5 | 61.3 |" in write_page(found)
    assert found["targets"] == results(ours(1000, 6.0, 3.0))["targets"]
    assert "Apart" not in write_page(results(ours(1000, 6.0, 3.0)))


@pytest.mark.parametrize(("title", "module", "name"), PARTS, ids=[title for title, *_ in PARTS])
def test_what_is_timed_is_there(title: str, module: str, name: str) -> None:
    assert callable(getattr(import_module(module), name)), title


def test_the_page_and_the_figure_in_docs_are_those_of_the_kept_results() -> None:
    kept = json.loads((REPOSITORY / "benchmarks" / "analysis" / "results.json").read_text())
    assert (REPOSITORY / "docs" / "performance-analysis.md").read_text() == write_page(kept)
    assert (REPOSITORY / "docs" / "performance-analysis.svg").read_text() == draw(kept)
