"""Code lists and concept maps. Oracle: the addresses and shapes in shared/fhir.md section 1, written out by hand."""

from __future__ import annotations

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings import code_systems as cs
from mappings.codelists import (
    matches,
    matches_text,
    normalise_code,
    normalise_system,
    parse_concept_map,
    parse_value_set,
    translated,
)
from mappings.errors import DefinitionError


def value_set(*includes: dict[str, object]) -> dict[str, object]:
    return {"resourceType": "ValueSet", "status": "active", "compose": {"include": list(includes)}}


COLORECTAL = parse_value_set(
    "colorectal",
    value_set(
        {"system": "http://snomed.info/sct", "concept": [{"code": "363406005", "display": "colon"}]},
        {
            "system": "http://hl7.org/fhir/sid/icd-10",
            "filter": [{"property": "code", "op": "regex", "value": r"C18\.[0-9]"}],
        },
    ),
)
METASTASIS = parse_value_set(
    "metastasis",
    value_set(
        {"system": "http://snomed.info/sct", "concept": [{"code": "94381002"}, {"code": "363406005"}]},
        {"concept": [{"code": "C78.7"}]},
    ),
)
BEADS = parse_value_set(
    "beads", value_set({"system": "urn:bedside:text", "concept": [{"code": "dc bead"}, {"code": "deb"}]})
)


@pytest.mark.parametrize(
    ("given_address", "expected"),
    [
        ("https://loinc.org/", cs.LOINC),
        ("http://loinc.org/21889-1", cs.LOINC),
        ("urn:oid:2.16.840.1.113883.6.1", cs.LOINC),
        ("https://snomed.info/sct", cs.SNOMED),
        ("http://snomed.info/sct/900000000000207008/version/20240101", cs.SNOMED),
        ("http://snomed.info/sct|2024", cs.SNOMED),
        ("http://hl7.org/fhir/sid/icd-10-cm", cs.ICD10),
        ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", cs.ICD10),
        ("http://fhir.de/CodeSystem/bfarm/atc", cs.ATC),
        ("https://www.whocc.no/atc/", cs.ATC),
        ("http://fhir.de/CodeSystem/bfarm/ops", cs.OPS),
        ("https://www.cms.gov/Medicare/Coding/ICD10", cs.ICD10_PCS),
        ("http://hl7.org/fhir/sid/icd-10-pcs", cs.ICD10_PCS),
        ("https://example.org/Local/", "http://example.org/Local"),
        ("  ", None),
        (None, None),
    ],
)
def test_system_addresses_as_servers_write_them(given_address: str | None, expected: str | None) -> None:
    assert normalise_system(given_address) == expected


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        (cs.SNOMED, "94381002:260716003=93761005", "94381002"),
        (cs.SNOMED, " 94381002 |Metastasis| : 260716003 = 93761005", "94381002"),
        (cs.SNOMED, "=== 94381002 + 1234567", "94381002"),
        (cs.ICD10, " c78.7 ", "C78.7"),
        (cs.ICD10, "C787", "C78.7"),
        (cs.ICD10, "C20", "C20"),
        (cs.OPS, "8-836.ka", "8-836.KA"),
        ("http://example.org/local", "aB", "aB"),
        (None, "cr", "CR"),
        (None, " ", None),
    ],
)
def test_codes_as_servers_write_them(system: str | None, code: str, expected: str | None) -> None:
    assert normalise_code(system, code) == expected


def test_a_coding_without_system_matches_only_where_the_list_says_so() -> None:
    assert METASTASIS.contains(None, "c78.7")
    assert not METASTASIS.contains("http://hl7.org/fhir/sid/icd-10", "C78.7")
    assert not COLORECTAL.contains(None, "363406005")


