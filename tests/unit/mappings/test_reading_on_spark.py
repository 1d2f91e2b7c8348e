"""What Spark reads a file as. Oracles: RFC 3629 for bytes that are no UTF-8, and DuckDB's rows of the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ibis
import pytest

from mappings import engine
from mappings.compiler import CompiledView, compile_view
from mappings.errors import BedsideError
from mappings.viewdefinition import parse_view

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]

NO_UTF_8 = {
    "another encoding": b"M\xfcller",
    "a surrogate": b"\xed\xa0\x80",
    "a slash written too long": b"\xc0\xaf",
    "beyond the last character": b"\xf4\x90\x80\x80",
}


def cons() -> tuple[Any, Any]:
    from tests.fixtures.spark import connection

    return ibis.duckdb.connect(), connection()


def view() -> CompiledView:
    columns = [{"name": "id", "path": "id"}, {"name": "text", "path": "code.text"}]
    return compile_view(parse_view({"resource": "Observation", "name": "v", "select": [{"column": columns}]}))


def found(con: Any, compiled: CompiledView, *files: Path) -> list[dict[str, Any]]:
    with engine.clear_errors("v"):
        read = engine.of(con).arrow(con, compiled.query(con, [str(file) for file in files]))
    return sorted(read.to_pylist(), key=lambda row: row["id"])


@pytest.mark.parametrize("element", ["code", "note"], ids=["read", "not-read"])
@pytest.mark.parametrize("what", list(NO_UTF_8))
def test_bytes_that_are_no_utf_8_are_refused(tmp_path: Path, what: str, element: str) -> None:
    file = tmp_path / "resources.ndjson"
    value = b'{"text":"@"}' if element == "code" else b'[{"text":"@"}]'
    line = b'{"resourceType":"Observation","id":"1","%s":%s}\n' % (element.encode(), value)
    file.write_bytes(line)
    for con in cons():  # the same file with a plain character is read
        assert [row["id"] for row in found(con, view(), file)] == ["1"]
    file.write_bytes(line.replace(b"@", NO_UTF_8[what]))
    for con in cons():
        with pytest.raises(BedsideError, match="could not be read"):
            found(con, view(), file)


def test_one_statement_reads_file_after_file(tmp_path: Path) -> None:
    compiled = view()
    for name in ("it's a.ndjson", "b`c.ndjson", "status=final/x[1].ndjson"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        lines = ({"resourceType": "Observation", "id": f"{i}", "code": {"text": name}} for i in range(3))
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        on_duckdb, on_spark = (found(con, compiled, file) for con in cons())
        assert on_spark == on_duckdb == [{"id": f"{i}", "text": name} for i in range(3)]
