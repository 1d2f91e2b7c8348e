"""From rounds of acceptance to results and page. Oracle: figures computed by hand from made-up seconds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.acceptance.page import write_page
from benchmarks.acceptance.summary import summarise
from tests.conftest import REPOSITORY

FACTS = {"cores": 2, "processor": "P", "memory_gib": 4, "system": "S", "python": "3.11"}
COUNTS, SIZES = {"Patient": 100, "Observation": 900}, {"Patient": 300_000, "Observation": 900_000}


def round_of(fast: float, models: float, by_json: float) -> dict[str, Any]:
    seconds = {"fast": fast, "models": models, "fhir.resources": by_json, "orjson": 0.001}
    return {
        "load": fast,
        "seconds": {way: {"Patient": one / 4, "Observation": one * 3 / 4} for way, one in seconds.items()},
    }


def accepted(*seconds: float) -> list[dict[str, Any]]:
    done = {"cpu_seconds": 1.0, "accepted": 1000}
    return [
        {
            "load": 9.0,
            "runs": [
                {"judge": "fast", "workers": 2, "seconds": one, "process_seconds": one + 1, **done},
                {"judge": "models", "workers": 2, "seconds": one * 10, "process_seconds": one * 10 + 1, **done},
            ],
        }
        for one in seconds
    ]


def results(rounds: list[dict[str, Any]], whole: list[dict[str, Any]]) -> dict[str, Any]:
    return summarise(rounds, whole, COUNTS, SIZES, FACTS, {"orjson": "3"})


def test_a_ratio_is_of_one_round_against_the_quicker_way_and_the_median_is_shown() -> None:
    rounds = [round_of(0.1, 3.0, 2.5), round_of(0.2, 4.0, 6.0), round_of(0.1, 9.0, 8.0)]
    found = results(rounds, accepted(1.0))["judges"]["all"]
    assert found["ratios"] == pytest.approx([25.0, 20.0, 80.0])
    assert found["ratio"] == pytest.approx(25.0)
    assert found["per_second"] == {"fast": 10_000, "models": 250, "fhir.resources": 167, "orjson": 1_000_000}


@pytest.mark.parametrize(("fast", "seconds", "met"), [(0.0999, 2.999, [True, True]), (0.1001, 3.0, [False, False])])
def test_targets_are_judged_unrounded(fast: float, seconds: float, met: list[bool]) -> None:
    found = results([round_of(fast, 2.5, 2.5)] * 3, accepted(9.0, seconds, 0.1))
    assert [target["met"] for target in found["targets"]] == met
    page = write_page(found)
    assert page.count("| **no** |") == met.count(False)


def test_the_page_in_docs_is_that_of_the_kept_results() -> None:
    kept = json.loads((REPOSITORY / "benchmarks" / "acceptance" / "results.json").read_text(encoding="utf-8"))
    page = (REPOSITORY / "docs" / "performance-acceptance.md").read_text(encoding="utf-8")
    assert page == write_page(kept)
