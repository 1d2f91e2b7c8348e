"""Who is measured: a name, the module that runs it, the environment it lives in and what it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST = 1_000_000


@dataclass(frozen=True)
class Contender:
    """``environment`` is a requirement file in ``peers/`` ("" is the project's own); ``threads`` 0 means all cores."""

    name: str
    module: str
    title: str
    keeps: str
    environment: str = ""
    threads: int = 0
    largest: int = LARGEST
    spark: bool = False
    newer_libc: bool = False

    @property
    def ours(self) -> bool:
        return self.name.startswith("bedside")


CONTENDERS = (
    Contender("bedside", "bedside", "Bedside on DuckDB", "Arrow table"),
    Contender("duckdb-sql", "duckdb_sql", "DuckDB, SQL by hand", "Arrow table"),
    Contender("bedside-1-thread", "bedside", "Bedside on DuckDB, 1 thread", "Arrow table", threads=1, largest=100_000),
    Contender(
        "duckdb-sql-1-thread", "duckdb_sql", "DuckDB, SQL by hand, 1 thread", "Arrow table", threads=1, largest=100_000
    ),
    Contender("orjson", "orjson_rows", "orjson and Python by hand", "list of dicts", threads=1),
    Contender("bedside-spark", "bedside_spark", "Bedside on Spark", "Arrow table", spark=True),
    Contender("pathling", "pathling_spark", "Pathling on Spark", "Arrow table", "pathling", spark=True),
    Contender("pysof", "pysof_chunks", "pysof", "list of lists", "pysof", newer_libc=True),
    Contender("fhir4ds-v2", "fhir4ds_sql", "fhir4ds-v2", "Arrow table", "fhir4ds-v2"),
    Contender("sqlonfhir", "sqlonfhir_rows", "sqlonfhir", "list of dicts", "sqlonfhir", threads=1),
    Contender("fhirpathpy", "fhirpathpy_rows", "fhirpathpy, compiled", "list of dicts", "fhirpathpy", threads=1),
    Contender("fhir-pyrate", "pyrate_frame", "FHIR-PYrate", "pandas DataFrame", "fhir-pyrate", threads=1),
)

BY_NAME = {contender.name: contender for contender in CONTENDERS}
