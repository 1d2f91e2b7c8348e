"""What is added to a view's table is the same on Spark. Oracle: DuckDB, whose results other tests hold by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from mappings import engine
from mappings.code_systems import ICD10, SNOMED
from mappings.codelists import (
    CodeEntry,
    CodeList,
    CodePattern,
    ConceptMapping,
    ConceptRow,
    matches_text,
    membership_reason,
    translation_reason,
    with_membership,
    with_translation,
)
from mappings.comparators import comparator_reason
from mappings.compiler import compile_view
from mappings.partial_dates import interval_reason, seconds_since_1970, with_intervals
from mappings.quantities import UnitConversion, unconverted, units_of, with_units
from mappings.table_columns import counts_by_reason
from mappings.viewdefinition import parse_view

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]

DATES = [
    "2020",
    "2020-02",
    "1900-02",
    "2020-02-30",
    "2020-02-29",
    "2020-01-20T23:30:00Z",
    "2016-12-31T23:59:60Z",
    "2020-01-20T24:00:00Z",
    "2020-01-20T25:00:00Z",
    "2020/01/20 16:53:41.160 -0500",
    " 2020-01-20\t",
    "2020-01-20T16:53",
    "2020-07-20T22:30:00.1234567+00:00",
    "2020-01-20T10:00:00+23:59",
    "0000-01-01",
    "0001-01-01",
    "20200120",
    "",
    None,
    "2020-01-20\n",
    "x",
]
VALUES = [
    ("13.2", "g/dL"),
    ("120", "mm[Hg]"),
    ("1e15", "mm[Hg]"),
    ("7.1", "kPa"),
    ("18", "mo"),
    ("0.000000000000000005", "g/L"),
    ("99999999999999999999", "kg/L"),
    ("-4500000", "/uL"),
    ("5", "kg"),
    ("5", " "),
    ("5", None),
    (None, "kg"),
    ("5", "foo"),
    ("36.6", "Cel"),
    ("123456789.123456789", "mg/dL"),
    ("3", "pg/mL"),
    ("0.05", "[lb_av]/L"),
    ("30", "min"),
]
CODINGS = [
    ("http://snomed.info/sct", "363406005"),
    (" https://snomed.info/sct|2020", "=== 363406005 |x|:1=2"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "c787"),
    ("urn:oid:2.16.840.1.113883.6.3", "C18.2"),
    ("http://x.org/a/", "Ab"),
    ("http://x.org/a", "ab"),
    (None, "bare"),
    (None, "BARE "),
    ("", "bare"),
    (None, None),
    ("http://x.org/a", None),
]
TEXTS = ["TACE with DC\nBead 100", "debris", "用DEB治疗", "DEB-TACE", "(deb)", "ÜBERDEB", None]
LISTED = CodeList(
    "l",
    entries=(CodeEntry(SNOMED, "363406005"), CodeEntry(None, "BARE"), CodeEntry("http://x.org/a", "Ab")),
    patterns=(CodePattern(ICD10, "C78[.][0-9]|C18.*"),),
    words=("deb", "dc bead"),
)
MAPPED = ConceptMapping(
    "m",
    (
        ConceptRow(SNOMED, "363406005", None, "crc"),
        ConceptRow(None, "BARE", None, "b"),
        ConceptRow(ICD10, "C78.7", None, "met"),
    ),
)


def table() -> ibis.Table:
    n = max(map(len, (DATES, VALUES, CODINGS, TEXTS)))

    def padded(values: list[Any], type_: pa.DataType) -> pa.Array:
        return pa.array([*values, *[None] * (n - len(values))], type_)

    made = ibis.memtable(
        pa.table(
            {
                "n": pa.array(range(n), pa.int64()),
                "date": padded(list(DATES), pa.string()),
                "value": padded([None if v is None else f"{Decimal(v):f}" for v, _ in VALUES], pa.string()),
                "unit": padded([u for _, u in VALUES], pa.string()),
                "comparator": padded(["<", ">=", "~"], pa.string()),
                "system": padded([s for s, _ in CODINGS], pa.string()),
                "code": padded([c for _, c in CODINGS], pa.string()),
                "text": padded(list(TEXTS), pa.string()),
            }
        )
    )
    return made.mutate(value=made.value.cast("decimal(38, 18)"))


def rows(con: Any, made: ibis.Table) -> list[dict[str, Any]]:
    return sorted(engine.of(con).arrow(con, made).to_pylist(), key=lambda row: int(row["n"]))


def both() -> tuple[Any, Any]:
    from tests.fixtures.spark import connection

    return ibis.duckdb.connect(), connection()


def intervals(con: Any) -> Any:
    # A table of its own engine: the day of an instant in a zone is written differently on each.
    there = engine.of(con).kept(con, table())
    made = with_intervals(there, ["date"], "Asia/Shanghai")
    plain = with_intervals(there, ["date"])
    counted = counts_by_reason(
        con, plain, {"date": interval_reason(plain, "date"), "comparator": comparator_reason(plain.comparator)}
    )
    return rows(con, made), rows(con, plain.mutate(seconds=seconds_since_1970(plain.date))), counted


def units(con: Any) -> Any:
    wanted = ("g/L", "kPa", "a", "10*9/L", "mm[Hg]", "h", "pg/mL", "[lb_av]/L")
    asked = [UnitConversion("value", ("unit",), unit) for unit in wanted]
    made = with_units(table(), asked, units_of(con, table(), asked))
    return rows(con, made), unconverted(con, made, asked)


def codes(con: Any) -> Any:
    made = with_membership(table(), "system", "code", LISTED, "member", con)
    made = with_translation(made, "system", "code", MAPPED, "level")
    counted = counts_by_reason(
        con,
        made,
        {"member": membership_reason(made, "code", "member"), "level": translation_reason(made, "code", "level")},
    )
    return rows(con, made), rows(con, matches_text(table(), ["text"], {"l": LISTED})), counted


@pytest.mark.parametrize("added", [intervals, units, codes])
def test_tables_are_equal_on_both_engines(added: Any) -> None:
    duckdb, spark = both()
    assert added(spark) == added(duckdb)


def test_modifier_extensions_are_counted_alike(tmp_path: Path) -> None:
    def marked(*urls: str, **more: Any) -> dict[str, Any]:
        return {"modifierExtension": [{"url": url, "valueBoolean": True} for url in urls], **more}

    answer = {"resourceType": "QuestionnaireResponse", "status": "completed"}
    lines = [
        marked("http://x.org/a", "Mr Smith", **answer, item=[marked("urn:oid:1.2", linkId="1")]),
        {**answer, "item": [{"linkId": "1", "item": [marked("urn:oid:1.2", linkId="2")]}]},
        answer,
    ]
    file = tmp_path / "x.ndjson"
    file.write_text("\n".join(map(json.dumps, lines)))
    plain = {"select": [{"column": [{"name": "a", "path": "item.linkId", "collection": True}]}]}
    deep = {"select": [{"repeat": ["item"], "column": [{"name": "a", "path": "linkId"}]}]}
    for made in (plain, deep):
        view = parse_view({"resource": "QuestionnaireResponse", **made})
        on_duckdb, on_spark = (compile_view(view).modifier_counts(con, [str(file)]) for con in both())
        assert on_spark == on_duckdb
        assert on_duckdb["QuestionnaireResponse", "unreadable"] == 1
    assert on_duckdb["QuestionnaireResponse.item", "urn:oid:1.2"] == 2