def test_patterns_match_from_end_to_end() -> None:
    assert COLORECTAL.contains("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "c18.2")
    assert not COLORECTAL.contains("http://hl7.org/fhir/sid/icd-10", "C18.22")


@pytest.mark.parametrize(
    ("text", "found"),
    [("TACE with DC\nBead 100", True), ("DEB-TACE", True), ("debris", False), (None, False), ("用DEB治疗", True)],
)
def test_words_are_found_whole_whatever_their_case(text: str | None, found: bool) -> None:
    assert BEADS.found_in(text) is found
    con = ibis.duckdb.connect()
    table = ibis.memtable({"t": [text, "x"]}, schema={"t": "string"})
    assert len(con.to_pandas(matches_text(table, ["t"], {"beads": BEADS}))) == int(found)


@pytest.mark.parametrize(
    ("resource", "field"),
    [
        ({"resourceType": "Patient"}, "resourceType"),
        (value_set({"system": "http://loinc.org"}), "compose.include[0]"),
        (value_set({"valueSet": ["x"], "concept": [{"code": "a"}]}), "compose.include[0].valueSet"),
        (
            value_set({"system": "a", "filter": [{"property": "concept", "op": "is-a", "value": "1"}]}),
            "compose.include[0].filter[0]",
        ),
        (
            value_set({"system": "a", "filter": [{"property": "code", "op": "regex", "value": "(?=a)"}]}),
            "compose.include[0].filter[0]",
        ),
        (
            value_set({"system": "a", "filter": [{"property": "code", "op": "regex", "value": "("}]}),
            "compose.include[0].filter[0]",
        ),
        (value_set({"system": "a", "concept": [{"display": "b"}]}), "compose.include[0].concept[0].code"),
        (value_set(), "compose.include"),
    ],
)
def test_a_list_that_cannot_be_used_names_the_field(resource: dict[str, object], field: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_value_set("x", resource, "codes/x.json")
    assert field in [problem.field for problem in caught.value.problems]


RESPONSE = parse_concept_map(
    "response",
    {
        "resourceType": "ConceptMap",
        "group": [
            {
                "source": "http://loinc.org",
                "element": [
                    {"code": "LA28366-5", "target": [{"code": "CR", "equivalence": "equivalent"}]},
                    {"code": "LA0-0", "target": [{"code": "XX", "equivalence": "unmatched"}]},
                ],
            },
            {"element": [{"code": "CR", "target": [{"code": "CR", "equivalence": "equal"}]}]},
        ],
    },
)


def test_translation_of_codings_and_plain_values() -> None:
    assert RESPONSE.translate("https://loinc.org/", "la28366-5") == "CR"
    assert RESPONSE.translate(None, "cr") == "CR"
    assert RESPONSE.translate("http://loinc.org", "LA0-0") is None
    assert RESPONSE.translate("http://loinc.org", "CR") is None


def test_two_targets_for_one_code_are_refused() -> None:
    element = {"code": "a", "target": [{"code": "x"}, {"code": "y"}]}
    with pytest.raises(DefinitionError, match="two targets"):
        parse_concept_map("m", {"resourceType": "ConceptMap", "group": [{"element": [element]}]})


SYSTEMS = [
    None,
    "",
    "http://snomed.info/sct",
    "https://snomed.info/sct/900000000000207008",
    "http://loinc.org/",
    "https://loinc.org/LA28366-5",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm|2024",
    "http://hl7.org/fhir/sid/icd-10",
    "HTTPS://Example.org/a//",
]
CODES = [None, "", " ", "363406005", "94381002:260716003=93761005", "c18.2", "C182", "C78.7", "la28366-5", "CR", "aB"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(SYSTEMS), st.text(st.characters(codec="ascii", exclude_categories=["C"]))),
            st.one_of(st.sampled_from(CODES), st.text(st.characters(codec="ascii", exclude_categories=["C"]))),
        ),
        max_size=12,
    )
)
def test_tables_and_values_agree(codings: list[tuple[str | None, str | None]]) -> None:
    """Oracle: the Python functions, row by row."""
    con = ibis.duckdb.connect()
    frame = pd.DataFrame(
        {"n": range(len(codings)), "s": [c[0] for c in codings], "c": [c[1] for c in codings]}, dtype=object
    )
    table = ibis.memtable(frame, schema={"n": "int64", "s": "string", "c": "string"})
    lists = {"colorectal": COLORECTAL, "metastasis": METASTASIS, "beads": BEADS}
    got = con.to_pandas(matches(table, "s", "c", lists))
    expected = {(n, name) for n, (s, c) in enumerate(codings) for name, made in lists.items() if made.contains(s, c)}
    assert sorted(zip(got["n"], got["list"], strict=True)) == sorted(expected)
    levels = con.to_pandas(translated(table, "s", "c", RESPONSE, "level")).sort_values("n")
    assert [None if pd.isna(v) else v for v in levels["level"]] == [RESPONSE.translate(s, c) for s, c in codings]


def test_plain_values_are_translated_without_a_system_column() -> None:
    con = ibis.duckdb.connect()
    table = ibis.memtable({"n": [1, 2], "v": ["cr", "zz"]})
    got = con.to_pandas(translated(table, None, "v", RESPONSE, "level")).sort_values("n")
    assert got["level"].tolist()[0] == "CR"
    assert pd.isna(got["level"].tolist()[1])
