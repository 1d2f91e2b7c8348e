"""FHIRPath text to values on the interpreter. Oracle: FHIRPath 2.0.0 and SQL on FHIR v2, by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mappings import interpreter
from mappings.errors import DefinitionError
from mappings.fhirpath.lexer import tokens
from mappings.fhirpath.parser import parse
from mappings.fhirpath.tree import FhirPathError, Operation
from mappings.viewdefinition import parse_view

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "birthDate": "1970-06",
    "_birthDate": {"extension": [{"url": "u", "valueCode": "late"}]},
    "name": [{"family": "F", "given": ["a", None, "b"]}, {"given": ["c"]}],
    "multipleBirthInteger": 2,
    "managingOrganization": {"reference": "Organization/o1/_history/3"},
}


def value(path: str, **more: Any) -> Any:
    view = parse_view({"resource": "Patient", "select": [{"column": [{"name": "v", "path": path, **more}]}]})
    return next(iter(interpreter.rows(view, [PATIENT])))["v"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 / 2", Decimal("3.5")),
        ("1 / 0", None),
        ("-3 + 1", -2),
        ("0.1 + 0.2", Decimal("0.3")),
        ("1 = 1.0", True),
        ("true or {}", True),
        ("false or {}", None),
        ("false and {}", False),
        ("true and {}", None),
        ("1 < 2 and 2 < 3", True),
        ("'it\\'s'", "it's"),
        ("'\\u0041'", "A"),
        ("name.family = 'F'", True),
        ("name.given = 'a'", False),
        ("name.nothing = 'a'", FhirPathError),
        ("Patient.id", "p1"),
        ("name[0].given[1]", "b"),
        ("name.given.first()", "a"),
        ("name.given.join('-')", "a-b-c"),
        ("name.skip(1)", FhirPathError),
        ("name.`family`", "F"),
        ("multipleBirth.ofType(integer) >= 2", True),
        ("multipleBirth.ofType(boolean).empty()", True),
        ("birthDate = @1970-06", True),
        ("birthDate = @1970", None),
        ("birthDate < @1970-07-01", True),
        ("birthDate.extension('u').value.ofType(code)", "late"),
        ("birthDate.lowBoundary()", "1970-06-01"),
        ("@2020-02.highBoundary()", "2020-02-29"),
        ("@2020-01-01T10.highBoundary()", "2020-01-01T10:59:59.999-12:00"),
        ("@T12:34.highBoundary()", "12:34:59.999"),
        ("(1.587).lowBoundary()", Decimal("1.5865")),
        ("managingOrganization.getReferenceKey()", "o1"),
        ("managingOrganization.getReferenceKey(Patient)", None),
        ("getResourceKey()", "p1"),
        ("id // a comment\n", "p1"),
        ("/* another */ id", "p1"),
    ],
)
def test_paths(path: str, expected: Any) -> None:
    if expected is FhirPathError:
        with pytest.raises(DefinitionError):
            value(path)
    else:
        assert value(path) == expected


def test_several_values_in_a_column_of_one_are_an_error() -> None:
    with pytest.raises(DefinitionError, match=r"select\[0\].column\[0\] gives several values"):
        value("name.given")
    assert value("name.given", collection=True) == ["a", "b", "c"]


@pytest.mark.parametrize(("text", "at"), [("a ~~", 2), ("a.1", 2), ("'open", 0), ("a[0", 3), ("@@", 0), ("a 'b'", 2)])
def test_what_is_no_fhirpath_is_refused_with_its_place(text: str, at: int) -> None:
    with pytest.raises(FhirPathError) as caught:
        parse(text)
    assert caught.value.at == at


def test_operators_group_to_the_left_by_precedence() -> None:
    tree = parse("a or b and c = 1 - 2 - 3")
    assert isinstance(tree, Operation)
    assert tree.operator == "or"
    assert isinstance(tree.right, Operation)
    assert tree.right.operator == "and"
    assert isinstance(tree.right.right, Operation)
    minus = tree.right.right.right
    assert isinstance(minus, Operation)
    assert isinstance(minus.left, Operation)


def test_tokens_of_a_partial_date_time() -> None:
    assert [(t.kind, t.text) for t in tokens("@2020T @2020 @T10")] == [
        ("dateTime", "2020T"),
        ("date", "2020"),
        ("time", "10"),
        ("end", ""),
    ]
