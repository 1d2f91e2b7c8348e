"""The standard views. Oracle: the table of columns in docs/architecture.md, the contract with derivation."""

from __future__ import annotations

import re
from pathlib import Path

import ibis
import pytest

from mappings.catalogue import load, standard_views, view_names
from mappings.compiler import ViewCounts, compile_view
from mappings.errors import DefinitionError

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"
TYPES = {"": "string", "dec": "decimal(38, 18)", "int": "int64", "bool": "boolean"}


def contract() -> dict[str, tuple[str, dict[str, str]]]:
    found = {}
    for line in ARCHITECTURE.read_text().splitlines():
        row = re.match(r"\| `(\w+)` \((\w+)\) \|[^|]*\| (.*) \|$", line)
        if row:
            columns = [re.match(r"(\w+)\s*(?:\((\w+)\))?", part) for part in re.split(r",\s*(?![^()]*\))", row[3])]
            made = {c[1]: TYPES.get(c[2] or "", "string") for c in columns if c}
            found[row[1]] = (row[2], made)
    return found


def test_the_contract_is_read() -> None:
    assert len(contract()) == 22
    assert contract()["patient"][1]["active"] == "boolean"


def test_views_and_columns_are_the_contract_s() -> None:
    found = {name: (view.resource, compile_view(view).columns) for name, view in standard_views().items()}
    assert found == contract()


@pytest.mark.parametrize("name", view_names())
def test_a_type_without_files_gives_an_empty_table_of_the_right_columns(name: str) -> None:
    con = ibis.duckdb.connect()
    compiled = compile_view(load(name))
    table = con.to_pyarrow(compiled.relation(con, []))
    assert table.num_rows == 0
    assert dict(ibis.Schema.from_pyarrow(table.schema).items()) == {
        column: ibis.dtype(type_) for column, type_ in compiled.columns.items()
    }
    assert compiled.count(con, []) == ViewCounts(0, 0, 0, 0)
    assert compiled.reference_losses(con, []) == {}


def test_an_unknown_view_names_the_nearest() -> None:
    with pytest.raises(DefinitionError, match="did you mean observation"):
        load("observatoin")
