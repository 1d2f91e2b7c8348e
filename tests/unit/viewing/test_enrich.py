"""What the options of ``bedside view run`` that add something say. Oracle: docs/views.md, examples by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.engines import connected
from flows.viewing.added import Counted, kept_if_read_again, schema_of, with_added
from flows.viewing.enrich import NOTHING, Enrichment, Options, enrichment_of
from mappings import engine
from mappings.compiler import CompiledView
from mappings.errors import DefinitionError
from mappings.viewdefinition import ViewDefinition, parse_view

CODING = [{"name": "system", "path": "system"}, {"name": "code", "path": "code"}]
VIEW = parse_view(
    {
        "resource": "Condition",
        "select": [
            {
                "column": [
                    {"name": "id", "path": "getResourceKey()"},
                    {"name": "onset", "path": "onset.ofType(dateTime)"},
                ]
            },
            {"forEachOrNull": "code.coding", "column": CODING},
        ],
    }
)
LINES = [
    {"resourceType": "Condition", "id": key, "code": {"coding": [{"system": "urn:s", "code": code}]}}
    for key, code in (("1", "a"), ("2", "b"), ("3", "a"))
]


def value_set(name: str | None) -> bytes:
    made = {"resourceType": "ValueSet", "compose": {"include": [{"system": "urn:s", "concept": [{"code": "a"}]}]}}
    return json.dumps({**made, "name": name} if name is not None else made).encode()


def member(text: str, name: str | None = "codes") -> tuple[Enrichment, list[str]]:
    """What one ``--member`` asks, and the files it read."""
    read: list[str] = []

    def content(file: str) -> bytes:
        read.append(file)
        return value_set(name)

    return enrichment_of(VIEW, Options(member=(text,)), content), read


@pytest.mark.parametrize(
    ("text", "file", "into"),
    [
        ("system:code:liver.json", "liver.json", "codes"),
        ("system:code:liver.json:is_liver", "liver.json", "is_liver"),
        (r"system:code:C:\lists\liver.json", r"C:\lists\liver.json", "codes"),
        (r"system:code:C:\lists\liver.json:x", r"C:\lists\liver.json", "x"),
        ("system:code:/lists:2024/liver.json", "/lists:2024/liver.json", "codes"),
        ("system:code:/lists:2024/liver.json:x", "/lists:2024/liver.json", "x"),
        ("system:code:liver:2024.json", "liver:2024.json", "codes"),
        # What could be a name is one.
        ("system:code:lists:liver", "lists", "liver"),
        ("system:code:liver.json:", "liver.json:", "codes"),
        ("system:code::x", ":x", "codes"),
    ],
)
def test_the_name_is_what_follows_the_last_colon_if_a_column_could_be_called_so(
    text: str, file: str, into: str
) -> None:
    made, read = member(text)
    assert read == [file]
    assert [(one.system, one.code, one.into) for one in made.members] == [("system", "code", into)]


@pytest.mark.parametrize(
    ("name", "file", "into"),
    [
        ("LiverCancer", "x.json", "LiverCancer"),
        ("liver-cancer (C22)", "x.json", "liver_cancer_C22"),
        ("2024 codes", "x.json", "list_2024_codes"),
        ("肝癌", "lists/liver cancer.json", "liver_cancer"),
        (None, "lists/liver.json", "liver"),
        (None, "肝癌.json", "list"),
    ],
)
def test_without_a_name_the_column_is_called_after_the_list_or_its_file(name: str | None, file: str, into: str) -> None:
    assert member(f"system:code:{file}", name)[0].members[0].into == into


def test_without_a_system_column_codes_are_plain() -> None:
    assert member(":code:x.json")[0].members[0].system is None


def test_nothing_asked_is_nothing_added() -> None:
    def refuse(file: str) -> bytes:
        raise AssertionError(file)

    assert enrichment_of(VIEW, Options(), refuse) == NOTHING


def test_intervals_are_of_single_dates_and_the_zone_goes_with_them() -> None:
    made = enrichment_of(VIEW, Options(intervals=True, zone="Europe/Berlin"), lambda file: b"")
    assert (made.dates, made.zone) == (("onset",), "Europe/Berlin")
    columns = CompiledView(VIEW).columns
    assert schema_of(columns, made).names == [
        *("id", "onset", "onset_low", "onset_high", "onset_precision", "system", "code"),
    ]


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), IsADirectoryError(21, "Is a directory")])
def test_a_file_that_cannot_be_read_is_the_users_mistake(error: OSError) -> None:
    def content(file: str) -> bytes:
        raise error

    with pytest.raises(DefinitionError, match=rf"the file x.json cannot be read \({error.strerror}\)"):
        enrichment_of(VIEW, Options(translate=("system:code:x.json",)), content)


def rows_of(view: ViewDefinition, folder: Path) -> list[str]:
    folder.mkdir()
    file = folder / "x.ndjson"
    file.write_text("".join(json.dumps(one) + "\n" for one in LINES))
    return [str(file)]


def test_kept_rows_are_those_of_the_view_wherever_the_folder_lies_and_are_gone_after(tmp_path: Path) -> None:
    scratch = tmp_path / "id=9"  # DuckDB by itself takes such a folder for the values of a column
    scratch.mkdir()
    asked = member("system:code:x.json:hit")[0]
    with connected() as con:
        rows = CompiledView(VIEW).relation(con, rows_of(VIEW, tmp_path / "in"))
        with kept_if_read_again(con, rows, asked, scratch) as kept:
            assert len(list(scratch.iterdir())) == 1
            made = engine.of(con).arrow(con, with_added(kept, asked, con)).to_pylist()
    assert sorted((row["id"], row["hit"]) for row in made) == [("1", True), ("2", False), ("3", True)]
    assert list(scratch.iterdir()) == []


def test_rows_nothing_looks_at_first_are_not_kept(tmp_path: Path) -> None:
    asked = enrichment_of(VIEW, Options(intervals=True), lambda file: b"")
    with connected() as con:
        rows = CompiledView(VIEW).relation(con, rows_of(VIEW, tmp_path / "in"))
        with kept_if_read_again(con, rows, asked, tmp_path) as kept:
            assert kept is rows
            assert [one.name for one in tmp_path.iterdir()] == ["in"]


def test_reasons_are_counted_over_all_batches_and_taken_off(tmp_path: Path) -> None:
    asked = member("system:code:x.json:hit")[0]
    with connected() as con:
        rows = with_added(CompiledView(VIEW).relation(con, rows_of(VIEW, tmp_path / "in")), asked, con)
        counted = Counted(rows, asked)
        whole = engine.of(con).arrow(con, counted.rows)
    given = [counted.split(batch) for batch in whole.to_batches(max_chunksize=1)]
    assert [batch.schema.names for batch in given] == [["id", "onset", "system", "code", "hit"]] * 3
    assert counted.counts() == {("member", "hit", "in the list"): 2, ("member", "hit", "not in the list"): 1}
