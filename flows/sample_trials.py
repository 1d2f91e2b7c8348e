"""What the samples of public trials share: who is drawn, and calendar dates about an invented index date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import TypeVar

VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_GOLDEN = 0.6180339887498949
One = TypeVar("One")


def drawn(everyone: Sequence[One], patients: int | None, seed: int) -> list[One]:
    """Everyone of a trial in order, or ``patients`` drawn from them, the same again for the same seed."""
    if patients is None:
        return list(everyone)
    return [everyone[Random(f"{seed}/{n}").randrange(len(everyone))] for n in range(patients)]  # noqa: S311


def index_date(first: date, last: date, n: int) -> date:
    """The index date of subject ``n``, spread evenly between two days."""
    return first + timedelta(days=int((last - first).days * (n * _GOLDEN % 1)))


def dated(index: date, days: int) -> str:
    """A FHIR date, in days from the index date."""
    return (index + timedelta(days=days)).isoformat()


def birthday(index: date, age: int, n: int) -> str:
    """A day by which subject ``n`` is ``age`` whole years old on the index date, another one of the year for each."""
    last = index.replace(year=index.year - age, day=min(index.day, 28))
    return (last - timedelta(days=n * 97 % 330)).isoformat()
