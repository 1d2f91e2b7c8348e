"""The tables of a large cohort, as Parquet: the GBSG2 sample's own, copied and moved a little, the same each time.

The sample generator writes the trial's 686 women as FHIR, the standard views make tables of them, and DuckDB copies
those as often as wanted. A copy has its own ids, other days of recurrence or last contact (up to 90 days either way, at
least one day after the index) and other measurements (up to a tenth). Three visits a subject are added, so that there
are 15 rows a subject.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

STUDY = "gbsg2"
TRIAL = 686
SITE = "gbsg"
_IDS = ("id", "patient_id")
# Day 0 of the trial's women stands in the procedure; what is moved must stay after it.
_MOVED = {
    "condition": ("code = 'recurrence'", ("onset_date",)),
    "observation": ("code = 'last-contact'", ("effective_date", "value_date")),
}


def make(folder: Path, subjects: int) -> int:
    """Write one Parquet a view into ``folder``; the number of rows."""
    import ibis

    from flows.sample import write_sample
    from mappings.catalogue import standard_views
    from mappings.compiler import compile_view

    con = ibis.duckdb.connect()
    with tempfile.TemporaryDirectory() as fhir:
        write_sample(STUDY, Path(fhir))
        for name, view in standard_views().items():
            file = Path(fhir) / f"{view.resource}.ndjson"
            rows = compile_view(view).relation(con, [str(file)] if file.exists() else [])
            con.create_table(f"base_{name}", rows.mutate(site=ibis.literal(SITE)).relocate("site"), temp=True)
    sql = con.con
    sql.execute("SET preserve_insertion_order = false")
    # Every subject wanted: the woman copied, the number of the copy, and her day 0.
    sql.execute(
        f"""CREATE TEMP TABLE copies AS
        SELECT p.id AS patient_id, copy, i.day
        FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM base_patient) p
        CROSS JOIN range(0, {subjects // TRIAL + 1}) r(copy)
        JOIN (SELECT patient_id, min(CAST(performed_date AS DATE)) AS day FROM base_procedure GROUP BY 1) i
          ON i.patient_id = p.id
        WHERE copy * {TRIAL} + place < {subjects}"""
    )
    folder.mkdir(parents=True, exist_ok=True)
    return sum(_write(sql, name, folder / f"{name}.parquet") for name in standard_views())


def _write(sql: Any, view: str, file: Path) -> int:
    columns = [name for name, *_ in sql.execute(f"DESCRIBE base_{view}").fetchall()]
    made = [f"{_made(view, name)} AS {name}" for name in columns]
    who = "id" if view == "patient" else "patient_id"
    query = f"SELECT {', '.join(made)} FROM base_{view} b JOIN copies c ON b.{who} = c.patient_id"
    if view == "encounter":
        query = _visits(columns)
    if who not in columns:
        query = f"SELECT * FROM base_{view}"
    (rows,) = sql.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)").fetchone()
    return int(rows)


def _made(view: str, column: str) -> str:
    """One column of a copy. Copy 0 is the trial itself."""
    if column in _IDS:
        return f"b.{column} || '-' || c.copy"
    if view in _MOVED and column in _MOVED[view][1]:
        which, _ = _MOVED[view]
        moved = f"greatest(CAST(b.{column} AS DATE) + {_draw('b.id', 181)} - 90, c.day + 1)"
        return f"CASE WHEN c.copy > 0 AND b.{which} THEN CAST({moved} AS VARCHAR) ELSE b.{column} END"
    if (view, column) == ("observation", "value_quantity"):
        moved = f"CAST(round(b.value_quantity * (90 + {_draw('b.id', 21)}) / 100) AS DECIMAL(38, 9))"
        return f"CASE WHEN c.copy > 0 THEN {moved} ELSE b.value_quantity END"
    return f"b.{column}"


def _draw(of: str, below: int) -> str:
    """A whole number from 0 that hangs on the resource and the copy alone: no random generator, no order."""
    return f"CAST(md5_number_lower({of} || '/' || c.copy) % {below} AS INTEGER)"


def _visits(columns: list[str]) -> str:
    known = {
        "site": f"'{SITE}'",
        "id": "patient_id || '-' || copy || '-visit-' || visit",
        "version": "CAST(NULL AS VARCHAR)",
        "patient_id": "patient_id || '-' || copy",
        "status": "'finished'",
        "class_code": "'AMB'",
        "period_start": "CAST(day - CAST(7 * visit AS INTEGER) AS VARCHAR)",
        "period_end": "CAST(day - CAST(7 * visit AS INTEGER) AS VARCHAR)",
    }
    made = [f"{known.get(name, 'CAST(NULL AS VARCHAR)')} AS {name}" for name in columns]
    return f"SELECT {', '.join(made)} FROM copies CROSS JOIN range(0, 3) v(visit)"
