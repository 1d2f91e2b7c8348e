"""A cohort derived in blocks is the cohort derived whole, and no row of a patient stays in the engine.

Oracle: the derivation of all subjects at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from analysis.derive import Derived, SiteRules, blocks, derive
from flows.run_folder import RunFolder
from flows.steps.tables import tables_of
from flows.study_folder import read

STUDY = read(Path(__file__).resolve().parents[2] / "studies" / "li2023")
FRAMES = [field.name for field in fields(Derived) if field.name != "variants"]


def derived(con: Any, run: RunFolder) -> Derived:
    rules = {"yichang": SiteRules(timezone="Asia/Shanghai")}
    return derive(STUDY.study, STUDY.codes, STUDY.maps, tables_of(con, run), b"a key", rules, con)


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    connection = ibis.duckdb.connect()
    yield connection
    connection.disconnect()


@pytest.fixture(scope="module")
def whole(con: Any, finished_run: RunFolder) -> Derived:
    return derived(con, finished_run)


@pytest.mark.parametrize("most", [7, 29])
def test_blocks_change_nothing(
    con: Any, finished_run: RunFolder, whole: Derived, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(whole.adsl) == 29  # so that 7 leaves a short last block, and 29 is the largest that makes one block
    monkeypatch.setattr(blocks, "SUBJECTS", most)
    made = derived(con, finished_run)
    for name in FRAMES:
        one, other = getattr(made, name), getattr(whole, name)
        if other is None:
            assert one is None, name
        else:
            pd.testing.assert_frame_equal(one, other)
    assert set(made.variants) == set(whole.variants) != set()
    for name, variant in whole.variants.items():
        pd.testing.assert_frame_equal(made.variants[name].analysis_table, variant.analysis_table)


def test_the_engine_keeps_no_row_of_a_patient(con: Any, whole: Derived) -> None:
    asked = "SELECT DISTINCT table_name FROM duckdb_columns() WHERE column_name = 'patient_id' AND NOT internal"
    mine = [name for (name,) in con.con.execute(asked).fetchall() if "bedside" in name]
    assert len(whole.adsl)
    assert mine == []
