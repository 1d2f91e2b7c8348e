"""The tree of a FHIRPath with its element types: what the compiler and the interpreter both read.

Every node knows its FHIR ``type`` (``""`` for the empty collection) and whether it is a collection (``many``); a node
that is not has at most one value. Inside ``where`` and the like only the innermost focus can be reached, so one
:class:`Focus` is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True)
class Focus:
    """What the path begins at. ``origin`` are the JSON names from the resource down to it; () is the resource."""

    type: str
    origin: tuple[str, ...] = ()
    many: bool = False


@dataclass(frozen=True)
class Value:
    """A literal or a constant. Dates are FHIR text."""

    value: str | bool | int | Decimal
    type: str
    many: bool = False


@dataclass(frozen=True)
class Empty:
    type: str = ""
    many: bool = False


@dataclass(frozen=True)
class RowIndex:
    """``%rowIndex``: the place of the row's element in its forEach, from 0."""

    type: str = "integer"
    many: bool = False


@dataclass(frozen=True)
class Field:
    """An element by its JSON name."""

    base: Typed
    name: str
    type: str
    many: bool


@dataclass(frozen=True)
class Choice:
    """A choice element before ``ofType``: only its presence can be asked. ``fields`` are its JSON elements."""

    base: Typed
    name: str
    fields: tuple[Field, ...]
    type: str = "choice"

    @property
    def many(self) -> bool:
        return self.base.many


@dataclass(frozen=True)
class Where:
    base: Typed
    condition: Typed

    @property
    def type(self) -> str:
        return self.base.type

    @property
    def many(self) -> bool:
        return self.base.many


@dataclass(frozen=True)
class Exists:
    base: Typed
    type: str = "boolean"
    many: bool = False


@dataclass(frozen=True)
class At:
    """``[index]``; ``first()`` is the index 0."""

    base: Typed
    index: Typed
    many: bool = False

    @property
    def type(self) -> str:
        return self.base.type


@dataclass(frozen=True)
class Not:
    base: Typed
    type: str = "boolean"
    many: bool = False


@dataclass(frozen=True)
class Join:
    base: Typed
    separator: str
    type: str = "string"
    many: bool = False


@dataclass(frozen=True)
class ReferenceKey:
    """``getReferenceKey([Type])``; ``base`` are References."""

    base: Typed
    to: str | None
    type: str = "string"

    @property
    def many(self) -> bool:
        return self.base.many


@dataclass(frozen=True)
class Boundary:
    """``lowBoundary()`` or ``highBoundary()`` of a decimal, date, dateTime, instant or time."""

    base: Typed
    high: bool
    type: str
    many: bool = False


@dataclass(frozen=True)
class Compare:
    """``= != < <= > >=``; empty where a side is empty, or where the precision of a date does not decide."""

    operator: str
    left: Typed
    right: Typed
    type: str = "boolean"
    many: bool = False


@dataclass(frozen=True)
class Logic:
    """``and`` or ``or``, three-valued."""

    operator: str
    left: Typed
    right: Typed
    type: str = "boolean"
    many: bool = False


@dataclass(frozen=True)
class Arithmetic:
    """``+ - * /`` on numbers, ``+`` on texts."""

    operator: str
    left: Typed
    right: Typed
    type: str
    many: bool = False


Typed: TypeAlias = (
    Focus
    | Value
    | Empty
    | RowIndex
    | Field
    | Choice
    | Where
    | Exists
    | At
    | Not
    | Join
    | ReferenceKey
    | Boundary
    | Compare
    | Logic
    | Arithmetic
)


def parts(node: Typed) -> tuple[Typed, ...]:
    """The nodes directly below a node."""
    match node:
        case Focus() | Value() | Empty() | RowIndex():
            return ()
        case Choice():
            return node.fields
        case Where():
            return (node.base, node.condition)
        case At():
            return (node.base, node.index)
        case Compare() | Logic() | Arithmetic():
            return (node.left, node.right)
        case _:
            return (node.base,)


def origin(node: Typed) -> tuple[str, ...] | None:
    """The JSON names from the resource down to what a node picks; None for what is computed."""
    match node:
        case Focus():
            return node.origin
        case Field():
            above = origin(node.base)
            return None if above is None else (*above, node.name)
        case Where() | At():
            return origin(node.base)
        case _:
            return None
