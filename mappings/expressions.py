"""Typed FHIRPath to Ibis expressions over structures and arrays.

A node that is a collection becomes an array without nulls, where a null array is an empty one; any other becomes a
value, where null is empty. Decimals read from JSON stay text until they are computed with or leave as a column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeAlias

import ibis
import ibis.expr.types as ir

from mappings import scalar_expressions
from mappings.elements import DATES, INTEGERS, is_primitive, storage
from mappings.engine import DUCKDB, Engine
from mappings.errors import DefinitionError
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
    origin,
)
from mappings.read_schema import Path, below, needs
from mappings.references import key_expression
from mappings.scalar_expressions import DECIMAL

STORED = {"text": "string", "boolean": "boolean", "integer": "int64", "decimal": str(DECIMAL)}
_NUMBERS = INTEGERS | {"decimal"}


@dataclass(frozen=True)
class Resource:
    """The resource itself: its elements are the table's columns; ``guard`` is a where() over the whole of it."""

    table: ir.Table
    guard: ir.BooleanValue | None = None


@dataclass(frozen=True)
class Place:
    """Where a path is read. ``where`` is the JSON path in the view, for messages; ``paths`` are all the view reads."""

    focus: Resource | ir.Value
    row_index: ir.IntegerValue
    bases: tuple[str, ...] = ()
    where: str = ""
    paths: frozenset[Path] = frozenset()
    engine: Engine = DUCKDB


Made: TypeAlias = Any  # a Resource or an Ibis value


def column(node: Typed, type_: str, collection: bool, place: Place) -> ir.Value:
    """A path as a column of the row: one value (several fail the query), or an array (never null)."""
    stored = STORED[storage(type_)]
    made = value(node, place)
    if collection:
        if not node.many:
            made = ibis.ifelse(made.isnull(), ibis.literal([], type=f"array<{made.type()}>"), ibis.array([made]))
        array = made.map(lambda item: item.cast(stored)) if storage(type_) == "decimal" else made
        return array.cast(f"array<{stored}>").fill_null(ibis.literal([], type=f"array<{stored}>"))
    made = single(node, place)
    return made if str(made.type()) == stored else made.cast(stored)


def exists(node: Typed, place: Place) -> ir.BooleanValue:
    """Whether a path gives anything; never null."""
    if isinstance(node, Choice):
        return ibis.or_(*(exists(field, place) for field in node.fields))
    if isinstance(node, Empty):
        return ibis.literal(False)
    made = _made(node, place)
    if isinstance(made, Resource):
        return ibis.literal(True) if made.guard is None else made.guard.fill_null(False)
    return (made.length() > 0).fill_null(False) if node.many else made.notnull()


def value(node: Typed, place: Place) -> ir.Value:
    """A path as a value or, where it is a collection, as an array."""
    made = _made(node, place)
    if isinstance(made, Resource):
        raise DefinitionError(f"{place.where} uses the whole resource as a value.")
    return made


def structures(node: Typed, place: Place) -> ir.Value:
    """A path of complex elements as a structure or an array of structures, never as JSON text."""
    return _structure(node, value(node, place), place)


def single(node: Typed, place: Place) -> ir.Value:
    """A path as one value; several fail the query."""
    made = value(node, place)
    if not node.many:
        return made
    failing = place.engine.several_values(place.where, made.type().value_type)
    return ibis.ifelse(made.length() > 1, failing, place.engine.item(made, 0))


def _made(node: Typed, place: Place) -> Made:
    match node:
        case Focus():
            return place.focus
        case Value():
            return _literal(node)
        case Empty():
            return ibis.null(STORED[storage(node.type)] if node.type else "string")
        case RowIndex():
            return place.row_index
        case Field():
            return _field(node, place)
        case Where():
            return _where(node, place)
        case Exists(base):
            return exists(base, place)
        case At():
            return _at(node, place)
        case Not(base):
            return ~single(base, place)
        case Join(base, separator):
            if not base.many:
                return value(base, place)
            made = value(base, place)
            return ibis.ifelse(made.length() > 0, made.join(separator), ibis.null("string"))
        case ReferenceKey(base, to):
            return _reference_key(base, to, place)
        case Boundary(base, high, type_):
            return scalar_expressions.boundary(single(base, place), type_, high)
        case Compare():
            return _compare(node, place)
        case Logic(operator, left, right):
            a, b = single(left, place), single(right, place)
            return a | b if operator == "or" else a & b
        case Arithmetic():
            return _arithmetic(node, place)
        case Choice():
            raise DefinitionError(f"{place.where} uses {node.name} without ofType.")


