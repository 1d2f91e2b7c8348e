"""The raw checks on a real Spark: the same counts and the same failing rows. Oracle: DuckDB, whose counts other tests
hold by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from expectations.raw import table_findings
from expectations.raw_failures import failing_rows
from mappings import engine
from tests.fixtures import spark
from tests.fixtures.planted import TODAY
from tests.fixtures.planted_raw import cases
from tests.fixtures.raw_tables import hospital, on_duckdb

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]


@pytest.fixture(scope="module")
def planted() -> dict[str, pa.Table]:
    """Every error that is planted anywhere, in one hospital, each under ids of its own."""
    more: dict[str, list[Mapping[str, Any]]] = {}
    for n, case in enumerate(cases()):
        for view, rows in case.rows().items():
            for row in rows:
                own = {"id": f"{row['id']}-{n}"} if "id" in row else {}
                patient = str(row.get("patient_id"))
                if patient.startswith("dead"):
                    own["patient_id"] = f"{patient}-{n}"
                more.setdefault(view, []).append({**row, **own})
    return hospital(more)


@pytest.fixture(scope="module")
def there(planted: Mapping[str, pa.Table], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    con, folder = spark.connection(), tmp_path_factory.mktemp("raw")
    tables = {}
    for name, table in planted.items():
        file: Path = folder / f"{name}.parquet"
        parquet.write_table(table, file)
        tables[name] = engine.of(con).parquet(con, file)
    return tables


@pytest.fixture(scope="module")
def findings(planted: Mapping[str, pa.Table]) -> list[Any]:
    return table_findings(on_duckdb(planted), TODAY)


def test_every_count_is_the_same(findings: list[Any], there: Mapping[str, Any]) -> None:
    assert {one.check_id for one in findings if one.numerator} == {case.check for case in cases()}
    assert table_findings(there, TODAY) == findings


def test_the_failing_rows_are_the_same(
    planted: Mapping[str, pa.Table], findings: list[Any], there: Mapping[str, Any]
) -> None:
    some = {"patient", "observation", "procedure_used"}
    wanted = sorted({(one.check_id, one.table) for one in findings if one.numerator and one.table in some})
    here = failing_rows(on_duckdb(planted), TODAY, wanted=wanted, most=5)
    assert {(row.check_id, row.table) for row in here.itertuples()} == set(wanted)
    pd.testing.assert_frame_equal(failing_rows(there, TODAY, wanted=wanted, most=5), here)
