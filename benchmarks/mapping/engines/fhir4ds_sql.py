"""fhir4ds-v2: the SQL it makes of a view, over a ``resources`` view of the file as JSON objects.

That is its fastest way: its FileSystemSource infers types first and is about four times slower, its loader twice. Of a
view's resourceType it takes only the StructureDefinition's address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.mapping.engines.arrow_form import count, rows

__all__ = ["PACKAGES", "count", "rows", "started"]

PACKAGES = ("fhir4ds-v2", "duckdb", "pyarrow")
_ADDRESS = "https://sql-on-fhir.org/ig/StructureDefinition/ViewDefinition"
_RESOURCES = """CREATE OR REPLACE VIEW resources AS
SELECT json->>'id' AS id, json->>'resourceType' AS resourceType, json AS resource, NULL::VARCHAR AS patient_ref
FROM read_ndjson_objects('{file}')"""


@contextmanager
def started(view: dict[str, Any], threads: int) -> Iterator[Callable[[str], Any]]:
    """A function from a file to an Arrow table in memory."""
    import fhir4ds

    sql = fhir4ds.generate_view_sql({**view, "resourceType": _ADDRESS})
    con = fhir4ds.create_connection(threads=threads)

    def query(file: str) -> Any:
        con.execute(_RESOURCES.format(file=file.replace("'", "''")))
        return con.sql(sql).to_arrow_table()

    yield query
    con.close()
