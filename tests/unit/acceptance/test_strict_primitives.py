"""The patterns of the primitives. Oracles: Python's calendar, and the models' own validators for what they let by."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from flows.acceptance.strict_schemas import PRIMITIVE_SCHEMAS


@cache
def schema(primitive: str) -> Callable[[Any], bool]:
    made = jsonschema_rs.Draft202012Validator(
        dict(PRIMITIVE_SCHEMAS[primitive]), pattern_options=jsonschema_rs.RegexOptions()
    )
    valid: Callable[[Any], bool] = made.is_valid
    return valid


@cache
def model(primitive: str) -> Callable[[Any], bool]:
    from fhir_core import types

    adapter = TypeAdapter(getattr(types, f"{primitive[0].upper()}{primitive[1:]}Type"))

    def accepts(value: Any) -> bool:
        try:
            adapter.validate_python(value)
        except ValidationError:
            return False
        return True

    return accepts


def test_every_day_of_two_thousand_years_and_no_other() -> None:
    by_schema = schema("date")
    first, days = date(1000, 1, 1), (date(3000, 1, 1) - date(1000, 1, 1)).days
    real = {(first + timedelta(day)).isoformat() for day in range(days)}
    named = (f"{y}-{m:02}-{d:02}" for y in range(1000, 3000) for m in range(14) for d in range(33))
    assert {day for day in named if by_schema(day)} == real
    assert not any(by_schema(day) for day in ("0999-12-31", "3000-01-01", "10000-01-01"))


@pytest.mark.parametrize(
    ("primitive", "ending"),
    [("date", ""), ("dateTime", ""), ("dateTime", "T23:59:59Z"), ("instant", "T00:00:00+14:00")],
)
def test_the_models_take_every_last_of_february_and_every_day_of_a_leap_cycle(primitive: str, ending: str) -> None:
    days = [(date(1896, 1, 1) + timedelta(days)).isoformat() for days in range(366 * 9)]
    days += [f"{year}-02-{day}" for year in range(1000, 3000) for day in (28, 29)]
    taken = [day + ending for day in days if schema(primitive)(day + ending)]
    # 2,000 years have 485 leap years.
    assert len(taken) == 366 * 9 + 2_000 + 485
    assert all(map(model(primitive), taken))


def test_the_models_take_every_zone_and_every_time() -> None:
    zones = [f"{sign}{hour:02}:{minute:02}" for sign in "+-" for hour in range(26) for minute in range(61)]
    taken = [zone for zone in ("Z", "z", "", *zones) if schema("instant")(f"2020-02-29T10:00:00{zone}")]
    assert len(taken) == 1 + 2 * (14 * 60 + 1)
    assert all(model("instant")(f"2020-02-29T10:00:00{zone}") for zone in taken)
    times = [f"{hour:02}:{minute:02}:{second:02}" for hour in range(25) for minute in range(61) for second in range(62)]
    times += [f"10:00:00.{'7' * digits}" for digits in range(14)]
    good = [time for time in times if schema("time")(time)]
    assert len(good) == 24 * 60 * 60 + 9
    for time in good[::7] + good[-9:]:
        assert model("time")(time)
        assert model("dateTime")(f"2020-02-29T{time}Z")


@pytest.mark.parametrize("primitive", ["string", "code", "markdown", "uri"])
@pytest.mark.parametrize("beside", ["", "a"])
def test_no_character_of_unicode_is_taken_that_the_models_refuse(primitive: str, beside: str) -> None:
    characters = (chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point <= 0xDFFF)
    by_schema, by_model = schema(primitive), model(primitive)
    texts = (f"{beside}{character}{beside}" for character in characters)
    taken = 0
    for text in texts:
        if by_schema(text):
            taken += 1
            assert by_model(text), f"U+{ord(text[len(beside) : len(beside) + 1]):04X}"
    assert taken > 1_100_000 - (0 if primitive != "code" else 30)


LETTERS = st.text(st.sampled_from("aZ09-._ \t\n\r=/+\u00a0\u0085é:T"), max_size=12)
LIKE = st.one_of(
    LETTERS,
    st.from_regex(
        r"[12][0-9]{3}(-[01][0-9](-[0-3][0-9](T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,12})?(Z|[+-][01][0-9]:[0-5][0-9])?)?)?)?\n?"
    ),
    st.from_regex(r"urn:oid:[0-3](\.[0-9]{1,3}){0,4}\n?", fullmatch=True),
    st.from_regex(r"([A-Za-z0-9+/]{4}){0,3}[A-Za-z0-9+/]{0,4}={0,2}", fullmatch=True),
)
NUMBERS = st.one_of(
    st.integers(-(2**64), 2**64), st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)


@pytest.mark.parametrize("primitive", [name for name in PRIMITIVE_SCHEMAS if name != "xhtml"])
@given(value=st.one_of(LIKE, NUMBERS))
def test_whatever_a_schema_takes_the_models_take(primitive: str, value: object) -> None:
    if schema(primitive)(value):
        assert model(primitive)(value)
