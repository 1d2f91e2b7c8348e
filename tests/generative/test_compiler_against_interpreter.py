"""Generated resources and views give the same rows and counts on DuckDB as on the slow interpreter (the oracle)."""

from __future__ import annotations

import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path

import ibis
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from mappings import interpreter
from mappings.compiler import ViewCounts, compile_view
from mappings.conformance import same_rows
from mappings.viewdefinition import parse_view
from tests.generative.fhir_examples import BASES, OBSERVATION, PATIENT, RESPONSE, views

EXAMPLES = int(os.environ.get("BEDSIDE_EXAMPLES", "40"))
CON = ibis.duckdb.connect()


RESOURCES = {"Patient": PATIENT, "Observation": OBSERVATION, "QuestionnaireResponse": RESPONSE}


@pytest.mark.parametrize("resource", list(RESOURCES))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_same_rows_and_counts(resource: str, tmp_path: Path, data: st.DataObject) -> None:
    raw = data.draw(views(resource))
    lines = [json.dumps(one) for one in data.draw(st.lists(RESOURCES[resource], min_size=1, max_size=6))]
    file = tmp_path / "resources.ndjson"
    file.write_text("".join(line + "\n" for line in lines))
    parsed = [json.loads(line, parse_float=Decimal) for line in lines]
    note(json.dumps(raw))
    note("\n".join(lines))

    view = parse_view(raw)
    compiled = compile_view(view, BASES)
    expected = list(interpreter.rows(view, parsed, BASES))
    found = CON.to_pyarrow(compiled.relation(CON, [str(file)])).to_pylist()
    assert same_rows(found, expected), (found, expected)

    made = Counter(bool(list(interpreter.rows(view, [one], BASES))) for one in parsed)
    staying = sum(interpreter.stays(view, one, BASES) for one in parsed)
    counts = compiled.count(CON, [str(file)])
    assert counts == ViewCounts(len(parsed), made[True], len(parsed) - staying, staying - made[True])
