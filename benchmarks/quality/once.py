"""One look of all raw checks at the tables in a folder, in a process of its own; prints what it took as JSON.

python -m benchmarks.quality.once TABLES [--memory 1GB]
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from datetime import date
from pathlib import Path
from typing import Any

TODAY = date(2026, 1, 1)


def look(tables: Path, memory: str | None) -> dict[str, Any]:
    """Seconds by view and in all, findings, and the violations of each check."""
    from expectations.raw import table_findings
    from expectations.raw_failures import failing_rows
    from expectations.raw_tables import RawTables
    from flows.engines import connected
    from mappings import engine

    views: dict[str, float] = {}
    judged = RawTables.judged

    def timed(self: RawTables, name: str) -> Any:
        views[name] = time.perf_counter()
        return judged(self, name)

    RawTables.judged = timed  # type: ignore[method-assign]
    with connected() as con:
        if memory:
            con.con.execute(f"SET memory_limit = '{memory}'")
            con.con.execute(f"SET temp_directory = '{tables / 'spill'}'")
        inputs = {file.stem: engine.of(con).parquet(con, file) for file in sorted(tables.glob("*.parquet"))}
        rows = sum(con.to_pyarrow(table.count()).as_py() for table in inputs.values())
        began = time.perf_counter()
        found = table_findings(inputs, TODAY)
        ended = time.perf_counter()
        starts = [*views.values(), ended]
        by_view = {name: after - at for (name, at), after in zip(views.items(), starts[1:], strict=True)}
        peak = _peak()
        violated = sorted({(one.check_id, one.table) for one in found if one.numerator})
        failing_began = time.perf_counter()
        listed = len(failing_rows(inputs, TODAY, wanted=violated))
        failing = time.perf_counter() - failing_began
    violations: dict[str, int] = {}
    for one in found:
        violations[one.check_id] = violations.get(one.check_id, 0) + one.numerator
    return {
        "rows": rows,
        "seconds": ended - began,
        "views": by_view,
        "peak_bytes": peak,
        "findings": len(found),
        "violations": dict(sorted(violations.items())),
        "failing_rows": {"seconds": failing, "listed": listed, "peak_bytes": _peak()},
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path)
    parser.add_argument("--memory", help="DuckDB's memory limit")
    asked = parser.parse_args()
    print(json.dumps(look(asked.tables, asked.memory)))


if __name__ == "__main__":
    main()
