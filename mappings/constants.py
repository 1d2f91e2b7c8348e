"""The constants of a view: JSON values checked against the type they are declared with."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from mappings.elements import DATES, INTEGERS
from mappings.fhirpath.typed import Value
from mappings.partial_dates import read_date


def constant_value(type_: str, value: Any) -> Value | None:
    """A constant of its type, or None where the JSON value is of another."""
    checks: dict[str, Callable[[], bool]] = {
        "boolean": lambda: isinstance(value, bool),
        "decimal": lambda: isinstance(value, (int, float, Decimal, str)) and not isinstance(value, bool),
    }
    if type_ in INTEGERS:
        right = isinstance(value, int) and not isinstance(value, bool)
    else:
        right = checks.get(type_, lambda: isinstance(value, str))()
    if not right or (type_ in DATES and read_date(value) is None):
        return None
    if type_ == "decimal":
        try:
            return Value(Decimal(str(value)), type_)
        except ArithmeticError:
            return None
    return Value(value, type_)
