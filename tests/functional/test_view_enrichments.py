"""What ``bedside view run`` adds to rows when asked. Oracle: the interpreter's rows, and row by row the plain-Python
rules of ``mappings`` (``read_date``, ``CodeList.contains``, ``ConceptMapping.translate``); conversions and counts were
worked out by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from mappings.code_files import read_concept_map, read_value_set
from mappings.partial_dates import read_date
from tests.fixtures.measured_view import BLOOD, GROUPS, LOINC, MEASURED, ODD, VIEW, ZONE, observation
from tests.fixtures.view_inputs import OTHERS, SECRET, bundle, expected, lines, one_object, read, run, separately, write

# By Observation: into g/L, the factor, and why not.
CONVERTED: dict[str, tuple[str | None, float | None, str | None]] = {
    "a": ("132", 10.0, None),
    "b": ("0.0051", 0.01, None),
    "c": (None, None, "unit of another dimension"),
    "d": (None, None, "unit not known"),
    "e": (None, None, "no unit"),
    "f": (None, None, None),
    "g": ("7", 1.0, None),
}
# Rows of MEASURED and ODD; b has two codings, and so two rows.
COUNTED = {
    "comparators": {("comparator", "comparator <"): 2, ("comparator", "comparator unreadable"): 1},
    "partial_dates": {
        ("day", "month only"): 1,
        ("day", "unreadable"): 1,
        ("day", "year only"): 2,
        ("issued", "unreadable"): 1,
    },
    "not_converted": {
        ("value_in_g_L", "no unit"): 1,
        ("value_in_g_L", "unit not known"): 1,
        ("value_in_g_L", "unit of another dimension"): 1,
    },
    "not_translated": {("lab_group", "no code"): 1, ("lab_group", "not in the map"): 4},
    "membership": {("in_blood", "in the list"): 3, ("in_blood", "no code"): 1, ("in_blood", "not in the list"): 4},
}
ADDED = [
    *("day_low", "day_high", "day_precision", "issued_low", "issued_high", "issued_precision"),
    *("value_in_g_L", "value_in_g_L_factor", "value_in_g_L_reason", "lab_group", "in_blood"),
]
COLUMNS = [*("id", "day"), *ADDED[:3], "issued", *ADDED[3:6], "days", "value", "unit_code", "unit", "comparator"]
COLUMNS += ["whole", "system", "code", *ADDED[6:]]


def wanted(resources: Sequence[str]) -> list[dict[str, Any]]:
    blood, groups = read_value_set(json.dumps(BLOOD), "blood"), read_concept_map(json.dumps(GROUPS), "groups")
    rows = expected(list(resources), VIEW)
    for row in rows:
        for column in ("day", "issued"):
            made = read_date(row[column], ZONE)
            row[f"{column}_low"] = made and made.low.isoformat()
            row[f"{column}_high"] = made and made.high.isoformat()
            row[f"{column}_precision"] = made and made.precision
        value, factor, reason = CONVERTED[row["id"]]
        row["value_in_g_L"] = value and Decimal(value)
        row["value_in_g_L_factor"], row["value_in_g_L_reason"] = factor, reason
        row["lab_group"] = groups.translate(row["system"], row["code"])
        row["in_blood"] = blood.contains(row["system"], row["code"])
    return rows


def plain(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Rows to be compared, in one order: days as text, numbers without trailing zeros."""

    def one(value: Any) -> Any:
        if isinstance(value, date):
            return value.isoformat()
        number = isinstance(value, Decimal | float | int) and not isinstance(value, bool)
        return format(Decimal(str(value)).normalize(), "f") if number else value

    return sorted(json.dumps({name: one(value) for name, value in sorted(row.items())}) for row in rows)


def listed(counted: dict[tuple[str, str], int]) -> list[dict[str, Any]]:
    return [{"column": column, "reason": reason, "n": n} for (column, reason), n in counted.items()]


def everything(tmp_path: Path) -> Path:
    return write(tmp_path / "in" / "export.ndjson", lines([*MEASURED, OTHERS[0], ODD]))


@pytest.mark.parametrize("format_", ["parquet", "arrow", "ndjson"])
def test_rows_hold_what_is_asked_and_what_it_leaves_open_is_counted(
    tmp_path: Path, measured: Path, asked: list[object], format_: str
) -> None:
    out = tmp_path / f"out.{format_}"
    said = run(measured, everything(tmp_path), out, *asked, "--json")
    assert said.code == 0, said.err
    found = read(out, format_)
    assert list(found[0]) == COLUMNS
    assert plain(found) == plain(wanted([*MEASURED, ODD]))
    told = one_object(said)
    assert {name: told[name] for name in COUNTED} == {name: listed(counted) for name, counted in COUNTED.items()}
    assert (told["columns_added"], told["rows"], told["other_types"]) == (ADDED, 8, {"Patient": 1})
    assert SECRET not in said.text
    if format_ == "parquet":
        schema = pa.parquet.read_schema(out)
        kinds = [schema.field(name).type for name in ("day_low", "value_in_g_L", "value_in_g_L_factor", "in_blood")]
        assert kinds == [pa.date32(), pa.decimal128(38, 18), pa.float64(), pa.bool_()]


