"""ValueSet membership and ConceptMap translation on millions of rows, beside a hand-written join of the same rows.

    python benchmarks/codes.py [--rows 5000000] [--rounds 5] [--json FILE]

Each measurement is a process of its own, in turn, on one Parquet file; the median of the rounds is shown. The plain
join is told the canonical systems and codes; on rows that hold only those both find the same, and what is compared is
the price of bringing codings to one form. ``spelled`` are the same rows with systems and codes as exports write them,
which a plain join does not find; each is compared with the plain join on the same file. Seconds are those of the
query, DuckDB being open.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SYSTEMS = ("http://loinc.org", "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10", "http://x.org/local")
CODES = 5_000
LISTED = 500
WHO = ("plain join", "ours", "plain join, spelled", "ours, spelled")
TASKS = ("membership", "translation")


def code(i: int) -> str:
    """Half of the codes look like ICD-10's, half like numbers."""
    return f"{'ABCDEFGHIJ'[i % 10]}{i // 10 % 90 + 10}.{i // 900}" if i % 2 else str(100_000 + i)


def listed() -> list[tuple[str, str]]:
    """The codings of the list and the map: every tenth of the codes, in every system."""
    return [(SYSTEMS[i // 10 % len(SYSTEMS)], code(i)) for i in range(0, CODES, CODES // LISTED)]


def write_rows(folder: Path, rows: int) -> None:
    """``plain.parquet`` and ``spelled.parquet``: n, system, code, value."""
    import duckdb
    import pyarrow as pa

    codes = pa.table({"i": list(range(CODES)), "code": [code(i) for i in range(CODES)]})
    con = duckdb.connect()
    con.register("codes", codes)
    systems = ", ".join(f"'{one}'" for one in SYSTEMS)
    made = f"""
        SELECT n, [{systems}][(hash(n + 1) % {len(SYSTEMS)})::INT + 1] AS system, code, (hash(n) % 1000) / 10.0 AS value
        FROM (SELECT range AS n, (hash(range) % {CODES})::BIGINT AS i FROM range({rows})) JOIN codes USING (i)"""
    con.execute(f"COPY ({made}) TO '{folder / 'plain.parquet'}' (FORMAT parquet)")
    spelled = "replace(system, 'http://', ['http://', 'https://', 'HTTP://'][(n % 3)::INT + 1])"
    suffix = "['', '/', '|2.77'][(n % 3)::INT + 1]"
    again = f"SELECT n, {spelled} || {suffix} AS system, code || repeat(' ', (n % 2)::INT) AS code, value FROM ({made})"
    con.execute(f"COPY ({again}) TO '{folder / 'spelled.parquet'}' (FORMAT parquet)")


def measure(who: str, task: str, folder: Path) -> dict[str, Any]:
    """One query: its seconds, what it found, and the peak memory of this process."""
    import ibis
    import pyarrow as pa

    from mappings.codelists import CodeEntry, CodeList, ConceptMapping, ConceptRow, translated, with_membership

    file = folder / ("spelled.parquet" if who.endswith("spelled") else "plain.parquet")
    con = ibis.duckdb.connect()
    con.raw_sql(f"SET temp_directory = '{folder}'")
    table = con.read_parquet(str(file))
    pairs = listed()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    if who.startswith("plain join"):
        columns = {"system": [s for s, _ in pairs], "code": [c for _, c in pairs], "target": [c for _, c in pairs]}
        con.con.register("listed", pa.table(columns))
        asked = "l.code IS NOT NULL" if task == "membership" else "l.target"
        query = (
            f"SELECT t.*, {asked} AS made FROM '{file}' t LEFT JOIN listed l ON t.system = l.system AND t.code = l.code"
        )
    else:
        if task == "membership":
            made = CodeList("listed", entries=tuple(CodeEntry(s, c) for s, c in pairs))
            expression = with_membership(table, "system", "code", made, "made", con)
        else:
            mapping = ConceptMapping("listed", tuple(ConceptRow(s, c, None, c) for s, c in pairs))
            expression = translated(table, "system", "code", mapping, "made", con)
        con._run_pre_execute_hooks(expression)
        query = str(con.compile(expression))
    counted = "count_if(made)" if task == "membership" else "count(made)"
    asked = f"SELECT count(*), {counted}, sum(n), round(sum(value)), max(system) FROM ({query})"
    found = con.raw_sql(asked).fetchone()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "rows": found[0], "found": found[1:4], "peak_kib": peak, "start_kib": before}


def main() -> None:
    """Measure everything in turn, print the table, and write the JSON where asked."""
    asked = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    asked.add_argument("--rows", type=int, default=5_000_000)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--json", type=Path)
    asked.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], given.one[1], Path(given.one[2]))))
        return
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as place:
        write_rows(Path(place), given.rows)
        for _ in range(given.rounds):
            for task in TASKS:
                for who in WHO:
                    command = [sys.executable, __file__, "--one", who, task, place]
                    said = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
                    runs.setdefault((task, who), []).append(json.loads(said.stdout))
    results = []
    for task in TASKS:
        for who in WHO:
            plain = runs[task, "plain join, spelled" if who.endswith("spelled") else "plain join"]
            mine = runs[task, who]
            wanted = runs[task, "plain join"][0]["found"]  # what is in the list, however it is spelled
            equal = all(one["found"] == wanted for one in mine)
            seconds = statistics.median(one["seconds"] for one in mine)
            peak = statistics.median(one["peak_kib"] for one in mine)
            base = statistics.median(one["seconds"] for one in plain)
            base_peak = statistics.median(one["peak_kib"] for one in plain)
            results.append(
                {
                    "task": task, "who": who, "rows": given.rows, "seconds": round(seconds, 4),
                    "rows_a_second": round(given.rows / seconds), "peak_mib": round(peak / 1024),
                    "seconds_to_plain": round(seconds / base, 2), "peak_to_plain": round(peak / base_peak, 2),
                    "all_found": equal,
                }
            )  # fmt: skip
    print(f"{given.rows:,} rows, {CODES:,} codes, {LISTED} listed, median of {given.rounds}")
    print(f"{'task':<14}{'who':<22}{'seconds':>9}{'rows/s':>14}{'x plain':>9}{'MiB':>7}{'x plain':>9}  all found")
    for one in results:
        print(
            f"{one['task']:<14}{one['who']:<22}{one['seconds']:>9.3f}{one['rows_a_second']:>14,}"
            f"{one['seconds_to_plain']:>9}{one['peak_mib']:>7}{one['peak_to_plain']:>9}  {one['all_found']}"
        )
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
