"""DuckDB with SQL written by hand: what a person who knows both the data and DuckDB would write, nothing generated.

The schema names only what is read. The value is read as a double, which is what DuckDB's reader makes of a number and
the fastest it offers; keys are cut off by position, trusting that every reference is relative and has no history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.mapping.engines.arrow_form import count, rows

__all__ = ["PACKAGES", "count", "rows", "started"]

PACKAGES = ("duckdb", "pyarrow")

OBSERVATION = """
WITH resources AS (
  SELECT id, subject.reference AS reference, status, effectiveDateTime AS effective, valueQuantity.value AS value,
         valueQuantity.code AS unit, unnest(code.coding) AS coding
  FROM read_json($file, format = 'newline_delimited', columns = {
    id: 'VARCHAR', status: 'VARCHAR', effectiveDateTime: 'VARCHAR',
    subject: 'STRUCT(reference VARCHAR)', valueQuantity: 'STRUCT("value" DOUBLE, code VARCHAR)',
    code: 'STRUCT(coding STRUCT("system" VARCHAR, code VARCHAR)[])'})
)
SELECT id, CASE WHEN starts_with(reference, 'Patient/') THEN substr(reference, 9) END AS patient, status, effective,
       value, unit, coding.system AS code_system, coding.code AS code
FROM resources
"""

PATIENT = """
SELECT id, gender, birthDate AS birth_date, active,
       list_filter(name, lambda n: n.use = 'official')[1].family AS family,
       list_filter(name, lambda n: n.use = 'official')[1].given[1] AS given,
       list_filter(identifier, lambda i: i.system = 'http://hospital.smarthealthit.org')[1].value AS record_number,
       list_filter(telecom, lambda t: t.system = 'phone')[1].value AS phone,
       address[1].city AS city
FROM read_json($file, format = 'newline_delimited', columns = {
  id: 'VARCHAR', gender: 'VARCHAR', birthDate: 'VARCHAR', active: 'BOOLEAN',
  name: 'STRUCT("use" VARCHAR, family VARCHAR, given VARCHAR[])[]',
  identifier: 'STRUCT("system" VARCHAR, "value" VARCHAR)[]', telecom: 'STRUCT("system" VARCHAR, "value" VARCHAR)[]',
  address: 'STRUCT(city VARCHAR)[]'})
"""

IMAGING_STUDY = """
WITH resources AS (
  SELECT id, subject.reference AS reference, status, started, unnest(series) AS s
  FROM read_json($file, format = 'newline_delimited', columns = {
    id: 'VARCHAR', status: 'VARCHAR', started: 'VARCHAR', subject: 'STRUCT(reference VARCHAR)',
    series: 'STRUCT(uid VARCHAR, "number" BIGINT, modality STRUCT(code VARCHAR), bodySite STRUCT(code VARCHAR),
                    instance STRUCT(sopClass STRUCT(code VARCHAR))[])[]'})
)
SELECT id, CASE WHEN starts_with(reference, 'Patient/') THEN substr(reference, 9) END AS patient, status, started,
       s.uid AS uid, s.number AS number, s.modality.code AS modality, s.bodySite.code AS body_site,
       s.instance[1].sopClass.code AS sop_class
FROM resources
"""

SQL = {"Observation": OBSERVATION, "Patient": PATIENT, "ImagingStudy": IMAGING_STUDY}


@contextmanager
def started(view: dict[str, Any], threads: int) -> Iterator[Callable[[str], Any]]:
    """A function from a file to an Arrow table in memory."""
    import duckdb

    with duckdb.connect(config={"threads": threads}) as con:
        yield lambda file: con.sql(SQL[view["resource"]], params={"file": file}).to_arrow_table()
