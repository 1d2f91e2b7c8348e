"""From measurements to results, page and figure. Oracle: figures computed by hand from made-up seconds."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from benchmarks.extract.contenders import CONTENDERS
from benchmarks.extract.figure import draw
from benchmarks.extract.page import write_page
from benchmarks.extract.summary import rate, summarise

FACTS = {"cores": 2, "processor": "P", "memory_gib": 4, "system": "S", "python": "3.11"}
WELL = {"landed": 1000, "lost": 0, "twice": 0, "never_served": 0, "failed": ""}


def runs(engine: str, *seconds: float, server: str = "pages", **other: Any) -> list[dict[str, Any]]:
    return [
        {
            "kind": "run",
            "engine": engine,
            "server": server,
            "data": "sample",
            "round": number,
            "seconds": one,
            "cpu_seconds": one / 2,
            "peak_bytes": number * 2**20,
            "resources": 1000,
            "versions": {"Python": "3.11"},
            **WELL,
            **({"requests": 3, "bytes": 4_000_000} if server == "pages" else {}),
            **other,
        }
        for number, one in enumerate(seconds, start=1)
    ]


def results(*records: list[dict[str, Any]]) -> dict[str, Any]:
    return summarise([record for part in records for record in part], FACTS, CONTENDERS)


def test_medians_rates_and_peak() -> None:
    one = results(runs("bedside", 2.0, 9.0, 1.0, 4.0, 2.0))["measured"]["sample"]["pages"]["bedside"]
    assert (one["rounds"], one["seconds"], one["fastest"], one["slowest"], one["cpu_seconds"]) == (
        5,
        2.0,
        1.0,
        9.0,
        1.0,
    )
    assert (one["resources_per_second"], one["mb_per_second"], one["peak_mib"], one["requests"]) == (500, 2.0, 5, 3)
    assert rate(runs("fhirpy", 4.0, 2.0)) == 1000 / 3.0
    assert rate([]) is None


def test_a_round_that_lost_something_is_not_hidden_by_the_others() -> None:
    made = runs("fhirpy", 1.0, 1.0)
    made[1] |= {"landed": 900, "lost": 100}
    found = results(made)
    assert found["measured"]["sample"]["pages"]["fhirpy"]["lost"] == 100
    assert "| 100 lost |" in write_page(found)


def test_targets_are_judged_by_the_worst_place() -> None:
    found = results(
        runs("plain-downloads", 1.0),
        runs("bedside", 2.0),
        runs("smart-fetch", 3.0),
        runs("fhirpy", 5.0),
        runs("plain-downloads", 1.9, server="sandbox"),
        runs("bedside", 2.0, server="sandbox"),
        runs("smart-fetch", 2.2, server="sandbox"),
    )
    limit, ahead = found["targets"]
    assert limit["each"] == {"sample, pages": 0.5, "sample, sandbox": 0.95}
    assert (limit["worst"], limit["met"]) == (0.5, False)
    assert ahead["each"] == {"sample, pages": 1.5, "sample, sandbox": 1.1}
    assert (ahead["worst"], ahead["met"]) == (1.1, True)
    assert [target["met"] for target in results([])["targets"]] == [None, None]


def fault(engine: str, **other: Any) -> dict[str, Any]:
    return {"kind": "faults", "engine": engine, "given": 3, "seconds": 1.0, "said": False, **WELL, **other}


def test_the_page_names_who_lost_something_and_said_nothing() -> None:
    page = write_page(
        results(
            runs("bedside", 1.0),
            [
                fault("bedside"),
                fault("fhir-pyrate", landed=400, lost=600, said=True),
                fault("plain-downloads", landed=400, lost=600),
                fault("fhirpy", landed=400, lost=600, failed="OperationOutcome: 429"),
            ],
            [{"kind": "absent", "engine": "smart-fetch", "why": "could not be installed"}],
        )
    )
    assert "| Bedside | 3 | as served | complete | 1 |" in page
    assert "| FHIR-PYrate | 3 | **600 lost** | as if all was well; a line in its log | 1 |" in page
    assert "| plain parallel downloads | 3 | **600 lost** | as if all was well, without a word | 1 |" in page
    assert "| fhirpy | 3 | 600 lost | OperationOutcome: 429 | 1 |" in page
    assert "- smart-fetch: could not be installed" in page


def test_memory_is_told_with_what_went_through() -> None:
    memory = {"kind": "memory", "engine": "bedside", "bytes": 10_000_000_000, "pages": 20_000, "landed": 9_000_000}
    page = write_page(results(runs("bedside", 1.0), [{**memory, "seconds": 90.0, "peak_bytes": 2**30, "failed": ""}]))
    assert "Memory: 10.0 GB (9,000,000 resources in 20,000 pages," in page
    assert "(100,000 resources/s) with 1,024 MiB at its peak." in page


def test_the_figure_has_a_bar_for_each_server_and_is_well_formed() -> None:
    made = draw(results(runs("bedside", 1.0), runs("plain-downloads", 0.5), runs("bedside", 2.0, server="sandbox")))
    root = ET.fromstring(made)
    bars = [bar for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("height") == "12"]
    widths = sorted(float(bar.get("width") or 0) for bar in bars)
    assert len(widths) == 3
    assert widths[2] == 2 * widths[1] == 4 * widths[0]
    assert draw(results([]))
