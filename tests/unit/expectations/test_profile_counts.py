"""The profile of a run's tables. Oracle: rows written and counted by hand; names of rare keys are searched for."""

from __future__ import annotations

from datetime import date

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.table_profile import COLUMNS, FLOOR, RARE, profile
from mappings.code_model import CodeEntry, CodeList

TODAY = date(2024, 6, 15)
LOINC, LOCAL = "http://loinc.org", "urn:hospital"
HB = "718-7"
COLUMNS_OF_VIEW = [
    "site", "id", "version", "patient_id", "status", "code_system", "code", "code_display", "code_text",
    "effective_date", "effective_start", "effective_end", "value_quantity", "value_unit", "value_unit_code",
]  # fmt: skip


def observation(
    id_, patient, code=HB, system=LOINC, day="2024-05-05", value=12.0, unit="g/dL", text=None, site="north", words=None
):
    return (
        site, id_, "1", patient, "final", system, code, text, words, day, None, None, value, unit, unit,
    )  # fmt: skip


def table(rows):
    frame = pd.DataFrame(rows, columns=COLUMNS_OF_VIEW)
    texts = [c for c in COLUMNS_OF_VIEW if c != "value_quantity"]
    return ibis.memtable(frame.astype({**dict.fromkeys(texts, "string"), "value_quantity": "float64"}))


def counted(rows, lists=None, today=TODAY):
    found = profile({"observation": table(rows)}, today, {"observation": lists} if lists else {})
    assert list(found.columns) == list(COLUMNS)
    return {(r.kind, r.key): (r.n, r.patients) for r in found.itertuples() if r.site == "north"}


def five(code=HB, start=1, **more):
    """Five patients with one record each: the fewest that may be named."""
    return [observation(f"{code}-{i}", f"p{i}", code, **more) for i in range(start, start + FLOOR)]


def test_resources_rows_and_patients_are_told_apart():
    rows = [*five(), observation("x", "p1"), observation("x", "p1", "HB", LOCAL)]  # x has two codings
    found = counted(rows)
    assert found["records", ""] == (6, 5)
    assert found["rows", ""] == (7, 5)
    assert found["month", "2024-05"] == (6, 5)
    assert found["code", f"{LOINC}|{HB}"] == (6, 5)


def test_the_newest_day_is_not_after_the_extract_and_has_a_day():
    days = ["2024-06-16", "2024-06-15T23:00:00Z", "2024-06", "2023"]
    found = counted([observation(str(i), f"p{i}", day=day) for i, day in enumerate(days)])
    assert [key for kind, key in found if kind == "newest"] == ["2024-06-15"]
    assert {key: n for (kind, key), (n, _) in found.items() if kind == "month"} == {"2024-06": 3}


def test_months_are_kept_for_three_years_back_from_the_newest():
    months = pd.period_range("2020-01", "2024-05", freq="M").astype(str)
    found = counted([observation(m, "p1", day=f"{m}-01") for m in months])
    kept = sorted(key for kind, key in found if kind == "month")
    assert kept == sorted(months)[-37:]
    assert found["records", ""][0] == len(months)


def test_systems_and_codes_are_counted_in_one_form():
    ways = ["http://loinc.org", "https://loinc.org/", "http://www.loinc.org", "urn:oid:2.16.840.1.113883.6.1", LOINC]
    rows = [observation(f"{w}{i}", f"p{i}", system=w) for w in ways for i in range(5)]
    assert {key: v for (kind, key), v in counted(rows).items() if kind == "code"} == {f"{LOINC}|{HB}": (25, 5)}


def test_a_code_or_unit_that_four_patients_have_is_never_named():
    four = [observation(f"n{i}", f"p{i}", "Jane Roe", LOCAL, unit="mg per Jane") for i in range(FLOOR - 1)]
    many_of_few = [observation(f"m{i}", f"p{i % 4}", "John Doe", LOCAL, unit="John") for i in range(40)]
    found = profile({"observation": table([*five(), *four, *many_of_few])}, TODAY, {"observation": {"hb": HB_LIST}})
    keys = " ".join(found["key"])
    assert "Jane" not in keys
    assert "John" not in keys
    by_key = {(r.kind, r.key): r.n for r in found.itertuples()}
    assert by_key["code", RARE] == by_key["unit", RARE] == by_key["unmapped", RARE] == 44
    assert by_key["code", f"{LOINC}|{HB}"] == 5
    assert not any(k == "value" and not key.startswith(HB) for k, key in by_key)


