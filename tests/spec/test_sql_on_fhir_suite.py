"""The public SQL on FHIR cases (shared/sql-on-fhir/tests) on the interpreter, on DuckDB and on Spark.

Oracle: the suite. Cases an engine cannot do yet are in ``sql_on_fhir_register.json`` with the reason; the register is
exact: neither a failure that is not in it, nor a pass that is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pytest

from mappings import engine, interpreter
from mappings.compiler import compile_view
from mappings.conformance import passes
from mappings.errors import DefinitionError
from mappings.viewdefinition import parse_view
from tests.fixtures import spark

SUITE = Path(__file__).parents[3] / "shared" / "sql-on-fhir" / "tests"
REGISTER = json.loads((Path(__file__).parent / "sql_on_fhir_register.json").read_text())
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SUITE.is_dir(), reason="the shared folder is not beside the repository"),
]


def cases() -> Iterator[Any]:
    for file in sorted(SUITE.glob("*.json")):
        suite = json.loads(file.read_text(), parse_float=Decimal)
        for case in suite["tests"]:
            name = f"{file.name}: {case['title']}"
            yield pytest.param(name, suite["resources"], case, id=name)


ALL = list(cases())


DUCKDB = ibis.duckdb.connect()


def text(resource: dict[str, Any]) -> str:
    return json.dumps(resource, default=lambda value: float(value))


def on_interpreter(view: dict[str, Any], resources: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    made = parse_view(view)
    return list(interpreter.rows(made, resources)), [column.name for column in made.columns]


@pytest.mark.parametrize(("name", "resources", "case"), ALL)
def test_interpreter(name: str, resources: list[dict[str, Any]], case: dict[str, Any]) -> None:
    judge("interpreter", name, case, lambda: on_interpreter(case["view"], resources))


def on_engine(
    con: Any, view: dict[str, Any], resources: list[dict[str, Any]], file: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    compiled = compile_view(parse_view(view))
    mine = [one for one in resources if one["resourceType"] == compiled.resource_type]
    file.write_text("".join(text(one) + "\n" for one in mine))
    with engine.clear_errors(""):
        table = engine.of(con).arrow(con, compiled.relation(con, [str(file)]))
    return table.to_pylist(), table.column_names


@pytest.mark.parametrize(("name", "resources", "case"), ALL)
def test_duckdb(name: str, resources: list[dict[str, Any]], case: dict[str, Any], tmp_path: Path) -> None:
    judge("duckdb", name, case, lambda: on_engine(DUCKDB, case["view"], resources, tmp_path / "resources.ndjson"))


@pytest.mark.spark
@pytest.mark.xdist_group("spark")
@pytest.mark.parametrize(("name", "resources", "case"), ALL)
def test_spark(name: str, resources: list[dict[str, Any]], case: dict[str, Any], tmp_path: Path) -> None:
    con = spark.connection()
    judge("spark", name, case, lambda: on_engine(con, case["view"], resources, tmp_path / "resources.ndjson"))


def judge(engine_name: str, name: str, case: dict[str, Any], run: Any) -> None:
    reason = REGISTER[engine_name].get(name)
    refusal, rows, columns = None, None, []
    try:
        rows, columns = run()
    except DefinitionError as error:
        refusal = str(error)
    if reason is not None:
        assert refusal is not None, f"{name} runs: take it out of the register"
        assert reason in refusal
    else:
        assert passes(case, rows, columns), refusal or rows


def test_the_register_names_only_cases_that_exist() -> None:
    names = {param.id for param in ALL}
    assert all(name in names for listed in REGISTER.values() for name in listed)


def test_the_suite_is_whole() -> None:
    assert len(ALL) == 120
