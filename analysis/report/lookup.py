"""Find rows of the long results table and print them: the only way a number reaches the page.

A ``Cell`` is one row made printable: its text, its id for ``data-result``, and why it is not there when it is not.
A ``Lookup`` belongs to one section and collects the notes (reasons for NE, warnings) its cells were marked with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase

import pandas as pd
from markupsafe import Markup

from analysis.pages import formats

Key = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Row:
    """One row of the results table; ``value`` is None where it is not estimable or suppressed."""

    id: str
    parameter: str
    group: str
    variable: str
    level: str
    statistic: str
    value: float | None
    unit: str
    method: str
    n: float | None
    warning: str

    @property
    def not_estimable(self) -> bool:
        return self.value is None and self.warning.startswith("NE")

    @property
    def suppressed(self) -> bool:
        return self.value is None and self.warning.startswith("suppressed")

    @property
    def shown(self) -> float | None:
        """The value on the scale it is printed in: fractions as percent or percentage points."""
        return None if self.value is None else formats.scaled(self.value, self.unit)

    @property
    def text(self) -> str:
        if self.value is None:
            return "suppressed" if self.suppressed else "NE"
        # An estimate without a unit is a ratio, but an incidence is a probability as survival is.
        incidence = self.variable.startswith("incidence") and self.statistic == "estimate"
        return formats.figure(self.value, "survival" if incidence else self.statistic, self.unit)


@dataclass(frozen=True)
class Cell:
    """What is printed for a row, or for a row that is not in the table."""

    row: Row | None
    mark: str = ""

    @property
    def text(self) -> str:
        return "not computed" if self.row is None else self.row.text

    @property
    def value(self) -> float | None:
        return None if self.row is None else self.row.value

    @property
    def silent(self) -> Cell:
        """The same without its mark."""
        return Cell(self.row)

    def __bool__(self) -> bool:
        return self.row is not None

    def __html__(self) -> Markup:
        if self.row is None:
            return Markup('<span class="absent">not computed</span>')
        state = "" if self.row.value is not None else ' class="ne"'
        mark = Markup('<sup class="mark">{}</sup>').format(self.mark) if self.mark else Markup("")
        return (
            Markup('<span data-result="{}"{}>{}</span>').format(self.row.id, Markup(state), self.row.text)  # noqa: S704
            + mark
        )

    def __str__(self) -> str:
        return str(self.__html__())

    @property
    def denominator(self) -> Markup:
        """The n the row was computed from, tied to the row by ``data-result-n``."""
        if self.row is None or self.row.n is None:
            return Markup("an unknown number")
        if self.row.suppressed:
            return Markup("suppressed")
        return Markup('<span data-result-n="{}">{}</span>').format(self.row.id, formats.integer(self.row.n))

    @property
    def tspan(self) -> Markup:
        """The same inside an SVG text."""
        if self.row is None:
            return Markup("not computed")
        return Markup('<tspan data-result="{}">{}</tspan>').format(self.row.id, self.row.text)


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA:
        return ""
    return str(value)


def _number(value: object) -> float | None:
    if value is None or value is pd.NA or value == "":
        return None
    number = float(value)  # type: ignore[arg-type]
    return None if math.isnan(number) else number


def rows_of(results: pd.DataFrame) -> tuple[Row, ...]:
    """The results frame as rows, in its own order. Columns are those of ``docs/architecture.md``."""
    columns = ("id", "parameter", "group", "variable", "level", "statistic", "value", "unit", "method", "n", "warning")
    records = results.reindex(columns=list(columns)).itertuples(index=False, name=None)
    return tuple(_row(record) for record in records)


def _row(record: tuple[object, ...]) -> Row:
    key, parameter, group, variable, level, statistic, value, unit, method, n, warning = record
    return Row(
        _text(key),
        _text(parameter),
        _text(group),
        _text(variable),
        _text(level),
        _text(statistic),
        _number(value),
        _text(unit),
        _text(method),
        _number(n),
        _text(warning),
    )


@dataclass
class Index:
    """Rows by (parameter, variable, level, group, statistic)."""

    rows: tuple[Row, ...]
    _by_key: dict[Key, list[Row]] = field(default_factory=dict, repr=False)
    _by_variable: dict[tuple[str, str], list[Row]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for row in self.rows:
            key = (row.parameter, row.variable, row.level, row.group, row.statistic)
            self._by_key.setdefault(key, []).append(row)
            self._by_variable.setdefault((row.parameter, row.variable), []).append(row)

    def at(self, key: Key) -> list[Row]:
        return self._by_key.get(key, [])

    def of(self, parameter: str, variable: str) -> list[Row]:
        """Every row of one variable."""
        return self._by_variable.get((parameter, variable), [])

    def parameters(self) -> list[str]:
        return list(dict.fromkeys(row.parameter for row in self.rows))


class Lookup:
    """A section's view of the results. ``notes`` holds what its marks stand for, in order of appearance."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.notes: dict[str, str] = {}

    def cell(
        self,
        parameter: str,
        variable: str,
        statistic: str,
        *,
        group: str = "total",
        level: str = "",
        method: str | None = None,
        quiet: bool = False,
    ) -> Cell:
        """The one row asked for. With ``method=None`` the first row whatever its method; ``quiet`` sets no mark."""
        found = self.index.at((parameter, variable, level, group, statistic))
        if method is not None:
            found = [row for row in found if row.method == method]
        return self.show(found[0], quiet=quiet) if found else Cell(None)

    def show(self, row: Row, *, quiet: bool = False) -> Cell:
        """A row as a cell, marked when it carries a reason or a warning."""
        return Cell(row, "" if quiet else self._mark(row))

    def cells(self, found: Mapping[str, Row], names: Sequence[str], *, quiet: bool = False) -> list[Cell]:
        """The rows of these statistics as cells, in this order; an empty cell where ``found`` has none."""
        return [self.show(found[name], quiet=quiet) if name in found else Cell(None) for name in names]

    def _mark(self, row: Row) -> str:
        message = row.warning.removeprefix("NE:").strip()
        if not message or row.suppressed:
            return ""
        if row.value is None:
            message = f"NE, not estimable: {message}"
        return self.notes.setdefault(message, _letters(len(self.notes)))

    @property
    def note_list(self) -> Iterator[tuple[str, str]]:
        """(mark, sentence) in order."""
        return ((mark, message) for message, mark in self.notes.items())


def _letters(number: int) -> str:
    """0 → a, 25 → z, 26 → aa."""
    head, tail = divmod(number, 26)
    return ("" if head == 0 else _letters(head - 1)) + ascii_lowercase[tail]
