"""Oracle: Python's ``decimal`` for the digits, DuckDB's own reader for what a double does to them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.acceptance.decimals import keep_digits, survives

WHITE = st.sampled_from(["", " ", "  ", "\t"])


@st.composite
def json_numbers(draw: st.DrawFn) -> str:
    sign = draw(st.sampled_from(["", "-"]))
    whole = draw(st.one_of(st.just("0"), st.integers(1, 10 ** draw(st.integers(1, 25))).map(str)))
    fraction = draw(st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=25).map(lambda t: "." + t)))
    exponent = draw(st.one_of(st.just(""), st.from_regex(r"[eE][+-]?[0-9]{1,2}", fullmatch=True)))
    return sign + whole + fraction + exponent


@st.composite
def lines_with_numbers(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A resource-like line, with numbers as members, and strings that look like numbers beside them."""
    numbers = draw(st.lists(json_numbers(), min_size=1, max_size=5))
    space = draw(WHITE)
    parts = []
    for place, number in enumerate(numbers):
        text = json.dumps(draw(st.text(st.sampled_from('0123456789.eE-:"\\ ,{}[]é'), max_size=12)))
        parts.append(f'"t{place}"{space}:{space}{text},"n{place}"{space}:{space}{number}{space}')
    nested = draw(st.booleans())
    inner = ",".join(parts)
    return (f'{{"x":[{{{inner}}}]}}' if nested else f"{{{inner}}}"), numbers


@given(lines_with_numbers())
def test_digits_survive_against_the_decimal_module(case: tuple[str, list[str]]) -> None:
    line, numbers = case
    kept = keep_digits(line.encode())
    read = json.loads(kept, parse_float=str, parse_int=str)
    fields = read["x"][0] if "x" in read else read
    assert [fields[f"n{place}"] for place in range(len(numbers))] == numbers
    # Nothing but numbers was touched, and every number left as a number comes back from a double with its digits.
    before = json.loads(line, parse_float=str, parse_int=str)
    assert read == before
    as_doubles = json.loads(kept)
    doubles = as_doubles["x"][0] if "x" in as_doubles else as_doubles
    for place, number in enumerate(numbers):
        value = doubles[f"n{place}"]
        if not isinstance(value, str):
            assert Decimal(repr(value)).as_tuple() == Decimal(number).as_tuple()


@pytest.mark.parametrize(
    ("number", "stays"),
    [
        ("13.2", True),
        ("0", True),
        ("72", True),
        ("-1.5", True),
        ("0.0001", True),
        ("123456789.012345", True),
        ("1.10", False),
        ("1.0", False),
        ("0.00001", False),
        ("1e3", False),
        ("1E-3", False),
        ("-0", False),
        ("-0.0", False),
        ("1234567890.1234567", False),
        ("12345678901234567890", False),
        ("3.141592653589793238462643", False),
    ],
)
def test_which_numbers_become_strings(number: str, stays: bool) -> None:
    line = f'{{"valueQuantity":{{"value":{number}}}}}'.encode()
    assert survives(number.encode()) is stays
    assert (keep_digits(line) == line) is stays


@pytest.mark.parametrize("space", ["", " "])
@given(numbers=st.lists(st.one_of(json_numbers(), st.just("null")), min_size=1, max_size=4))
def test_digits_survive_in_a_list_too(space: str, numbers: list[str]) -> None:
    """MolecularSequence.quality.roc has lists of decimals, in which null may stand beside an extension."""
    line = f'{{"fMeasure"{space}:{space}[{space}{f"{space},{space}".join(numbers)}{space}]}}'.encode()
    read = json.loads(keep_digits(line), parse_float=str, parse_int=str)["fMeasure"]
    assert read == [None if number == "null" else number for number in numbers]
    for number, value in zip(numbers, json.loads(keep_digits(line))["fMeasure"], strict=True):
        assert value is None or isinstance(value, str) or Decimal(repr(value)).as_tuple() == Decimal(number).as_tuple()


def test_a_line_without_such_a_number_is_the_same_object() -> None:
    line = b'{"id":"1e5","code":"1.10","value":13.2,"text":"a: 1.10, b"}'
    assert keep_digits(line) is line


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(numbers=st.lists(json_numbers(), min_size=1, max_size=30))
def test_duckdb_reads_every_digit_into_a_text_column(tmp_path: Path, numbers: list[str]) -> None:
    file = tmp_path / "numbers.ndjson"
    file.write_bytes(b"".join(keep_digits(f'{{"v":{number}}}'.encode()) + b"\n" for number in numbers))
    query = "select v from read_json(?, columns={'v': 'VARCHAR'}, format='newline_delimited')"
    with duckdb.connect() as con:
        assert [row[0] for row in con.execute(query, [str(file)]).fetchall()] == numbers
