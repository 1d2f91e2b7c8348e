"""Reading files, counting and failing clearly. Oracle: small resources worked out by hand; FHIR R4 for references."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pytest
import zstandard

from mappings import engine
from mappings.compiler import CompiledView, ViewCounts, compile_view
from mappings.errors import BedsideError, DefinitionError, UnusableDataError
from mappings.viewdefinition import parse_view


@pytest.fixture(scope="module")
def con() -> Any:
    return ibis.duckdb.connect()


def made(resource: str, *select: dict[str, Any], bases: tuple[str, ...] = (), **more: Any) -> CompiledView:
    return compile_view(parse_view({"resource": resource, "name": "v", "select": list(select), **more}), bases)


def columns(**paths: str) -> dict[str, Any]:
    return {"column": [{"name": name, "path": path} for name, path in paths.items()]}


def write(path: Path, *resources: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in resources))
    return str(path)


def rows(con: Any, view: CompiledView, *paths: str) -> list[dict[str, Any]]:
    with engine.clear_errors("v"):
        found = con.to_pyarrow(view.relation(con, list(paths))).to_pylist()
    return sorted(found, key=str)


def test_plain_gzip_and_zstd_are_read_alike_and_together(con: Any, tmp_path: Path) -> None:
    line = b'{"resourceType": "Patient", "id": "%s"}\n'
    (tmp_path / "a.ndjson").write_bytes(line % b"a")
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(line % b"b"))
    (tmp_path / "c.ndjson.zst").write_bytes(zstandard.compress(line % b"c"))
    view = made("Patient", columns(id="id"))
    one_by_one = [rows(con, view, str(path)) for path in sorted(tmp_path.iterdir())]
    assert one_by_one == [[{"id": "a"}], [{"id": "b"}], [{"id": "c"}]]


def test_an_empty_file_and_no_file_give_no_row(con: Any, tmp_path: Path) -> None:
    (tmp_path / "none.ndjson").write_bytes(b"")
    view = made("Patient", columns(id="id"), {"forEach": "name", "column": [{"name": "f", "path": "family"}]})
    assert rows(con, view, str(tmp_path / "none.ndjson")) == rows(con, view) == []


def test_decimals_are_exact_as_strings_and_as_numbers(con: Any, tmp_path: Path) -> None:
    texts = ["1.10", "1e-3", "1234567890.123456789012345678", 13.2, 7, "-0.50"]
    resources = [
        {"resourceType": "Observation", "id": str(i), "valueQuantity": {"value": v}} for i, v in enumerate(texts)
    ]
    view = made("Observation", columns(id="id", v="value.ofType(Quantity).value"))
    found = rows(con, view, write(tmp_path / "o.ndjson", *resources))
    assert [row["v"] for row in found] == [Decimal(str(text)) for text in texts]


def test_a_decimal_too_long_for_its_column_is_the_data_s_fault_and_not_shown(con: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "o.ndjson", {"resourceType": "Observation", "valueQuantity": {"value": "1e25"}})
    with pytest.raises(UnusableDataError) as caught:
        rows(con, made("Observation", columns(v="value.ofType(Quantity).value")), file)
    assert "1e25" not in str(caught.value)


def test_only_what_the_view_reads_is_parsed() -> None:
    view = made("Patient", columns(id="id", f="name.family.first()"), where=[{"path": "contact.exists()"}])
    assert view.read_columns == {
        "contact": "VARCHAR[]",
        "id": "VARCHAR",
        "name": 'STRUCT("family" VARCHAR)[]',
        "resourceType": "VARCHAR",
    }


def test_a_column_named_like_an_element_does_not_hide_it(con: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "a", "name": [{"family": "F"}]})
    view = made("Patient", columns(name="id"), {"forEach": "name", "column": [{"name": "id", "path": "family"}]})
    assert rows(con, view, file) == [{"name": "a", "id": "F"}]


def test_the_null_row_reads_its_paths_from_nothing(con: Any, tmp_path: Path) -> None:
    """Clarification C-4."""
    file = write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "a"})
    inner = {
        "forEachOrNull": "name",
        "column": [
            {"name": "f", "path": "family"},
            {"name": "e", "path": "given.exists()"},
            {"name": "i", "path": "%rowIndex"},
            {"name": "g", "path": "given", "collection": True},
        ],
    }
    view = made("Patient", columns(id="id"), inner)
    assert rows(con, view, file) == [{"id": "a", "f": None, "e": False, "i": 0, "g": []}]


def test_several_values_where_one_is_allowed_name_the_column(con: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "p.ndjson", {"resourceType": "Patient", "name": [{"family": "Secret"}, {"family": "Two"}]})
    view = made("Patient", columns(id="id", f="name.family"))
    with pytest.raises(DefinitionError, match=r"select\[0\].column\[1\]") as caught:
        rows(con, view, file)
    assert "Secret" not in str(caught.value)


def test_a_misshapen_line_is_our_defect_and_shows_no_value(con: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "p.ndjson", {"resourceType": "Patient", "active": {"Secret": 1}})
    view = made("Patient", columns(id="id", a="active"))
    with pytest.raises(BedsideError) as caught:
        rows(con, view, file)
    assert caught.value.exit_code == 70
    assert "Secret" not in str(caught.value)


def test_the_ledger_of_a_view(con: Any, tmp_path: Path) -> None:
    file = write(
        tmp_path / "p.ndjson",
        {"resourceType": "Patient", "id": "1", "active": True, "name": [{"family": "A", "given": ["x"]}]},
        {"resourceType": "Patient", "id": "2", "active": True, "name": [{"family": "A"}]},
        {"resourceType": "Patient", "id": "3", "active": True, "name": []},
        {"resourceType": "Patient", "id": "4", "active": False, "name": [{"given": ["x"]}]},
        {"resourceType": "Patient", "id": "5"},
    )
    nested = {"forEach": "name", "select": [{"forEach": "given", "column": [{"name": "g", "path": "$this"}]}]}
    view = made("Patient", columns(id="id"), nested, where=[{"path": "active"}])
    assert view.count(con, [file]) == ViewCounts(accepted=5, with_rows=1, removed_by_where=2, empty_for_each=2)


REFERENCES = [
    ({"reference": "Practitioner/1"}, None),
    ({"reference": "Practitioner/1/_history/2"}, None),
    ({"reference": "https://own.example/fhir/Practitioner/1"}, None),
    ({"reference": "https://other.example/fhir/Practitioner/1"}, "absolute"),
    ({"reference": "Organization/1"}, "other type"),
    ({"reference": "Practitioner?identifier=http://x.example|1"}, "conditional"),
    ({"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}, "urn"),
    ({"reference": "#p"}, "contained"),
    ({"reference": "somewhere"}, "unreadable"),
    ({"identifier": {"value": "1"}}, "identifier only"),
    ({"display": "Dr X"}, "display only"),
    ({"type": "Practitioner"}, "empty"),
]


@pytest.mark.parametrize(("reference", "reason"), REFERENCES)
def test_a_reference_gives_a_key_or_a_reason(
    reference: dict[str, Any], reason: str | None, con: Any, tmp_path: Path
) -> None:
    resource = {"resourceType": "Observation", "id": "o", "performer": [reference], "code": {"coding": [{}, {}]}}
    file = write(tmp_path / "o.ndjson", {**resource, "code": {"coding": [{"code": "a"}, {"code": "b"}]}})
    view = made(
        "Observation",
        columns(id="id", who="performer.getReferenceKey(Practitioner).first()"),
        {"forEachOrNull": "code.coding", "column": [{"name": "c", "path": "code"}]},
        bases=("https://own.example/fhir/",),
    )
    assert {row["who"] for row in rows(con, view, file)} == {None if reason else "1"}
    # Counted once, though the resource has two rows.
    assert view.reference_losses(con, [file]) == ({("performer", reason): 1} if reason else {})


def test_a_reference_asked_for_two_types_is_lost_only_where_it_is_neither(con: Any, tmp_path: Path) -> None:
    used = [{"reference": f"{type_}/1"} for type_ in ("Device", "Substance", "Location")]
    file = write(tmp_path / "p.ndjson", {"resourceType": "Procedure", "usedReference": used})
    inner = {"forEach": "usedReference", **columns(d="getReferenceKey(Device)", s="getReferenceKey(Substance)")}
    assert made("Procedure", inner).reference_losses(con, [file]) == {("usedReference", "other type"): 1}


def test_removed_resources_lose_no_reference(con: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "o.ndjson", {"resourceType": "Observation", "status": "x", "subject": {"display": "a"}})
    view = made("Observation", columns(p="subject.getReferenceKey(Patient)"), where=[{"path": "status = 'final'"}])
    assert view.reference_losses(con, [file]) == {}


def test_the_query_can_be_shown(con: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "a"})
    assert "SELECT" in made("Patient", columns(id="id")).sql(con, [file])


def test_repeat_goes_to_any_depth_parents_first(con: Any, tmp_path: Path) -> None:
    def nested(depth: int) -> list[dict[str, Any]]:
        below = {"item": nested(depth - 1)} if depth > 1 else {}
        return [{"linkId": f"{depth}a", **below}, {"linkId": f"{depth}b"}]

    file = write(
        tmp_path / "q.ndjson",
        {"resourceType": "Questionnaire", "id": "q", "item": nested(12)},
        {"resourceType": "Questionnaire", "id": "none"},
    )
    walk = {"repeat": ["item"], "column": [{"name": "i", "path": "%rowIndex"}, {"name": "link", "path": "linkId"}]}
    view = made("Questionnaire", columns(id="id"), walk)
    found = sorted(rows(con, view, file), key=lambda row: row["i"])
    down = [f"{depth}a" for depth in range(12, 0, -1)]
    up = [f"{depth}b" for depth in range(1, 13)]
    assert [row["link"] for row in found] == [*down, *up]
    assert [row["i"] for row in found] == list(range(24))
    assert view.count(con, [file]) == ViewCounts(2, 1, 0, 1)
