"""The counts that describe a run's tables on a real Spark. Oracle: the same rows counted by DuckDB."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as parquet
import pytest

from expectations.table_profile import profile
from mappings.code_model import CodeEntry, CodeList
from tests.fixtures import spark
from tests.unit.expectations.test_profile_counts import HB, LOCAL, LOINC, observation, table

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]

ROWS = [
    *[
        observation(f"a{i}", f"p{i % 7}", value=0.37 * 1.9**i, day=f"20{10 + i % 15}-0{1 + i % 9}-11")
        for i in range(20)
    ],
    *[observation(f"b{i}", f"p{i}", "HB", LOCAL, unit=None, site="south", words="Haemoglobin") for i in range(6)],
    *[observation(f"c{i}", f"p{i}", "x y", LOCAL, value=-2.0 * i, unit=" mg ") for i in range(6)],
    *[observation(f"d{i}", f"p{i}", "few", LOCAL, day=None) for i in range(4)],
    *[observation(f"e{i}", f"p{i}", system=f"https://loinc.org/{i % 2}", value=None, day="2024-08") for i in range(6)],
    observation("a1", "p1", "second", LOCAL),
]
LISTS = {"hb": CodeList("hb", entries=(CodeEntry(LOINC, HB),), words=("haemoglobin",))}
PEOPLE = pd.DataFrame(
    [("north", f"p{i}", "1", "male" if i % 3 else None, f"19{50 + i}" if i % 4 else None) for i in range(30)],
    columns=["site", "id", "version", "gender", "birth_date"],
).astype("string")


def test_both_engines_count_the_same(tmp_path: Path) -> None:
    import ibis

    con = spark.connection()
    here = {"observation": table(ROWS), "patient": ibis.memtable(PEOPLE)}

    def there(name: str) -> Any:
        parquet.write_table(here[name].to_pyarrow(), tmp_path / f"{name}.parquet")
        return con.read_parquet(f"file://{tmp_path / name}.parquet").cast(here[name].schema())

    copies = {name: there(name) for name in here}
    ours = profile(here, date(2024, 6, 15), {"observation": LISTS})
    theirs = profile(copies, date(2024, 6, 15), {"observation": LISTS})
    pd.testing.assert_frame_equal(ours, theirs)
    assert {"records", "rows", "newest", "month", "code", "unit", "value", "missing", "taken", "unmapped"} == set(
        ours["kind"]
    )
