"""The cases of the deriving rules on a real Spark, with what the sample study does not ask for. Oracle: DuckDB."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow.parquet as parquet
import pytest

from analysis.derive import Derived, derive
from analysis.study.model import Study
from tests.fixtures import spark
from tests.fixtures.rule_cases import hospital_of_cases
from tests.unit.derive.hospital import KEY, STUDY, study
from tests.unit.derive.test_deriving_adverse_events import ASKED, CODES, LISTS, MAPS, add_events

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]

FRAMES = [field.name for field in fields(Derived) if field.name != "variants"]


def _study() -> Study:
    """Adverse events, a competing event, partial dates at either end and missed visits beside the small study's own."""
    endpoints = [
        {**STUDY["endpoint"][0], "competing": [{"list": "surgery", "desc": "Surgery"}]},
        *STUDY["endpoint"][1:],
    ]
    more = [
        {"id": "early", "partial_dates": "low"},
        {"id": "late", "partial_dates": "high"},
        {"id": "missed", "max_gap_days": 50},
    ]
    analysis = {**STUDY["analysis"], "sensitivity": [*STUDY["analysis"]["sensitivity"], *more]}
    return study(list=LISTS, adverse_events=ASKED, endpoint=endpoints, analysis=analysis)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Derived, Derived]:
    """Derived on DuckDB and on Spark, of the same tables."""
    made, tables = _study(), add_events(hospital_of_cases()).tables()
    con, folder = spark.connection(), tmp_path_factory.mktemp("views")

    def there(name: str, table: ibis.Table) -> Any:
        file: Path = folder / f"{name}.parquet"
        parquet.write_table(table.to_pyarrow(), file)
        return con.read_parquet(f"file://{file}").cast(table.schema())

    copies = {name: there(name, table) for name, table in tables.items()}
    return derive(made, CODES, MAPS, tables, KEY, {}), derive(made, CODES, MAPS, copies, KEY, {}, con)


@pytest.mark.parametrize("name", FRAMES)
def test_every_set_is_the_same(both: tuple[Derived, Derived], name: str) -> None:
    here, there = (getattr(one, name) for one in both)
    if here is None:
        assert there is None
    else:
        assert len(here) > 0
        pd.testing.assert_frame_equal(here, there)


def test_every_sensitivity_set_is_the_same(both: tuple[Derived, Derived]) -> None:
    here, there = (one.variants for one in both)
    assert {"early", "late", "missed", "censor-surgery"} <= set(here) == set(there)
    for name, variant in here.items():
        for table in ("adsl", "adtte", "analysis_table"):
            pd.testing.assert_frame_equal(getattr(variant, table), getattr(there[name], table))
