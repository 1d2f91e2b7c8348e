"""The standard views on the public Synthea sample. Oracle: the interpreter's rows, and the sample's own counts."""

from __future__ import annotations

import gzip
import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pytest

from mappings import interpreter
from mappings.catalogue import load, view_bytes, view_names
from mappings.compiler import compile_view
from mappings.conformance import same_rows
from mappings.viewdefinition import parse_view

SAMPLE = Path(__file__).parents[3] / "shared" / "synthea"
LINES = 400
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SAMPLE.is_dir(), reason="the shared folder is not beside the repository"),
]


@pytest.fixture(scope="module")
def con() -> Any:
    return ibis.duckdb.connect()


def in_sample() -> list[str]:
    types = {name: json.loads(view_bytes(name))["resource"] for name in view_names()}
    return [name for name, type_ in types.items() if (SAMPLE / f"{type_}.ndjson.gz").exists()]


@pytest.mark.parametrize("name", in_sample())
def test_rows_equal_the_interpreter_s(name: str, con: Any, tmp_path: Path) -> None:
    view = load(name)
    with gzip.open(SAMPLE / f"{view.resource}.ndjson.gz", "rt") as lines:
        first = list(itertools.islice(lines, LINES))
    (tmp_path / "some.ndjson").write_text("".join(first))
    expected = list(interpreter.rows(view, (json.loads(line, parse_float=Decimal) for line in first)))
    compiled = compile_view(view)
    files = [str(tmp_path / "some.ndjson")]
    assert same_rows(con.to_pyarrow(compiled.relation(con, files)).to_pylist(), expected)
    counts = compiled.count(con, files)
    assert counts.accepted == len(first) == counts.with_rows + counts.removed_by_where + counts.empty_for_each


def test_the_sample_s_conditional_references_are_counted(con: Any) -> None:
    """Practitioners and organizations are only there as ``X?identifier=system|value`` (the sample's README, 1)."""
    encounters = json.loads((SAMPLE / "COUNTS.json").read_text())["Encounter"]["count"]
    view = parse_view(
        {
            "resource": "Encounter",
            "select": [{"column": [{"name": "by", "path": "serviceProvider.getReferenceKey(Organization)"}]}],
        }
    )
    lost = compile_view(view).reference_losses(con, [str(SAMPLE / "Encounter.ndjson.gz")])
    assert lost == {("serviceProvider", "conditional"): encounters}
