"""ViewDefinitions over Python dicts: the slow, obvious interpreter the compiler is checked against.

Everything is a list, as FHIRPath says it. Decimals are read exactly: pass resources parsed with
``json.loads(text, parse_float=decimal.Decimal)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mappings.elements import DATES, INTEGERS
from mappings.errors import DefinitionError
from mappings.fhirpath import scalars
from mappings.fhirpath.typed import (
    Arithmetic,
    At,
    Boundary,
    Choice,
    Compare,
    Empty,
    Exists,
    Field,
    Focus,
    Join,
    Logic,
    Not,
    ReferenceKey,
    RowIndex,
    Typed,
    Value,
    Where,
)
from mappings.viewdefinition import Column, Each, Repeat, Selection, ViewDefinition

Row = dict[str, Any]
_KEY = re.compile(r"([A-Za-z]+)/([^/?#|]+)(?:/_history/.*)?")


@dataclass(frozen=True)
class _Place:
    """Where a path is read: the values it begins at (none in the null row of forEachOrNull) and %rowIndex."""

    focus: tuple[Any, ...]
    row_index: int
    bases: tuple[str, ...]


def rows(view: ViewDefinition, resources: Iterable[Mapping[str, Any]], bases: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a view; ``bases`` are the absolute addresses that are the server's own.

    Raises:
        DefinitionError: a path that may give one value gives several.
    """
    for resource in resources:
        if resource.get("resourceType") != view.resource:
            continue
        if stays(view, resource, bases):
            yield from _select(view.select, _Place((resource,), 0, tuple(bases)))


def stays(view: ViewDefinition, resource: Mapping[str, Any], bases: Sequence[str] = ()) -> bool:
    """Whether a resource passes the view's ``where``: every condition gives true, not false and not nothing."""
    place = _Place((resource,), 0, tuple(bases))
    return all(_values(condition, place) == [True] for condition in view.where)


def _select(select: Selection, place: _Place) -> Iterator[Row]:
    for below in _places(select, place):
        made: list[Row] = [{column.name: _cell(column, below) for column in select.columns}]
        for nested in select.selections:
            further = list(_select(nested, below))
            made = [{**row, **more} for row in made for more in further]
        if select.union:
            further = [row for branch in select.union for row in _select(branch, below)]
            made = [{**row, **more} for row in made for more in further]
        yield from made


def _places(select: Selection, place: _Place) -> list[_Place]:
    match select.over:
        case None:
            return [place]
        case Each(items, or_null):
            found = _values(items, place)
            if not found and or_null:
                return [_Place((), 0, place.bases)]
        case Repeat(first, next_):
            found = []
            _descend(first, next_, place, found)
    return [_Place((item,), i, place.bases) for i, item in enumerate(found)]


def _descend(paths: Sequence[Typed], further: Sequence[Typed], place: _Place, found: list[Any]) -> None:
    for path in paths:
        for item in _values(path, place):
            found.append(item)
            _descend(further, further, _Place((item,), 0, place.bases), found)


def _cell(column: Column, place: _Place) -> Any:
    values = _values(column.value, place)
    if column.stored == "decimal":
        values = [scalars.at_places(Decimal(str(value))) for value in values]
    if column.collection:
        return values
    return _one(values, column.where)


def _one(values: list[Any], where: str = "") -> Any:
    if len(values) > 1:
        raise DefinitionError(f"{where or 'A path'} gives several values where one is allowed.")
    return values[0] if values else None


