"""Rows of different engines made comparable: types settled by the view's columns, and what had to be settled said.

Pure; the worker of every engine uses it, so it imports the standard library only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

TYPED_KEYS = "keys carry their type (Patient/1)"
TEXT_NUMBERS = "numbers come as text"
WRAPPED_NUMBERS = "numbers come wrapped in a dict"
DOUBLES = "decimals come as doubles"
_WHOLE = ("integer", "integer64", "positiveInt", "unsignedInt")


def columns_of(view: Mapping[str, Any]) -> dict[str, tuple[str, bool]]:
    """Column name to (declared type, whether it is a key), in the view's order."""
    return {
        column["name"]: (column["type"], "Key(" in column["path"])
        for part in view["select"]
        for column in part["column"]
    }


def canonical(
    rows: Iterable[Mapping[str, Any]], columns: Mapping[str, tuple[str, bool]], remarks: set[str]
) -> Iterator[str]:
    """Each row as one JSON line in the view's order; what was settled on the way is added to ``remarks``."""
    for row in rows:
        made = [_settled(row.get(name), type_, key, remarks) for name, (type_, key) in columns.items()]
        yield json.dumps(made, ensure_ascii=False)


def _settled(value: Any, type_: str, key: bool, remarks: set[str]) -> Any:
    if value is None:
        return None
    if key and isinstance(value, str) and "/" in value:
        remarks.add(TYPED_KEYS)
        return value.rsplit("/", 1)[-1]
    if type_ == "decimal" or type_ in _WHOLE:
        return _number(value, type_, remarks)
    return value


def _number(value: Any, type_: str, remarks: set[str]) -> str:
    if isinstance(value, dict) and len(value) == 1:
        remarks.add(WRAPPED_NUMBERS)
        value = next(iter(value.values()))
    elif isinstance(value, str):
        remarks.add(TEXT_NUMBERS)
    elif isinstance(value, float) and type_ == "decimal":
        remarks.add(DOUBLES)
    number = Decimal(str(value))
    return "0" if number == 0 else format(number.normalize(), "f")


def compared(ours: Iterable[str], theirs: Iterable[str]) -> dict[str, int]:
    """How many rows are the same, and how many only one side has, as multisets."""
    one, other = Counter(ours), Counter(theirs)
    return {
        "same": (one & other).total(),
        "only_ours": (one - other).total(),
        "only_theirs": (other - one).total(),
    }
