"""Reading a supplement: the text of a CSV to checked rows, or every fault with line and column.

A fault names line and column and says what is expected. It never repeats what stands there: rows are about patients,
and a file without its header has a patient in the first line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analysis.study.faults import did_you_mean
from analysis.study.supplement import Supplement, SupplementVariable
from mappings.codelists import ConceptMapping
from mappings.errors import Problem
from mappings.partial_dates import PartialDate, read_date

COLUMNS = ("pseudonym", "date", "variable", "value", "reader")
MOST_FAULTS = 50
"""More are not listed one by one: a wrong column is wrong in every line."""

_PSEUDONYM = re.compile(r"[0-9a-f]{16}")
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_NUMBER = re.compile(r"(<=|>=|<|>)?(-?\d+(?:\.\d+)?)")
_INTEGER = re.compile(r"-?\d{1,9}")
_READER = re.compile(r"[A-Za-z0-9.\-]{1,64}")


@dataclass(frozen=True)
class SupplementRow:
    """One line of the CSV, checked; ``line`` is where it begins."""

    pseudonym: str
    date: str
    variable: str
    value: str
    reader: str
    line: int


def read_supplement(
    text: str, file: str, rules: Supplement, maps: Mapping[str, ConceptMapping]
) -> tuple[tuple[SupplementRow, ...], list[Problem]]:
    """The rows of a supplement in the order of the file, and every problem found (at most ``MOST_FAULTS`` in full)."""
    problems: list[Problem] = []
    rows: list[SupplementRow] = []
    said: dict[tuple[str, ...], int] = {}
    for line, cells in _lines(text, file, problems):
        row = SupplementRow(**dict(zip(COLUMNS, cells, strict=True)), line=line)
        found = list(_faults(row, rules, maps))
        key = (row.pseudonym, row.date, row.variable, row.reader)
        if not found and key in said:
            found = [("", f"line {said[key]} is of the same subject, date, variable and reader: keep one of the two")]
        said.setdefault(key, line)
        problems += [Problem(message, column, line, file) for column, message in found]
        rows.append(row)
    if len(problems) > MOST_FAULTS:
        told = f"has {len(problems):,} faults; the first {MOST_FAULTS} are told here"
        problems = [Problem(told, file=file), *problems[:MOST_FAULTS]]
    return tuple(rows), problems


def _lines(text: str, file: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells, in the order of ``COLUMNS``, of every row; empty lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    order: list[int] | None = None
    last = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.append(Problem(f"this is not CSV: {error}", line=last + 1, file=file))
            return
        line, last = last + 1, reader.line_num
        if cells is None:
            break
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if order is None:
            fault = _header_fault(cells)
            if fault:
                problems.append(Problem(fault, line=line, file=file))
                return
            order = [cells.index(name) for name in COLUMNS]
        elif len(cells) != len(COLUMNS):
            problems.append(Problem(f"has {len(cells)} cells, and there are {len(COLUMNS)} columns", "", line, file))
        else:
            yield line, [cells[place] for place in order]
    if order is None:
        problems.append(Problem(f"is empty: the first line names the columns, {','.join(COLUMNS)}", file=file))


def _header_fault(cells: list[str]) -> str | None:
    wanted = ",".join(COLUMNS)
    if len(cells) == 1 and cells[0].count(";") == len(COLUMNS) - 1:
        return f"columns are separated by commas, not semicolons; the first line is {wanted}"
    if sorted(cells) == sorted(COLUMNS):
        return None
    lacking = [name for name in COLUMNS if name not in cells]
    return f"the first line names the columns, {wanted}" + (f"; {', '.join(lacking)} is not there" if lacking else "")


def _faults(row: SupplementRow, rules: Supplement, maps: Mapping[str, ConceptMapping]) -> Iterator[tuple[str, str]]:
    if not _PSEUDONYM.fullmatch(row.pseudonym):
        yield "pseudonym", "must be a subject's USUBJID: 16 digits and letters a-f, as ADSL has it"
    dated = _date(row.date)
    if dated is None:
        yield "date", "must be a date, for instance 2020-12-31, 2020-12 or 2020"
    elif dated.low > rules.closed:
        yield "date", f"lies after the day the file was closed ({rules.closed})"
    if not _READER.fullmatch(row.reader):
        yield "reader", "must be who read the chart, by role or code and not by name: letters, digits, - and ."
    rule = rules.variable.get(row.variable)
    if rule is None:
        # The cell itself is not repeated: in a shifted file it holds something else.
        near = did_you_mean(row.variable, rules.variable)
        yield "variable", f"is no variable of the supplement{near}; {', '.join(rules.variable)}"
    else:
        fault = value_fault(row.value, rule, maps)
        if fault:
            yield "value", fault


def _date(text: str) -> PartialDate | None:
    return read_date(text) if _DATE.fullmatch(text) else None


def value_fault(value: str, rule: SupplementVariable, maps: Mapping[str, ConceptMapping]) -> str | None:
    """What is wrong with a cell of the column ``value``; None where nothing is."""
    if not value:
        return "is empty: leave out the line where nothing was found"
    if rule.unit is not None:
        found = _NUMBER.fullmatch(value)
        if found is None:
            return f"must be a number in {rule.unit}, with a decimal point and without the unit, for instance 7.5"
        if len(found[2].lstrip("-0.").replace(".", "")) > 15:
            return "has more than 15 digits"
    elif rule.type == "integer" and not _INTEGER.fullmatch(value):
        return "must be a whole number"
    elif rule.type == "boolean" and value not in ("true", "false"):
        return "must be true or false"
    elif rule.type == "date" and _date(value) is None:
        return "must be a date, for instance 2020-12-31"
    elif rule.values is not None and rule.values in maps:
        return _answer_fault(value, maps[rule.values])
    return None


def _answer_fault(value: str, mapping: ConceptMapping) -> str | None:
    systems = {row.source_system for row in mapping.rows if row.source_code == value}
    if len(systems) > 1:
        return f"is a code of {len(systems)} systems in maps/{mapping.name}.json: write the level instead"
    if systems or value in {row.target_code for row in mapping.rows}:
        return None
    levels = ", ".join(dict.fromkeys(row.target_code for row in mapping.rows))
    return f"is neither a code nor a level of maps/{mapping.name}.json; the levels are {levels}"


def number_of(value: str) -> tuple[str | None, float]:
    """Comparator and number of a checked cell."""
    found = _NUMBER.fullmatch(value)
    assert found is not None
    return found[1], float(found[2])