def _values(node: Typed, place: _Place) -> list[Any]:
    match node:
        case Focus():
            return list(place.focus)
        case Value(value):
            return [value]
        case Empty():
            return []
        case RowIndex():
            return [place.row_index]
        case Field(base, name):
            found = [item.get(name) for item in _values(base, place) if isinstance(item, Mapping)]
            flat = [one for item in found for one in (item if isinstance(item, list) else [item])]
            return [one for one in flat if one is not None]
        case Choice():
            return [value for field in node.fields for value in _values(field, place)]
        case Where(base, condition):
            kept = []
            for item in _values(base, place):
                if _values(condition, _Place((item,), place.row_index, place.bases)) == [True]:
                    kept.append(item)
            return kept
        case Exists(base):
            return [bool(_values(base, place))]
        case At(base, index):
            at = int(_values(index, place)[0])
            return _values(base, place)[at : at + 1]
        case Not(base):
            return [not value for value in _single(base, place)]
        case Join(base, separator):
            found = _values(base, place)
            return [separator.join(str(value) for value in found)] if found else []
        case ReferenceKey(base, to):
            keys = [reference_key(item.get("reference"), to, place.bases) for item in _values(base, place)]
            return [key for key in keys if key is not None]
        case Boundary(base, high, type_):
            made = [_boundary(value, type_, high) for value in _single(base, place)]
            return [value for value in made if value is not None]
        case Compare():
            return _compare(node, place)
        case Logic(operator, left, right):
            return _logic(operator, _single(left, place), _single(right, place))
        case Arithmetic():
            return _arithmetic(node, place)


def _single(node: Typed, place: _Place) -> list[Any]:
    values = _values(node, place)
    _one(values)
    return values


def _boundary(value: Any, type_: str, high: bool) -> Any:
    if type_ == "decimal":
        return scalars.decimal_boundary(str(value), high)
    if type_ == "time":
        return scalars.time_boundary(str(value), high)
    return scalars.date_boundary(str(value), type_, high)


def _compare(node: Compare, place: _Place) -> list[Any]:
    if node.operator not in ("=", "!="):
        left, right = _single(node.left, place), _single(node.right, place)
    else:
        left, right = _values(node.left, place), _values(node.right, place)
    if not left or not right:
        return []
    if len(left) != len(right):
        return [node.operator == "!="]
    orders = [_order(a, b, node) for a, b in zip(left, right, strict=True)]
    if any(order is None for order in orders):
        return []
    if node.operator in ("=", "!="):
        return [all(order == 0 for order in orders) == (node.operator == "=")]
    order = orders[0]
    assert order is not None
    return [{"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[node.operator]]


def _order(a: Any, b: Any, node: Compare) -> int | None:
    types = {node.left.type, node.right.type}
    if types <= INTEGERS | {"decimal"}:
        x, y = scalars.at_places(Decimal(str(a))), scalars.at_places(Decimal(str(b)))
        return (x > y) - (x < y)
    if types <= DATES:
        return scalars.compare_dates(a, b)
    if types == {"time"}:
        return scalars.compare_texts(scalars.plain_time(a), scalars.plain_time(b))
    return int(a > b) - int(a < b)


def _logic(operator: str, left: list[Any], right: list[Any]) -> list[Any]:
    decides = operator == "or"
    if left == [decides] or right == [decides]:
        return [decides]
    return [not decides] if left and right else []


def _arithmetic(node: Arithmetic, place: _Place) -> list[Any]:
    left, right = _single(node.left, place), _single(node.right, place)
    if not left or not right:
        return []
    a, b = left[0], right[0]
    if node.type == "string":
        return [a + b]
    if node.type == "decimal":
        a, b = scalars.at_places(Decimal(str(a))), scalars.at_places(Decimal(str(b)))
    if node.operator == "/":
        result = scalars.quotient(Decimal(a), Decimal(b))
        return [] if result is None else [result]
    if node.operator == "*":
        return [scalars.product(a, b) if node.type == "decimal" else a * b]
    return [a + b if node.operator == "+" else a - b]


def reference_key(reference: Any, to: str | None, bases: Sequence[str] = ()) -> str | None:
    """The id a reference leads to: relative, or absolute under one of ``bases``; None where it gives no key."""
    if not isinstance(reference, str):
        return None
    for base in bases:
        prefix = base.rstrip("/") + "/"
        if reference.startswith(prefix):
            reference = reference[len(prefix) :]
            break
    match = _KEY.fullmatch(reference)
    if match is None or (to is not None and match.group(1) != to):
        return None
    return match.group(2)
