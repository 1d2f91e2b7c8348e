"""Generated resources and views give the same rows and counts on DuckDB and on Spark as on the slow interpreter.

Oracle: the interpreter. BEDSIDE_EXAMPLES says how many examples of each type DuckDB gets; Spark, whose queries cost a
fifth of a second each, gets BEDSIDE_SPARK_EXAMPLES.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from mappings import engine, interpreter
from mappings.compiler import ViewCounts, compile_view
from mappings.conformance import same_rows
from mappings.viewdefinition import parse_view
from tests.fixtures import spark
from tests.generative.fhir_examples import BASES, OBSERVATION, PATIENT, RESPONSE, views

EXAMPLES = int(os.environ.get("BEDSIDE_EXAMPLES", "40"))
SPARK_EXAMPLES = int(os.environ.get("BEDSIDE_SPARK_EXAMPLES", "12"))
RESOURCES = {"Patient": PATIENT, "Observation": OBSERVATION, "QuestionnaireResponse": RESPONSE}
DUCKDB = ibis.duckdb.connect()
UNHURRIED: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}


@pytest.mark.parametrize("resource", list(RESOURCES))
@settings(max_examples=EXAMPLES, **UNHURRIED)
@given(data=st.data())
def test_same_rows_and_counts_on_duckdb(resource: str, tmp_path: Path, data: st.DataObject) -> None:
    judge(DUCKDB, *drawn(resource, data), tmp_path / "resources.ndjson")


@pytest.mark.spark
@pytest.mark.xdist_group("spark")
@pytest.mark.parametrize("resource", list(RESOURCES))
@settings(max_examples=SPARK_EXAMPLES, **UNHURRIED)
@given(data=st.data())
def test_same_rows_and_counts_on_spark(resource: str, tmp_path: Path, data: st.DataObject) -> None:
    judge(spark.connection(), *drawn(resource, data), tmp_path / "resources.ndjson")


def drawn(resource: str, data: st.DataObject) -> tuple[dict[str, Any], list[str]]:
    """A view and the lines of some resources."""
    raw = data.draw(views(resource))
    lines = [json.dumps(one) for one in data.draw(st.lists(RESOURCES[resource], min_size=1, max_size=6))]
    note(json.dumps(raw))
    note("\n".join(lines))
    return raw, lines


def judge(con: Any, raw: dict[str, Any], lines: list[str], file: Path) -> None:
    file.write_text("".join(line + "\n" for line in lines))
    parsed = [json.loads(line, parse_float=Decimal) for line in lines]
    view = parse_view(raw)
    compiled = compile_view(view, BASES)
    expected = list(interpreter.rows(view, parsed, BASES))
    table = engine.of(con).arrow(con, compiled.relation(con, [str(file)]))
    assert same_rows(table.to_pylist(), expected), (table.to_pylist(), expected)
    for _ in range(2):  # the second time the view's statement is there already
        again = engine.of(con).arrow(con, compiled.query(con, [str(file)]))
        assert again.schema == table.schema
        assert same_rows(again.to_pylist(), expected), (again.to_pylist(), expected)

    made = Counter(bool(list(interpreter.rows(view, [one], BASES))) for one in parsed)
    staying = sum(interpreter.stays(view, one, BASES) for one in parsed)
    counts = compiled.count(con, [str(file)])
    assert counts == ViewCounts(len(parsed), made[True], len(parsed) - staying, staying - made[True])
