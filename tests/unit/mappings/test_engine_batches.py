"""Rows a batch at a time: the same rows, and an error that comes after the first batches is the engine's, not a file's.

Oracle: the rows handed in.
"""

from __future__ import annotations

from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from mappings import engine
from mappings.errors import UnusableDataError

ROWS = 400_000


def batches_of(last: str, folder: Path) -> list[pa.RecordBatch]:
    con = ibis.duckdb.connect()
    con.raw_sql("SET threads = 1")
    texts = con.create_table("texts", ibis.memtable(pa.table({"text": ["1.5"] * (ROWS - 1) + [last]})), temp=True)
    rows = texts.select(number=texts.text.cast("decimal(38, 18)"))
    found = []
    with engine.clear_errors("v"), engine.DUCKDB.batches(con, rows, folder) as batches:
        for batch in batches:
            found.append(batch)
    return found


def test_all_rows_come_in_several_batches(tmp_path: Path) -> None:
    found = batches_of("2", tmp_path)
    assert len(found) > 1
    assert sum(batch.num_rows for batch in found) == ROWS


def test_an_error_after_the_first_batches_is_ours_and_shows_no_value(tmp_path: Path) -> None:
    with pytest.raises(UnusableDataError, match="does not fit 20 digits") as said:
        batches_of("1" + "0" * 30, tmp_path)
    assert "0000" not in str(said.value)
