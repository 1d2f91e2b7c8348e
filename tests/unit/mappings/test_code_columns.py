"""Membership and translation for columns a person names, and the files they come from.

Oracles: FHIR R4 ValueSet and ConceptMap, by hand; the Python functions row by row.
"""

from __future__ import annotations

import json
import re
from typing import Any

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.codelists import (
    CodeList,
    membership_reason,
    parse_concept_map,
    parse_value_set,
    read_concept_map,
    read_value_set,
    translation_reason,
    with_membership,
    with_translation,
)
from mappings.errors import DefinitionError
from mappings.table_columns import counts_by_reason

LOINC = "http://loinc.org"
CODINGS = [
    (LOINC, "718-7"),
    (LOINC + "/", " 718-7"),
    (LOINC, "777-3"),
    (None, "718-7"),
    ("http://x.org", None),
    (LOINC, None),
]


def table(codings: list[tuple[str | None, str | None]] | None = None) -> ibis.Table:
    found = CODINGS if codings is None else codings
    columns = {"n": range(len(found)), "system": [s for s, _ in found], "code": [c for _, c in found]}
    return ibis.memtable(columns, schema={"n": "int64", "system": "string", "code": "string"})


def value_set(**more: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "name": "hemoglobin", **more}


HEMOGLOBIN = parse_value_set("h", value_set(compose={"include": [{"system": LOINC, "concept": [{"code": "718-7"}]}]}))
MAP = parse_concept_map(
    "m",
    {
        "resourceType": "ConceptMap",
        "group": [{"source": LOINC, "element": [{"code": "718-7", "target": [{"code": "Hb"}]}]}],
    },
)


def test_membership_is_said_of_every_row_once_and_counted() -> None:
    con = ibis.duckdb.connect()
    made = with_membership(table(), "system", "code", HEMOGLOBIN, "hemoglobin")
    assert con.to_pyarrow(made.order_by("n"))["hemoglobin"].to_pylist() == [True, True, False, False, False, False]
    assert counts_by_reason(con, made, {"hemoglobin": membership_reason(made, "code", "hemoglobin")}) == {
        ("hemoglobin", "in the list"): 2,
        ("hemoglobin", "no code"): 2,
        ("hemoglobin", "not in the list"): 2,
    }


def test_translation_is_counted_where_the_map_says_nothing() -> None:
    con = ibis.duckdb.connect()
    made = with_translation(table(), "system", "code", MAP, "level")
    assert con.to_pyarrow(made.order_by("n"))["level"].to_pylist() == ["Hb", "Hb", None, None, None, None]
    assert counts_by_reason(con, made, {"level": translation_reason(made, "code", "level")}) == {
        ("level", "no code"): 2,
        ("level", "not in the map"): 2,
    }


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "", LOINC, "https://loinc.org/718-7"]), st.sampled_from([None, "", "718-7", "1-8"])
        ),
        max_size=20,
    )
)
def test_membership_agrees_with_the_list_and_keeps_every_row(codings: list[tuple[str | None, str | None]]) -> None:
    con = ibis.duckdb.connect()
    made = with_membership(table(codings), "system", "code", HEMOGLOBIN, "in_it")
    assert con.to_pyarrow(made.order_by("n"))["in_it"].to_pylist() == [HEMOGLOBIN.contains(s, c) for s, c in codings]


@pytest.mark.parametrize(
    ("system", "code", "into", "message"),
    [
        ("sytem", "code", "x", "did you mean system?"),
        ("n", "code", "x", "holds no text"),
        (None, "kode", "x", "did you mean code?"),
        ("system", "code", "CODE", "two columns CODE"),
    ],
)
def test_columns_that_are_not_there_are_refused(system: str | None, code: str, into: str, message: str) -> None:
    for call in (lambda: with_membership(table(), system, code, HEMOGLOBIN, into),
                 lambda: with_translation(table(), system, code, MAP, into)):  # fmt: skip
        with pytest.raises(DefinitionError, match=re.escape(message)):
            call()


def test_a_list_of_words_is_no_list_of_codes() -> None:
    with pytest.raises(DefinitionError, match="words for free text and no code"):
        with_membership(table(), "system", "code", CodeList("w", words=("deb",)), "x")


def test_an_expansion_is_the_list_whatever_compose_asks_for() -> None:
    inner = {"system": LOINC, "code": "777-3", "contains": [{"system": LOINC, "code": "718-7"}]}
    made = parse_value_set(
        "h",
        value_set(
            compose={"include": [{"system": LOINC, "filter": [{"property": "x", "op": "is-a", "value": "y"}]}]},
            expansion={"total": 3, "contains": [{"code": "group", "abstract": True, "contains": [inner]}]},
        ),
    )
    assert {(e.system, e.code) for e in made.entries} == {(LOINC, "777-3"), (LOINC, "718-7")}


@pytest.mark.parametrize(
    ("expansion", "field"),
    [
        ({"total": 500, "contains": [{"system": LOINC, "code": "718-7"}]}, "expansion.total"),
        ({"offset": 100, "contains": [{"system": LOINC, "code": "718-7"}]}, "expansion.offset"),
        ({"contains": "x"}, "expansion.contains"),
        ({}, "compose.include"),
    ],
)
def test_a_part_of_an_expansion_is_refused(expansion: dict[str, Any], field: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_value_set("h", value_set(expansion=expansion))
    assert field in [problem.field for problem in caught.value.problems]


@pytest.mark.parametrize(
    "pattern", ["a{,3}", "[a&&b]", "[[:alpha:]]", "[a[b]]", r"\bA", r"a\v", "(?i)a", r"(a)\1", "a++", "(?<=a)b"]
)
def test_patterns_that_mean_something_else_elsewhere_are_refused(pattern: str) -> None:
    found = {"system": LOINC, "filter": [{"property": "code", "op": "regex", "value": pattern}]}
    with pytest.raises(DefinitionError, match=r"not every engine|not a regular expression"):
        parse_value_set("h", value_set(compose={"include": [found]}))


def test_files_name_the_list_and_their_faults() -> None:
    text = json.dumps(value_set(compose={"include": [{"concept": [{"code": "a"}]}]}))
    assert read_value_set(text, "codes/x.json").name == "hemoglobin"
    assert read_value_set(text.encode(), "codes/x.json", "mine").name == "mine"
    with pytest.raises(DefinitionError, match=re.escape("codes/x.json:2: ")):
        read_value_set("{\n,", "codes/x.json")
    with pytest.raises(DefinitionError, match="no JSON object"):
        read_concept_map("[]", "maps/x.json")
    with pytest.raises(DefinitionError, match="must be ConceptMap"):
        read_concept_map(text, "maps/x.json")
    with pytest.raises(DefinitionError, match="no JSON"):
        read_value_set(b"\xff\xfe\xfd", "codes/x.json")


KEYS = st.sampled_from(
    [
        "include",
        "concept",
        "code",
        "system",
        "filter",
        "property",
        "op",
        "value",
        "contains",
        "element",
        "target",
        "equivalence",
        "source",
    ]
)
ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(ANY, st.sampled_from(["compose", "expansion", "group", "title"]))
def test_whatever_stands_in_a_file_is_read_or_refused(odd: Any, key: str) -> None:
    for kind, read in (("ValueSet", read_value_set), ("ConceptMap", read_concept_map)):
        text = json.dumps({"resourceType": kind, key: odd})
        try:
            made: object = read(text, "x.json")
        except DefinitionError:
            continue
        assert made is not None
