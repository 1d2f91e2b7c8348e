"""From measurements to results, page and figure. Oracle: figures computed by hand from made-up seconds."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mapping.contenders import BY_NAME, CONTENDERS
from benchmarks.mapping.figure import draw
from benchmarks.mapping.page import write_page
from benchmarks.mapping.rounds import wanted
from benchmarks.mapping.summary import exponent, summarise
from benchmarks.shared.kept import Kept

FACTS = {"cores": 2, "processor": "P", "memory_gib": 4, "system": "S", "python": "3.11"}
IDENTITIES = dict.fromkeys(BY_NAME, "now")


def runs(engine: str, view: str, size: int, *seconds: float) -> list[dict[str, Any]]:
    return [
        {
            "kind": "run",
            "engine": engine,
            "view": view,
            "size": size,
            "round": number,
            "seconds": one,
            "rows": 2 * size,
            "bytes": 1000 * size,
            "peak_bytes": number * 2**20,
        }
        for number, one in enumerate(seconds, start=1)
    ]


def results(*records: list[dict[str, Any]]) -> dict[str, Any]:
    return summarise([record for part in records for record in part], FACTS, CONTENDERS)


def test_median_rate_and_peak() -> None:
    one = results(runs("bedside", "Patient", 100_000, 0.5, 9.0, 0.4, 0.6, 0.5))["views"]["Patient"]["100000"]["bedside"]
    assert (one["rounds"], one["seconds"], one["fastest"], one["slowest"]) == (5, 0.5, 0.4, 9.0)
    assert (one["resources_per_second"], one["mb_per_second"], one["peak_mib"]) == (200_000, 200.0, 5)


def test_exponent_is_of_what_is_left_without_the_start() -> None:
    assert exponent(0.1, 0.2, 1.1, 10) == pytest.approx(1.0)
    assert exponent(0.0, 1.0, 100.0, 10) == pytest.approx(2.0)
    assert exponent(0.3, 0.2, 1.1, 10) is None


def target(found: dict[str, Any], words: str) -> dict[str, Any]:
    (one,) = (t for t in found["targets"] if words in t["target"])
    return one


def test_a_target_is_judged_by_its_worst_case() -> None:
    found = results(
        runs("bedside", "Patient", 100_000, 0.1),
        runs("pysof", "Patient", 100_000, 2.9),
        runs("bedside", "Observation", 100_000, 0.1),
        runs("pysof", "Observation", 100_000, 3.1),
    )
    pysof = target(found, "pysof")
    assert (pysof["worst"], pysof["met"]) == (29.0, False)
    assert pysof["each"] == {"Patient 100,000": 29.0, "Observation 100,000": 31.0}
    assert target(found, "fhir4ds")["met"] is None
    assert target(found, "memory")["met"] is None


def test_growth_is_judged_at_most() -> None:
    found = results(*(runs("bedside", "Patient", *pair) for pair in ((10, 0.1), (100_000, 0.2), (1_000_000, 1.1))))
    growth = target(found, "Exponent")
    assert (growth["worst"], growth["met"]) == (1.0, True)


def kept(folder: Path, *records: list[dict[str, Any]]) -> Kept:
    made = Kept(folder / "m.jsonl", IDENTITIES)
    for part in records:
        for record in part:
            rest = {name: value for name, value in record.items() if name not in ("kind", "engine")}
            made.add(record["kind"], record["engine"], **rest)
    return made


@pytest.mark.parametrize(("seconds", "goes_on"), [(2.0, True), (2.1, False)])
def test_a_peer_below_50_thousand_a_second_stops_at_100_thousand(tmp_path: Path, seconds: float, goes_on: bool) -> None:
    done = kept(tmp_path, runs("orjson", "Patient", 100_000, seconds))
    assert wanted(BY_NAME["orjson"], "Patient", 100_000, done)
    assert wanted(BY_NAME["orjson"], "Patient", 1_000_000, done) is goes_on


def test_ours_and_hand_written_sql_never_stop(tmp_path: Path) -> None:
    done = kept(tmp_path, runs("bedside", "Patient", 100_000, 50.0))
    assert wanted(BY_NAME["bedside"], "Patient", 1_000_000, done)
    assert wanted(BY_NAME["duckdb-sql"], "Patient", 1_000_000, done)


def test_what_is_kept_is_found_again_while_code_and_data_are_the_same(tmp_path: Path) -> None:
    kept(tmp_path, runs("bedside", "Patient", 10_000, 0.1, 0.2))
    with (tmp_path / "m.jsonl").open("a") as out:
        out.write('{"kind": "run", "eng')  # the bench was stopped here
    again = Kept(tmp_path / "m.jsonl", IDENTITIES)
    assert [r["seconds"] for r in again.of("run", "bedside", view="Patient", size=10_000)] == [0.1, 0.2]
    assert list(again.of("run", "bedside", view="Patient", size=10_000, round=3)) == []
    changed = Kept(tmp_path / "m.jsonl", {**IDENTITIES, "bedside": "later"})
    assert (changed.all(), list(changed.of("run", "bedside"))) == ([], [])


@pytest.fixture
def some() -> dict[str, Any]:
    failed = {
        "kind": "failed",
        "engine": "pysof",
        "view": "Patient",
        "size": 100_000,
        "why": "needs a newer glibc <2.38>",
    }
    rows = {
        "kind": "rows",
        "engine": "fhir4ds-v2",
        "view": "Patient",
        "same": 3,
        "only_ours": 0,
        "only_theirs": 0,
        "remarks": ["decimals come as doubles"],
    }
    return results(
        runs("bedside", "Patient", 100_000, 0.1, 0.1, 0.1, 0.1, 0.1),
        runs("fhir4ds-v2", "Patient", 100_000, 20.0, 20.0, 20.0, 20.0),
        [failed, rows],
    )


def test_the_page_says_who_did_not_run_and_quotes_what_was_seen_before(some: dict[str, Any]) -> None:
    page = write_page(some)
    assert "| Bedside on DuckDB | 1,000,000 |" in page
    (line,) = (line for line in page.splitlines() if line.startswith("| pysof |"))
    assert "not run here: needs a newer glibc" in line
    assert "seen before, on another machine: about 10,000 resources/s" in line
    assert "equal, but decimals come as doubles" in page
    assert "Fewer than 5 rounds so far**: fhir4ds-v2 on Patient at 100,000 (4)" in page


def test_the_figure_holds_a_dot_for_each_measured_engine(some: dict[str, Any]) -> None:
    root = ET.fromstring(draw(some))
    svg = "{http://www.w3.org/2000/svg}"
    titles = [dot[0].text for dot in root.iter(f"{svg}circle") if len(dot)]
    assert titles == ["Patient: 1,000,000 resources/s", "Patient: 5,000 resources/s"]
    assert draw(some) == draw(some)