HB_LIST = CodeList("hb", entries=(CodeEntry(LOINC, HB),), words=("haemoglobin",))


def test_a_record_is_taken_by_any_of_its_codings_or_by_its_text():
    rows = [
        *five(),
        *[observation(f"{HB}-{i}", f"p{i}", "HB", LOCAL) for i in range(1, 6)],  # second codings of taken records
        *five("L1", system=LOCAL),
        *[observation(f"w{i}", f"p{i}", "L2", LOCAL, words="Haemoglobin, venous") for i in range(5)],
    ]
    found = counted(rows, {"hb": HB_LIST})
    assert found["taken", ""][0] == 15
    assert {key: v for (kind, key), v in found.items() if kind == "unmapped"} == {f"{LOCAL}|L1": (5, 5)}


def test_a_view_without_a_list_is_not_said_to_be_unmapped():
    assert not {"taken", "unmapped"} & {kind for kind, _ in counted(five())}


def test_units_and_sizes_of_values():
    rows = [*five(value=12.0), *five(start=11, value=120.0, unit="g/L"), *five(start=21, value=None)]
    for i, row in enumerate(rows):
        rows[i] = (row[0], f"r{i}", *row[2:])
    found = counted(rows)
    assert {k: v for k, v in found.items() if k[0] == "unit"} == {
        ("unit", f"{HB}|g/dL"): (5, 5),
        ("unit", f"{HB}|g/L"): (5, 5),
    }
    # 4 log10(12) = 4.3, 4 log10(120) = 8.3
    assert {key: n for (kind, key), (n, _) in found.items() if kind == "value"} == {f"{HB}|g/dL|4": 5, f"{HB}|g/L|8": 5}
    assert found["missing", "value_quantity"][0] == 5
    assert found["missing", "effective_date"][0] == 0
    assert found["missing", "effective_start"][0] == 15


@pytest.mark.parametrize(
    ("value", "bin_"),
    [(1000.0, "12"), (999.9, "11"), (1.0, "0"), (0.99, "-1"), (0.1, "-4"), (0.0, "zero"), (-3.0, "negative")],
)
def test_bins_are_quarters_of_a_decade(value, bin_):
    found = counted([observation(str(i), f"p{i}", value=value) for i in range(5)])
    assert [key.rpartition("|")[2] for kind, key in found if kind == "value"] == [bin_]


def test_patients_are_counted_by_sex_and_decade_of_birth():
    rows = [("north", f"p{i}", "1", "female" if i < 6 else "male", f"195{i % 10}-01") for i in range(12)]
    frame = pd.DataFrame(rows, columns=["site", "id", "version", "gender", "birth_date"]).astype("string")
    found = profile({"patient": ibis.memtable(frame)}, TODAY, {})
    codes = {r.key: r.n for r in found.itertuples() if r.kind == "code"}
    assert codes == {"gender|female": 6, "gender|male": 6, "birth|1950s": 12}


def test_few_people_of_a_sex_and_of_a_decade_are_one_rare_row():
    """One of another sex, two of another decade: a key has one row, whatever it sums."""
    rows = [("north", f"p{i}", "1", "other" if i == 0 else "male", "1921" if i < 2 else "1955") for i in range(12)]
    frame = pd.DataFrame(rows, columns=["site", "id", "version", "gender", "birth_date"]).astype("string")
    found = profile({"patient": ibis.memtable(frame)}, TODAY, {})
    codes = [(r.key, r.n, r.patients) for r in found.itertuples() if r.kind == "code"]
    assert codes == [(RARE, 3, 3), ("birth|1950s", 10, 10), ("gender|male", 11, 11)]
    assert not found.duplicated(["site", "table", "kind", "key"]).any()


def test_no_table_and_an_empty_table_give_an_empty_profile_with_its_columns():
    for tables in ({}, {"observation": table([]).filter(ibis.literal(False))}):
        found = profile(tables, TODAY, {"observation": {"hb": HB_LIST}})
        assert (list(found.columns), len(found)) == (list(COLUMNS), 0)


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(15)))
def test_the_order_of_rows_changes_nothing(order):
    rows = [*five(), *five("a", system=LOCAL, unit="mg"), *five("b", system=LOCAL, value=7.0)]
    lists = {"hb": HB_LIST}
    assert counted([rows[i] for i in order], lists) == counted(rows, lists)
