"""A view's statement, made once and told the files. Oracle: ``relation``, which builds its query anew for them.

That both give the same rows for generated views is in tests/generative.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ibis
import pytest

from mappings import engine
from mappings.compiler import CompiledView, compile_view
from mappings.errors import DefinitionError
from mappings.viewdefinition import parse_view

COLUMNS = [{"name": "id", "path": "id"}, {"name": "status", "path": "status"}, {"name": "at", "path": "%rowIndex"}]


@pytest.fixture
def con() -> Any:
    return ibis.duckdb.connect()


def compiled(**more: Any) -> CompiledView:
    return compile_view(parse_view({"resource": "Observation", "name": "v", "select": [{"column": COLUMNS}], **more}))


def written(file: Path, *resources: dict[str, Any]) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps({"resourceType": "Observation", **one}) + "\n" for one in resources))
    return str(file)


def rows(con: Any, view: CompiledView, *paths: str) -> list[dict[str, Any]]:
    query, relation = view.query(con, paths), view.relation(con, paths)
    found, expected = (engine.of(con).arrow(con, one) for one in (query, relation))
    assert found.schema == expected.schema
    assert found.to_pylist() == expected.to_pylist()
    return list(found.to_pylist())


def test_the_statement_is_made_once(con: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = written(tmp_path / "a", {"id": "1"}), written(tmp_path / "b", {"id": "2"}, {"id": "3"})
    view = compiled()
    first = view.query(con, [one])
    monkeypatch.setattr(engine.DUCKDB, "statement", None)  # not asked again
    second = view.query(con, [other])
    assert [engine.of(con).arrow(con, query).num_rows for query in (first, second, first)] == [1, 2, 1]


@pytest.mark.parametrize(
    "name",
    [
        "it's.ndjson",
        "status=final/x.ndjson",
        "a b/x[1].ndjson",
        'a"b.ndjson',
        "a{b}.ndjson",
        "a\\'b.ndjson",
        "a--b.ndjson",
        "a\nb.ndjson",
        "$1%s?.ndjson",
        "~x.ndjson",
    ],
)
def test_a_files_name_is_only_a_name(con: Any, tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, {"id": "1", "status": "amended"})
    assert rows(con, compiled(), path) == [{"id": "1", "status": "amended", "at": 0}]


def test_a_star_in_a_files_name_is_no_pattern(con: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "a*.ndjson", {"id": "1"})
    written(tmp_path / "ab.ndjson", {"id": "2"})
    assert [row["id"] for row in rows(con, compiled(), path)] == ["1"]


def test_no_file_gives_no_row(con: Any) -> None:
    assert rows(con, compiled()) == []


def test_the_sql_people_read_names_no_file(con: Any, tmp_path: Path) -> None:
    said = compiled().sql(con, [written(tmp_path / "a.ndjson", {"id": "1"})])
    assert 'FROM "resources"' in said
    con.raw_sql("CREATE TABLE resources AS SELECT 'Observation' AS \"resourceType\", '1' AS id, 'final' AS status")
    assert con.raw_sql(said).fetchall() == [("1", "final", 0)]


def test_a_repeat_is_read_from_the_data_each_time(con: Any, tmp_path: Path) -> None:
    nested = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "1", "item": [{"linkId": "2"}]}]}
    path = written(tmp_path / "q", nested)
    view = {"resource": "QuestionnaireResponse", "name": "q", "select": []}
    view["select"] = [{"repeat": ["item"], "column": [{"name": "link", "path": "linkId"}]}]
    assert sorted(row["link"] for row in rows(con, compile_view(parse_view(view)), path)) == ["1", "2"]


def test_several_values_are_refused_as_ever(con: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "o", {"category": [{"text": "a"}, {"text": "b"}]})
    view = compiled(select=[{"column": [{"name": "c", "path": "category.text"}]}])
    with pytest.raises(DefinitionError, match="several values"), engine.clear_errors("v"):
        engine.of(con).arrow(con, view.query(con, [path]))
