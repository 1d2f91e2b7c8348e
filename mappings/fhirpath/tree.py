"""The tree of a FHIRPath text as written, before element types are known. ``at`` is the position in the text."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


class FhirPathError(ValueError):
    """A FHIRPath text is wrong; ``at`` is the position in it (0-based), None for the whole of it."""

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


@dataclass(frozen=True)
class Literal:
    """``type`` is string, boolean, integer, decimal, date, dateTime or time; dates and decimals keep their text."""

    value: str | bool | int | Decimal
    type: str
    at: int


@dataclass(frozen=True)
class Nothing:
    """``{}``"""

    at: int


@dataclass(frozen=True)
class Constant:
    """``%name``"""

    name: str
    at: int


@dataclass(frozen=True)
class This:
    """``$this``, or the focus a path begins at."""

    at: int


@dataclass(frozen=True)
class Member:
    base: Tree
    name: str
    at: int


@dataclass(frozen=True)
class Call:
    base: Tree
    name: str
    arguments: tuple[Tree, ...]
    at: int


@dataclass(frozen=True)
class Index:
    base: Tree
    index: Tree
    at: int


@dataclass(frozen=True)
class Sign:
    """Unary plus or minus."""

    sign: str
    operand: Tree
    at: int


@dataclass(frozen=True)
class Operation:
    operator: str
    left: Tree
    right: Tree
    at: int


Tree: TypeAlias = Literal | Nothing | Constant | This | Member | Call | Index | Sign | Operation
