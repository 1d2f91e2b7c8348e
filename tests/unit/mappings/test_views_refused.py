"""Errors before data: each kind of mistake, where it stands, and what is suggested. Oracle: SQL on FHIR v2, FHIR R4."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings import interpreter
from mappings.compiler import compile_view
from mappings.engine import clear_errors
from mappings.errors import DefinitionError
from mappings.viewdefinition import parse_view

Raw = dict[str, Any]


def named(*paths: str, **more: Any) -> list[Raw]:
    """Columns a, b, c… of these paths."""
    return [{"name": chr(97 + i), "path": path, **more} for i, path in enumerate(paths)]


def view(*select: Raw, resource: str = "Patient", **more: Any) -> Raw:
    return {"resource": resource, "select": list(select), **more}


def patient(path: str, **more: Any) -> Raw:
    return view({"column": named(path, **more)})


def observation(path: str) -> Raw:
    return view({"column": named(path)}, resource="Observation")


def union(*branches: list[Raw]) -> Raw:
    return view({"unionAll": [{"column": columns} for columns in branches]})


def answers(*select: Raw) -> Raw:
    return view(*select, resource="QuestionnaireResponse")


PATH = "select[0].column[0].path"
MISTAKES: dict[str, list[tuple[Raw, str, str]]] = {
    "unknown element": [
        (patient("nme.family"), PATH, "Patient has no element nme; did you mean name? (at character 1"),
        (
            patient("name.where(us = 'old').family"),
            PATH,
            "HumanName has no element us; did you mean use? (at character 12",
        ),
        (patient("name.exists(us = 'old')"), PATH, "did you mean use?"),
        (patient("Patint.name.family"), PATH, "did you mean Patient?"),
        (patient("birthDate.year"), PATH, "date has no element year: it is a value, $this"),
        (view({"forEach": "nam", "column": named("family")}), "select[0].forEach", "did you mean name?"),
        (view({"forEach": "name", "column": named("famly")}), PATH, "did you mean family?"),
        (
            view({"forEach": "contact", "select": [{"forEachOrNull": "telecm", "column": named("value")}]}),
            "select[0].select[0].forEachOrNull",
            "did you mean telecom?",
        ),
        (
            view({"unionAll": [{"forEach": "name", "column": named(p)} for p in ("family", "famly")]}),
            "select[0].unionAll[1].column[0].path",
            "did you mean family?",
        ),
        (answers({"repeat": ["itm"], "column": named("linkId")}), "select[0].repeat[0]", "did you mean item?"),
        (
            answers({"repeat": ["item", "answer.itm"], "column": named("linkId")}),
            "select[0].repeat[1]",
            "did you mean item? (at character 8",
        ),
        (answers({"repeat": ["item"], "column": named("linkd")}), PATH, "did you mean linkId?"),
        (view({"column": named("id")}, where=[{"path": "actve"}]), "where[0].path", "did you mean active?"),
        (view({"column": named("id")}, resource="Pateint"), "resource", "did you mean Patient?"),
        (patient("managingOrganization.getReferenceKey(Organisation)"), PATH, "did you mean Organization?"),
    ],
    "wrong type": [
        (patient("birthDate", type="integer"), "select[0].column[0].type", "the path gives date: say date"),
        (patient("active", type="string"), "select[0].column[0].type", "the path gives boolean: say boolean"),
        (patient("id", type="strng"), "select[0].column[0].type", "did you mean string?"),
        (patient("id", type="HumanName"), "select[0].column[0].type", "no primitive type"),
        (
            patient("name"),
            PATH,
            "is a HumanName: a column holds single values, name one of its elements (family, text, use)",
        ),
        (patient("name.family + 1"), PATH, "string + integer cannot be computed"),
        (patient("active = 'yes'"), PATH, "boolean = string compares different types"),
        (observation("value.ofType(Quantity) > 5"), PATH, "this is a Quantity: name one of its elements"),
        (view({"column": named("id")}, where=[{"path": "name.given"}]), "where[0].path", "ask exists(), or compare"),
    ],
    "choice of types": [
        (
            observation("value.ofType(Money)"),
            PATH,
            "value is never a Money (boolean, CodeableConcept, dateTime, integer,",
        ),
        (patient("deceased.ofType(date)"), PATH, "did you mean dateTime? (boolean or dateTime)"),
        (observation("value.ofType(Quantiti)"), PATH, "R4 has no type Quantiti; did you mean Quantity?"),
        (observation("value.ofType(String)"), PATH, "did you mean string?"),
        (observation("valueQuantity.value"), PATH, "has no element valueQuantity: write value.ofType(Quantity)"),
        (observation("valuequantity.value"), PATH, "did you mean value.ofType(Quantity)?"),
        (observation("effectiveDateTme"), PATH, "did you mean effective.ofType(dateTime)?"),
        (observation("value.unit"), PATH, "write value.ofType(Quantity).unit"),
        (observation("value.nothing"), PATH, "say value.ofType(TYPE) first (boolean, CodeableConcept"),
        (observation("value"), PATH, "say value.ofType(TYPE)"),
        (patient("name.ofType(Address)"), PATH, "this is a HumanName, never a Address"),
        (
            view({"forEach": "value", "column": named("unit")}, resource="Observation"),
            "select[0].forEach",
            "say value.ofType(TYPE)",
        ),
    ],
    "unequal unionAll columns": [
        (union(named("id"), named("id", "gender")), "select[0].unionAll[1]", "it also has b"),
        (union(named("id", "gender"), named("id")), "select[0].unionAll[1]", "it lacks b"),
        (
            union([{"name": "family", "path": "id"}], [{"name": "famly", "path": "id"}]),
            "select[0].unionAll[1]",
            "it lacks family; it also has famly; did you mean family?",
        ),
        (
            union(named("id", "gender"), named("id", "gender")[::-1]),
            "select[0].unionAll[1]",
            "the same in another order, b, a and not a, b",
        ),
        (
            union(named("id"), named("active")),
            "select[0].unionAll[1]",
            "a is boolean (select[0].unionAll[1].column[0]), and id there",
        ),
        (
            union(named("id"), named("name.given", collection=True)),
            "select[0].unionAll[1]",
            "a holds a list (select[0].unionAll[1].column[0]), and one value there",
        ),
    ],
    "duplicate column": [
        (
            view({"column": [*named("id"), *named("gender")]}),
            "select[0].column[1].name",
            "already (select[0].column[0])",
        ),
        (view({"column": named("id")}, {"column": named("id")}), "select[1].column[0].name", "a is a column already"),
        (
            view({"column": named("id"), "select": [{"forEach": "name", "column": [{"name": "A", "path": "family"}]}]}),
            "select[0].select[0].column[0].name",
            "A is a column already (select[0].column[0])",
        ),
        (
            view({"column": named("id"), "unionAll": [{"column": named("gender")}]}),
            "select[0].unionAll[0].column[0].name",
            "a is a column already",
        ),
    ],
    "constant": [
        (
            {**patient("name.where(use = %us)"), "constant": [{"name": "use", "valueCode": "old"}]},
            PATH,
            "the view has no constant %us; did you mean %use?",
        ),
        (patient("%rowIdx"), PATH, "did you mean %rowIndex?"),
        (
            {**patient("name.where(use = %us).family"), "constant": [{"name": "us", "valueInteger": 1}]},
            PATH,
            "code = integer compares different types",
        ),
        ({**patient("id"), "constant": [{"name": "d", "valueDate": "2020-13"}]}, "constant[0].valueDate", "is no date"),
        (
            {**patient("id"), "constant": [{"name": "q", "valueQuantity": {}}]},
            "constant[0].valueQuantity",
            "no primitive",
        ),
    ],
    "function": [
        (patient("name.frist()"), PATH, "frist() is not in the shareable profile; did you mean first?"),
        (patient("name.First().family"), PATH, "did you mean first?"),
        (patient("iif(active, 1, 2)"), PATH, "the function iif() is not in the shareable profile"),
        (patient("name.first(1)"), PATH, "first() takes no argument, and has 1"),
        (patient("name.where()"), PATH, "where() takes one argument, and has 0"),
        (patient("name.given.join('a', 'b')"), PATH, "join() takes one argument or none, and has 2"),
        (patient("extension(5).value"), PATH, "extension() takes a text"),
        (patient("name.getReferenceKey()"), PATH, "getReferenceKey() is asked of a Reference, not of a HumanName"),
        (patient("name.getResourceKey()"), PATH, "getResourceKey() is asked of the resource itself"),
        (patient("name.where(given and true)"), PATH, "and needs a boolean; ask exists(), or compare"),
        (patient("name['a']"), PATH, "an index is a number"),
    ],
    "shape": [
        (view({}), "select", "gives no column"),
        (view({"unionAll": []}), "select", "gives no column"),
        (view(), "select", "is missing"),
        (view({"column": {"name": "a", "path": "id"}}), "select[0].column", "is a list"),
        (view({"column": [{"name": "a"}]}), PATH, "is missing"),
        (view({"column": [{"name": "a", "path": 1}]}), PATH, "is no text"),
        ({**patient("id"), "where": ["active"]}, "where[0]", "is a JSON object with a path"),
        (answers({"repeat": "item", "column": named("linkId")}), "select[0].repeat", "is a list of paths"),
        (
            answers({"repeat": ["item", "subject"], "column": named("linkId")}),
            "select[0].repeat",
            "not to QuestionnaireResponseItem and Reference",
        ),
        (view({"repeat": ["name.given"], "column": named("id")}), "select[0].repeat", "elements of one type"),
    ],
}
CASES = [(kind, *case) for kind, cases in MISTAKES.items() for case in cases]


@pytest.mark.parametrize(("kind", "raw", "field", "message"), CASES, ids=[f"{c[0]}: {c[3][:50]}" for c in CASES])
def test_a_mistake_is_refused_with_its_place_and_a_suggestion(kind: str, raw: Raw, field: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_view(raw, "mine.json")
    assert caught.value.exit_code == 2
    (found,) = caught.value.problems  # one mistake is said once
    assert (found.field, found.file) == (field, "mine.json"), kind
    assert message in found.message


def test_a_reference_of_another_type_is_no_mistake_but_null() -> None:
    """SQL on FHIR: getReferenceKey(Type) of another type is empty; what it loses is counted as "other type"."""
    made = parse_view(patient("managingOrganization.getReferenceKey(Patient)"))
    given = {"resourceType": "Patient", "managingOrganization": {"reference": "Organization/o"}}
    assert list(interpreter.rows(made, [given])) == [{"a": None}]


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (view({"column": named("id")}, where=[{"path": "communication.preferred"}]), "where[0].path"),
        (patient("name.given"), "select[0].column[0]"),
        (patient("name.where(given < 'b').family"), "select[0].column[0]"),
    ],
)
def test_several_values_where_one_is_needed_are_seen_in_data_and_named(raw: Raw, where: str, tmp_path: Path) -> None:
    """C-2: cardinality alone does not refuse; the query fails on data that have several, naming the place."""
    given = {
        "resourceType": "Patient",
        "name": [{"given": ["a", "b"]}],
        "communication": [{"preferred": True}, {"preferred": False}],
    }
    file = tmp_path / "x.ndjson"
    file.write_text(json.dumps(given))
    con = ibis.duckdb.connect()
    made = compile_view(parse_view(raw))
    with pytest.raises(DefinitionError, match="gives several values") as caught, clear_errors("v"):
        con.to_pyarrow(made.relation(con, [str(file)]))
    assert where in str(caught.value)


WHOLE: Raw = {
    "resourceType": "ViewDefinition", "resource": "Patient", "name": "v",
    "constant": [{"name": "use", "valueCode": "official"}], "where": [{"path": "active"}],
    "select": [
        {"column": [{"name": "a", "path": "name.where(use = %use).family.first()", "type": "string"}]},
        {"forEach": "contact", "column": [{"name": "b", "path": "gender", "collection": False}]},
        {"unionAll": [{"column": [{"name": "c", "path": "id"}]}, {"column": [{"name": "c", "path": "gender"}]}]},
    ],
}  # fmt: skip
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.just([]), st.just({}),
    st.sampled_from(["name", "value.ofType(", "$this", "%use", "{}", "id or", "name[", "1 + 1", "Patient", "decimal"]),
    st.lists(st.sampled_from(["x", 1, None, {}, []]), max_size=2),
)  # fmt: skip


def _places(raw: Any, so_far: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if so_far:
        yield so_far
    keys = raw if isinstance(raw, dict) else range(len(raw)) if isinstance(raw, list) else ()
    for key in keys:
        yield from _places(raw[key], (*so_far, key))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(_places(WHOLE))), ODD)
def test_whatever_stands_somewhere_is_read_or_refused(place: tuple[Any, ...], odd: Any) -> None:
    raw = copy.deepcopy(WHOLE)
    at: Any = raw
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = odd
    with suppress(DefinitionError):  # any other error fails
        compile_view(parse_view(raw))
