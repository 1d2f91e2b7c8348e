"""The bench of the checks: its tables, and from rounds to results and page. Oracle: DuckDB's own counts of the tables;
figures computed by hand from made-up rounds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from benchmarks.quality import data
from benchmarks.quality.once import PROFILE, RAW, READ, ROWS, SUBJECTS, TODAY
from benchmarks.quality.page import write_page
from benchmarks.quality.subjects import derived_of
from benchmarks.quality.summary import summarise
from tests.conftest import REPOSITORY

FACTS = {"cores": 2, "processor": "P", "memory_gib": 4, "system": "S", "python": "3.11"}
GIB = 2**30


def took(raw: float, rest: float = 1.0, gib: float = 1.0, load: float = 0.5) -> dict[str, Any]:
    seconds = {RAW: raw, ROWS: rest, PROFILE: rest, READ: 0.0, SUBJECTS: rest}
    steps = {name: {"seconds": s, "cpu_seconds": 2 * s, "peak_bytes": gib * GIB} for name, s in seconds.items()}
    counts = {
        "rows": 10,
        "subjects": 3,
        "raw_checks": 2,
        "analysis_checks": 4,
        "findings": 5,
        "listed": 6,
        "profile": 7,
    }
    return {"steps": steps, "load": load, "violations": {"a": 0, "b": 1234}, **counts}


def test_the_median_of_time_and_the_highest_of_memory_are_shown() -> None:
    found = summarise([took(4.0, gib=1.0), took(9.0, gib=1.75, load=2.5), took(5.0)], FACTS, {"duckdb": "2"})
    assert found["steps"][RAW] == {"seconds": 5.0, "cpu_seconds": 10.0, "peak_gib": 1.75}
    assert (found["seconds"], found["each"]) == (8.0, [7.0, 12.0, 8.0])
    assert found["load"] == {"least": 0.5, "most": 2.5}


@pytest.mark.parametrize(
    ("raw", "rest", "gib", "met"),
    [
        (34.9, 8.0, 1.49, [True, True, True, True]),
        (35.0, 8.0, 1.5, [True, True, False, False]),
        (36.0, 8.0, 2.0, [False, False, False, False]),
    ],
)
def test_targets_are_judged(raw: float, rest: float, gib: float, met: list[bool]) -> None:
    found = summarise([took(raw, rest, gib)], FACTS, {})
    assert [one["met"] for one in found["targets"]] == met


def test_the_page_shows_steps_and_violations() -> None:
    page = write_page(summarise([took(4.0)], FACTS, {"duckdb": "2"}))
    assert f"| {RAW} | 4.0 | 8.0 | 1.00 |" in page
    assert "| **whole** | 7.0 | 14.0 | |" in page
    assert "| `b` | 1,234 |" in page
    assert "`a`" not in page


def test_the_page_in_the_documents_is_that_of_the_results() -> None:
    results = json.loads((REPOSITORY / "benchmarks" / "quality" / "results.json").read_text())
    assert (REPOSITORY / "docs" / "performance-quality.md").read_text() == write_page(results)


def test_the_tables_hold_the_errors_that_are_counted(tmp_path: Path) -> None:
    """DuckDB counts them in its own words."""
    import ibis

    from expectations.raw import table_findings

    rows = data.make(tmp_path, 3000)
    con = ibis.duckdb.connect()
    tables = {file.stem: con.read_parquet(file) for file in tmp_path.glob("*.parquet")}
    assert set(tables) == set(data.ROWS_OF)
    found: Counter[tuple[str, str]] = Counter()
    for one in table_findings(tables, TODAY):
        found[one.check_id, one.table] += one.numerator

    def number(query: str) -> int:
        return int(duckdb.execute(query).fetchall()[0][0])

    def counted(view: str, where: str) -> int:
        return number(f"SELECT count(DISTINCT id) FROM '{tmp_path / view}.parquet' WHERE {where}")

    assert rows == sum(number(f"SELECT count(*) FROM '{file}'") for file in tmp_path.glob("*.parquet"))
    bad_status = counted("encounter", "status = 'done'")
    assert found["status_in_required_value_set", "encounter"] == bad_status > 0
    assert found["no_future_dates", "observation"] == counted("observation", "effective_date > '2026-01-02'") > 0
    unit = "value_quantity IS NOT NULL AND value_unit_code = 'pieces'"
    assert found["lab_unit_is_ucum", "observation"] == counted("observation", unit) > 0
    said = "(site, patient_id, period_start, period_end, status, class_code)"
    surplus = number(f"SELECT count(*) - count(DISTINCT {said}) FROM '{tmp_path / 'encounter.parquet'}'")
    # Every two hundredth record repeats the one before it; a few more have the same day by chance.
    assert found["no_duplicate_records", "encounter"] == surplus >= 6000 // 200


def test_each_copied_subject_has_a_key_of_its_own() -> None:
    _, derived = derived_of(1000)
    assert len(derived.adsl) == derived.adsl["USUBJID"].nunique() == 1000
    assert derived.adsl["USUBJID"].str.fullmatch("[0-9a-f]{16}").all()
    assert set(derived.adtte["USUBJID"]) == set(derived.adsl["USUBJID"])