def test_csv_writes_days_truth_and_numbers_plainly(tmp_path: Path, measured: Path, asked: list[object]) -> None:
    out = tmp_path / "out.csv"
    assert run(measured, write(tmp_path / "Observation.ndjson", lines(MEASURED[:1])), out, *asked).code == 0
    (row,) = csv.DictReader(out.read_text(encoding="utf-8").splitlines())
    assert [row[name] for name in ("day_low", "day_high", "day_precision")] == ["2020-02-01", "2020-02-29", "month"]
    assert [row[name] for name in ADDED[6:]] == ["132", "10", "", "blood", "true"]


def test_the_lines_name_columns_and_counts_and_no_value(tmp_path: Path, measured: Path, asked: list[object]) -> None:
    said = run(measured, everything(tmp_path), tmp_path / "out.parquet", *asked)
    assert said.code == 0, said.err
    assert said.out.splitlines()[3:] == [
        f"columns added: {', '.join(ADDED)}",
        "comparators, comparator: comparator < 2",
        "comparators, comparator: comparator unreadable 1",
        "dates, day: month only 1",
        "dates, day: unreadable 1",
        "dates, day: year only 2",
        "dates, issued: unreadable 1",
        "not converted, value_in_g_L: no unit 1",
        "not converted, value_in_g_L: unit not known 1",
        "not converted, value_in_g_L: unit of another dimension 1",
        "not translated, lab_group: no code 1",
        "not translated, lab_group: not in the map 4",
        "membership, in_blood: in the list 3",
        "membership, in_blood: no code 1",
        "membership, in_blood: not in the list 4",
    ]
    assert SECRET not in said.text


def test_with_exact_conversions_keep_every_digit(tmp_path: Path, measured: Path, asked: list[object]) -> None:
    many = observation("x", [(LOINC, "718-7")], '{"value": 1234567890.123456789012, "code": "g/dL"}')
    source = write(tmp_path / "b.json", bundle([*MEASURED, many]))
    said = run(measured, source, tmp_path / "out.parquet", *asked, "--exact", "--json")
    assert said.code == 0, said.err
    found = read(tmp_path / "out.parquet", "parquet")
    assert plain([row for row in found if row["id"] != "x"]) == plain(wanted(MEASURED))
    (long,) = [row for row in found if row["id"] == "x"]
    assert long["value_in_g_L"] == Decimal("12345678901.23456789012")


def test_comparators_are_counted_without_being_asked_for(tmp_path: Path, measured: Path) -> None:
    said = run(measured, everything(tmp_path), tmp_path / "out.parquet")
    assert said.out.splitlines()[3:] == [
        "comparators, comparator: comparator < 2",
        "comparators, comparator: comparator unreadable 1",
    ]
    # Inside a forEach the element stands alone; a list of them is not counted.
    alone = {"forEach": "value.ofType(Quantity)", "column": [{"name": "sign", "path": "comparator"}]}
    many = {"column": [{"name": "signs", "path": "component.value.ofType(Quantity).comparator", "collection": True}]}
    view = write(tmp_path / "signs.json", json.dumps({**VIEW, "select": [alone, many]}))
    told = one_object(run(view, everything(tmp_path), tmp_path / "out.parquet", "--json"))
    assert [(one["column"], one["reason"], one["n"]) for one in told["comparators"]] == [
        ("sign", "comparator <", 1),
        ("sign", "comparator unreadable", 1),
    ]
    assert told["columns_added"] == []


def test_search_parameters_comparators_are_no_quantitys(tmp_path: Path) -> None:
    column = {"name": "c", "path": "comparator.first()"}, {"name": "d", "path": "comparator"}
    view = {"name": "s", "resource": "SearchParameter", "select": [{"column": list(column)}]}
    made = write(tmp_path / "s.view.json", json.dumps(view))
    resource = {"resourceType": "SearchParameter", "comparator": ["eq"]}
    source = write(tmp_path / "SearchParameter.ndjson", lines([json.dumps(resource)]))
    assert one_object(run(made, source, tmp_path / "o.csv", "--json"))["comparators"] == []