def _literal(node: Value) -> ir.Value:
    if isinstance(node.value, Decimal):
        return ibis.literal(str(node.value)).cast(DECIMAL)
    return ibis.literal(node.value, type=STORED[storage(node.type)])


def _field(node: Field, place: Place) -> ir.Value:
    base = _structure(node.base, _made(node.base, place), place)
    if isinstance(base, Resource):
        made = base.table[node.name]
        if base.guard is not None:
            made = ibis.ifelse(base.guard, made, ibis.null(made.type()))
        own_many = node.many
    elif not node.base.many:
        made = base[node.name]
        own_many = node.many
    else:
        name = node.name
        inner = base.map(lambda item: item[name])
        own_many = inner.type().value_type.is_array()
        made = inner.filter(lambda item: item.notnull())
        if own_many:
            made = made.flatten()
    # JSON null holds the place of a primitive that has only extensions; complex elements are never null.
    if own_many and is_primitive(node.type):
        made = made.filter(lambda item: item.notnull())
    return made


def _structure(node: Typed, made: Made, place: Place) -> Made:
    """A structure that is kept as JSON text, because a repeat reads it at every depth, made a structure where used."""
    if isinstance(made, Resource):
        return made
    dtype = made.type().value_type if node.many else made.type()
    if not dtype.is_string():
        return made
    wanted = needs(node.type, below(origin(node) or (), place.paths))
    parse = place.engine.parse_json
    return made.map(lambda text: parse(text, wanted)) if node.many else parse(made, wanted)


def _where(node: Where, place: Place) -> Made:
    base = _made(node.base, place)

    def condition(item: Any) -> ir.BooleanValue:
        return value(node.condition, replace(place, focus=item))

    if isinstance(base, Resource):
        asked = condition(base)
        return Resource(base.table, asked if base.guard is None else base.guard & asked)
    if node.base.many:
        return base.filter(condition)
    return ibis.ifelse(condition(base), base, ibis.null(base.type()))


def _at(node: At, place: Place) -> Made:
    base = _made(node.base, place)
    index = _made(node.index, place)
    if not node.base.many:
        if isinstance(node.index, Value) and node.index.value == 0:
            return base
        if isinstance(base, Resource):
            asked = index == 0
            return Resource(base.table, asked if base.guard is None else base.guard & asked)
        return ibis.ifelse(index == 0, base, ibis.null(base.type()))
    return place.engine.item(base, node.index.value if isinstance(node.index, Value) else index)


def _reference_key(base: Typed, to: str | None, place: Place) -> ir.Value:
    made = _structure(base, value(base, place), place)
    if not base.many:
        return key_expression(made["reference"], to, place.bases)
    keys = made.map(lambda item: key_expression(item["reference"], to, place.bases))
    return keys.filter(lambda key: key.notnull())


def _compare(node: Compare, place: Place) -> ir.BooleanValue:
    left, right = node.left, node.right
    compare = _comparison(node.operator, {left.type, right.type})
    if node.operator not in ("=", "!=") or not (left.many or right.many):
        return compare(single(left, place), single(right, place))
    a, b = value(left, place), value(right, place)
    unequal = ibis.literal(node.operator == "!=")
    nothing = ibis.null("boolean")
    if left.many and right.many:
        if {left.type, right.type} & (DATES | {"time", "decimal"}):
            raise DefinitionError(f"{place.where} compares two collections of {left.type}: compare single values.")
        same = a == b if node.operator == "=" else a != b
        return ibis.ifelse((a.length() > 0).fill_null(False) & (b.length() > 0).fill_null(False), same, nothing)
    several, one = (a, b) if left.many else (b, a)
    size = several.length()
    compared = compare(place.engine.item(several, 0), one)
    return ibis.cases((size.fill_null(0) == 0, nothing), (one.isnull(), nothing), (size > 1, unequal), else_=compared)


def _comparison(operator: str, types: set[str]) -> Callable[[Any, Any], ir.BooleanValue]:
    if types <= DATES:
        return lambda a, b: scalar_expressions.compare_dates(operator, a, b)
    if types == {"time"}:
        return lambda a, b: scalar_expressions.compare_times(operator, a, b)
    if types <= _NUMBERS and not types <= INTEGERS:
        return lambda a, b: scalar_expressions.apply(operator, a.cast(DECIMAL), b.cast(DECIMAL))
    return lambda a, b: scalar_expressions.apply(operator, a, b)


def _arithmetic(node: Arithmetic, place: Place) -> ir.Value:
    a, b = single(node.left, place), single(node.right, place)
    if node.type == "decimal":
        return scalar_expressions.decimal_arithmetic(node.operator, a, b)
    if node.operator == "*":
        return a * b
    return a + b if node.operator == "+" else a - b
