"""The whole catalogue on the tables in a folder, in a process of its own; prints what it took as JSON.

    python -m benchmarks.quality.once TABLES RUN [--memory 1GB]

As the quality step does it: raw checks, the rows that violate them, the profile of the tables, and the analysis tables
of a run folder through Great Expectations.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

TODAY = date(2026, 1, 1)
RAW, ROWS, PROFILE = "raw checks", "rows that violate them", "profile"
READ, SUBJECTS = "analysis tables read", "checks on analysis tables"


class Steps:
    """Seconds, processor seconds and the highest memory so far, by step."""

    def __init__(self) -> None:
        self.took: dict[str, dict[str, float]] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began, used = time.perf_counter(), time.process_time()
        yield
        self.took[name] = {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - used,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }


def look(tables: Path, run: Path, memory: str | None) -> dict[str, Any]:
    """What each step took, how much it looked at, and what it found."""
    steps = Steps()
    counted = _tables(tables, memory, steps)
    judged = _subjects(run, steps)
    return {"steps": steps.took, **counted, **judged}


def _tables(folder: Path, memory: str | None, steps: Steps) -> dict[str, Any]:
    from expectations.raw import table_findings
    from expectations.raw_failures import failing_rows
    from expectations.table_profile import profile
    from flows.engines import connected
    from mappings import engine

    with connected() as con:
        if memory:
            con.con.execute(f"SET memory_limit = '{memory}'")
            con.con.execute(f"SET temp_directory = '{folder / 'spill'}'")
        inputs = {file.stem: engine.of(con).parquet(con, file) for file in sorted(folder.glob("*.parquet"))}
        rows = sum(con.to_pyarrow(table.count()).as_py() for table in inputs.values())
        with steps.step(RAW):
            found = table_findings(inputs, TODAY)
        wanted = sorted({(one.check_id, one.table) for one in found if one.numerator})
        with steps.step(ROWS):
            listed = len(failing_rows(inputs, TODAY, wanted=wanted))
        with steps.step(PROFILE):
            counts = len(profile(inputs, TODAY, {}))
    violations: dict[str, int] = {}
    for one in found:
        violations[one.check_id] = violations.get(one.check_id, 0) + one.numerator
    return {
        "rows": rows,
        "raw_checks": len(violations),
        "findings": len(found),
        "listed": listed,
        "profile": counts,
        "violations": dict(sorted(violations.items())),
    }


def _subjects(folder: Path, steps: Steps) -> dict[str, Any]:
    from analysis.study.model import Study
    from benchmarks.quality.subjects import REPOSITORY, SITE, STUDY
    from expectations.catalogue import asked_of
    from flows.quality_subjects import judge_subjects
    from flows.run_folder import RunFolder
    from flows.steps.subjects import read_derived
    from flows.study_folder import read

    study = read(REPOSITORY / "studies" / STUDY).study
    assert isinstance(study, Study)
    asked = asked_of(study)
    with steps.step(READ):
        derived = read_derived(RunFolder(folder))
        known = frozenset(derived.adsl["USUBJID"])
    with steps.step(SUBJECTS):
        outcomes, _ = judge_subjects(study, derived, asked, [SITE], known, {})
    errors = [one.check.id for one in outcomes if one.finding.error]
    if errors:
        raise SystemExit(f"could not be computed: {errors}")
    return {"subjects": len(derived.adsl), "analysis_checks": len({one.check.id for one in outcomes})}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--memory", help="DuckDB's memory limit")
    asked = parser.parse_args()
    print(json.dumps(look(asked.tables, asked.run, asked.memory)))


if __name__ == "__main__":
    main()
