"""The one error tree of Bedside. A user's mistake is one clear sentence and a stable exit code.

    BedsideError                 70  our own defect
    ├── DefinitionError           2  the command line, a study, sites or view file is wrong
    ├── SourceError               3  a source cannot be reached or refuses the credentials
    ├── UnusableDataError         4  the ledger does not balance, an empty cohort, an empty arm
    ├── GateError                 5  the quality gate stopped the analysis
    └── IncompleteError           6  incomplete; what is missing is named

Messages name rules, counts, columns, files and resource types, never a patient's value.
"""

from __future__ import annotations

from dataclasses import dataclass


class BedsideError(Exception):
    """Base of every error Bedside raises on purpose; by itself it means our own defect."""

    exit_code = 70


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a file a person wrote: where (file, line, field) and what."""

    message: str
    field: str = ""
    line: int | None = None
    file: str = ""

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}" if self.file else f"line {self.line}"
        return ": ".join(part for part in (where, self.field, self.message) if part)


class DefinitionError(BedsideError):
    """A file or a command line is wrong; ``problems`` lists every fault found, not only the first."""

    exit_code = 2

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__("\n".join([message, *(f"  {p}" for p in problems)]))
        self.problems = problems


class SourceError(BedsideError):
    """A source cannot be reached, or refuses the credentials, or does not speak FHIR."""

    exit_code = 3


class UnusableDataError(BedsideError):
    """The data cannot carry the analysis: an unbalanced ledger, an empty cohort, an empty arm."""

    exit_code = 4


class GateError(BedsideError):
    """A data-quality check whose action is to stop has stopped the analysis."""

    exit_code = 5


class IncompleteError(BedsideError):
    """Something that should be there is missing; the message names it."""

    exit_code = 6