def test_options_can_be_given_often_and_a_list_may_look_at_what_a_map_gave(tmp_path: Path, measured: Path) -> None:
    groups = write(tmp_path / "g.json", json.dumps(GROUPS))
    include = [{"concept": [{"code": "salts"}]}, {"system": LOINC, "filter": [FILTER]}]
    salts = write(tmp_path / "2 salts.json", json.dumps({"resourceType": "ValueSet", "compose": {"include": include}}))
    said = run(
        measured, everything(tmp_path), tmp_path / "out.ndjson", "--json",
        *("--unit", "value:unit:kg/L", "--unit", "value:unit_code:mg/L", "--unit", "whole:unit:g"),
        *("--member", f":lab_group:{salts}:is_salt", "--member", f"system:code:{salts}"),
        *("--translate", f"system:code:{groups}"),
    )  # fmt: skip
    assert said.code == 0, said.err
    rows = {(row["id"], row["code"]): row for row in read(tmp_path / "out.ndjson", "ndjson")}
    salt, blood = rows["b", "Na"], rows["a", "718-7"]
    assert (salt["lab_group"], salt["is_salt"], salt["list_2_salts"]) == ("salts", True, False)
    assert (blood["lab_group"], blood["is_salt"], blood["list_2_salts"]) == ("blood", False, True)
    assert (salt["value_in_kg_L"], salt["value_in_mg_L_reason"]) == (Decimal("0.0000051"), "no unit")
    assert (blood["value_in_mg_L"], blood["value_in_kg_L_reason"]) == (132000, "unit not known")
    assert [row["whole_in_g"] for row in rows.values()] == [None] * 8


FILTER = {"property": "code", "op": "regex", "value": "718-[0-9]"}


def test_without_rows_the_columns_are_there(tmp_path: Path, measured: Path, asked: list[object]) -> None:
    for n, content in enumerate((lines(OTHERS), b"")):
        out = tmp_path / "out.parquet"
        said = run(measured, write(tmp_path / f"{n}" / "Patient.ndjson", content), out, *asked, "--json")
        assert said.code == 0, said.err
        assert pa.parquet.read_table(out).to_pydict() == {name: [] for name in COLUMNS}
        assert all(one_object(said)[name] == [] for name in COUNTED)


def test_what_cannot_be_read_is_still_named_by_file_and_line(
    tmp_path: Path, measured: Path, asked: list[object]
) -> None:
    bad = observation("x", [(LOINC, "1")], f'{{"value": "{SECRET}"}}')
    source = write(tmp_path / "Observation.ndjson", lines([*MEASURED, bad]))
    said = run(measured, source, tmp_path / "out.parquet", *asked)
    assert (said.code, f"line {len(MEASURED) + 1}: Observation.valueQuantity.value is no number" in said.err) == (
        4,
        True,
    )
    assert not (tmp_path / "out.parquet").exists()
    assert SECRET not in said.text


def test_a_stream_holds_the_same_rows(tmp_path: Path, measured: Path, asked: list[object]) -> None:
    source = everything(tmp_path)
    done = separately("view", "run", measured, "--source", source, "-o", "-", "--to", "ndjson", *asked)
    assert done.returncode == 0, done.stderr
    assert plain([json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]) == plain(
        wanted([*MEASURED, ODD])
    )
    assert b"membership, in_blood: in the list 3" in done.stderr


@pytest.mark.parametrize("folder", ["status=cancelled", "resourceType=Patient", "id=1"])
def test_a_folder_named_like_an_element_is_only_a_folder(
    tmp_path: Path, measured: Path, asked: list[object], folder: str
) -> None:
    """DuckDB by itself takes such a name for the values of a column."""
    source = write(tmp_path / folder / "Observation.ndjson", lines(MEASURED))
    said = run(measured, source.parent.parent / folder, tmp_path / "out.parquet", *asked)
    assert said.code == 0, said.err
    assert plain(read(tmp_path / "out.parquet", "parquet")) == plain(wanted(MEASURED))


@pytest.mark.spark
def test_spark_adds_and_counts_the_same(tmp_path: Path, measured: Path, asked: list[object]) -> None:
    source = everything(tmp_path)
    here = run(measured, source, tmp_path / "duckdb.parquet", *asked, "--json")
    spark = ("--engine", "spark", "--master", "local[2]")
    done = separately(
        *("view", "run", measured, "--source", source, "-o", tmp_path / "spark.parquet", *asked, "--json", *spark),
        SPARK_LOCAL_IP="127.0.0.1",
    )
    assert done.returncode == 0, done.stderr
    one, other = (pa.parquet.read_table(tmp_path / f"{name}.parquet") for name in ("duckdb", "spark"))
    assert other.schema == one.schema
    assert plain(other.to_pylist()) == plain(one.to_pylist())
    told, there = one_object(here), json.loads(done.stdout)
    assert {name: there[name] for name in (*COUNTED, "columns_added", "rows")} == {
        name: told[name] for name in (*COUNTED, "columns_added", "rows")
    }


@pytest.mark.spark
def test_spark_has_the_columns_where_there_is_nothing_to_read(
    tmp_path: Path, measured: Path, asked: list[object]
) -> None:
    out = tmp_path / "out.parquet"
    source = write(tmp_path / "in" / "Patient.ndjson", lines(OTHERS)).parent
    spark = ("--engine", "spark", "--master", "local[2]")
    done = separately(
        "view", "run", measured, "--source", source, "-o", out, *asked, *spark, SPARK_LOCAL_IP="127.0.0.1"
    )
    assert done.returncode == 0, done.stderr
    assert pa.parquet.read_table(out).to_pydict() == {name: [] for name in COLUMNS}
