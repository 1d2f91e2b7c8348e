"""Whether a resource that arrived was asked for: the same question a search asks, put to a resource at hand.

For sources that cannot filter (folders) and servers that ignore a parameter. Codes are compared after normalisation,
so an address written another way still counts.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Protocol

from mappings.codelists import CodeList

OUTSIDE_COHORT = "outside-cohort"
OUTSIDE_WINDOW = "outside-window"
OUTSIDE_FILTER = "outside-filter"

REFERENCES: Mapping[str, tuple[str, ...]] = {
    "Device": ("Procedure.usedReference", "Procedure.focalDevice.manipulated"),
    "Substance": ("Procedure.usedReference",),
    "Medication": ("Procedure.usedReference", "MedicationAdministration.medicationReference"),
}
"""Types fetched by id, and the elements that name the ids."""

_PATHS = sorted({path for places in REFERENCES.values() for path in places})
# By the type that refers: the path, and its elements one by one.
REFERRING: Mapping[str, list[tuple[str, list[str]]]] = {
    type_: [(path, path.split(".")[1:]) for path in _PATHS if path.startswith(type_ + ".")]
    for type_ in {path.partition(".")[0] for path in _PATHS}
}
_NAMES = {type_: {path[0].encode() for _, path in elements} for type_, elements in REFERRING.items()}

_CODED = ("code", "event", "component.code", "valueCodeableConcept", "usedCode", "medicationCodeableConcept", "type")
_DATED = {
    "Procedure": ("performedDateTime", "performedPeriod"),
    "Encounter": ("period",),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
}
_DATE = re.compile(r"(\d{4})(?:[-/](\d{2})(?:[-/](\d{2}))?)?")
_REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.\-_]{1,64})(?:/_history/[^/]+)?$")


@dataclass(frozen=True)
class Arrival:
    """What a resource must be: of a type, of the ids handed in (``by``), in one of ``lists``, between two days.

    ``lists=None`` takes any code. A bound takes what overlaps it, as R4's ``ge`` and ``le`` do, and not the undated.
    """

    type: str
    by: Literal["", "patient", "_id"] = ""
    lists: tuple[CodeList, ...] | None = None
    low: date | None = None
    high: date | None = None

    def content(self) -> list[Any]:
        """Everything that decides, for hashing."""
        lists = None if self.lists is None else [[m.name, _entries(m), _patterns(m), m.words] for m in self.lists]
        return [self.type, self.by, lists, str(self.low), str(self.high)]


def _entries(made: CodeList) -> list[tuple[str, str]]:
    return sorted((entry.system or "", entry.code) for entry in made.entries)


def _patterns(made: CodeList) -> list[tuple[str, str]]:
    return sorted((pattern.system or "", pattern.regex) for pattern in made.patterns)


class Asking(Protocol):
    """What :func:`wanted` needs of a search."""

    @property
    def arrival(self) -> Arrival: ...


def wanted(resource: Mapping[str, Any], searches: Asking | Sequence[Asking], keys: Collection[str] = ()) -> str | None:
    """None if any of the searches asks for the resource, else the reason why none does.

    ``keys`` (best a set) are the ids the searches are about: the cohort's patients, or the ids referred to. Searches
    for other types say nothing; with none for its type a resource is ``outside-filter``. Where several searches turn
    it down for different reasons, the one it came furthest with is given: cohort, then window, then filter.
    """
    made = searches if isinstance(searches, Sequence) else (searches,)
    reasons = [_turned_down(resource, s.arrival, keys) for s in made if s.arrival.type == resource.get("resourceType")]
    if None in reasons:
        return None
    for reason in (OUTSIDE_FILTER, OUTSIDE_WINDOW, OUTSIDE_COHORT):
        if reason in reasons:
            return reason
    return OUTSIDE_FILTER


def _turned_down(resource: Mapping[str, Any], asked: Arrival, keys: Collection[str]) -> str | None:
    if asked.by == "_id" and resource.get("id") not in keys:
        return OUTSIDE_COHORT
    if asked.by == "patient" and patient_of(resource) not in keys:
        return OUTSIDE_COHORT
    if (asked.low or asked.high) and not _overlaps(resource, asked):
        return OUTSIDE_WINDOW
    if asked.lists is not None and not _listed(resource, asked.lists):
        return OUTSIDE_FILTER
    return None


def patient_of(resource: Mapping[str, Any]) -> str | None:
    """The id of the patient a resource is about: its own for a Patient, else that of ``subject`` or ``patient``."""
    if resource.get("resourceType") == "Patient":
        own = resource.get("id")
        return own if isinstance(own, str) else None
    for name in ("subject", "patient"):
        found = reference_key(resource.get(name))
        if found is not None and found[0] == "Patient":
            return found[1]
    return None


def reference_key(reference: object) -> tuple[str, str] | None:
    """Type and id that a Reference names: relative, absolute or versioned; None for contained, urn and identifiers."""
    text = reference.get("reference") if isinstance(reference, Mapping) else None
    if not isinstance(text, str):
        return None
    found = _REFERENCE.search(text.strip().rstrip("/"))
    return (found[1], found[2]) if found else None


def references_in(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Type and id of everything a resource points to that is fetched by id (``REFERENCES``)."""
    for path, element in REFERRING.get(str(resource.get("resourceType")), ()):
        for value in _values(resource, element):
            key = reference_key(value)
            if key is not None and path in REFERENCES.get(key[0], ()):
                yield key


def may_refer(types: Collection[str], text: bytes) -> bool:
    """Whether `references_in` may find anything in resources of ``types`` that ``text`` holds as JSON; most hold none
    of the elements.
    """
    names = {name for type_ in types for name in _NAMES.get(type_, ())}
    # A name may also be written with an escape.
    return bool(names) and (any(name in text for name in names) or b"\\u" in text)


def _values(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values(value[path[0]], path[1:])


def _listed(resource: Mapping[str, Any], lists: Iterable[CodeList]) -> bool:
    for path in _CODED:
        for coding in _values(resource, [*path.split("."), "coding"]):
            if isinstance(coding, Mapping):
                system, code = coding.get("system"), coding.get("code")
                if any(isinstance(code, str) and made.contains(system, code) for made in lists):
                    return True
    return False


def _overlaps(resource: Mapping[str, Any], asked: Arrival) -> bool:
    for name in _DATED.get(asked.type, ()):
        value = resource.get(name)
        if isinstance(value, str):
            span = days(value)
            if span and not (asked.low and span[1] < asked.low) and not (asked.high and span[0] > asked.high):
                return True
        elif isinstance(value, Mapping):
            start, end = days(value.get("start")), days(value.get("end"))
            # A period without an end goes on, one without a start has always been.
            begins_late = asked.high is not None and start is not None and start[0] > asked.high
            ended_early = asked.low is not None and end is not None and end[1] < asked.low
            if (start or end) and not begins_late and not ended_early:
                return True
    return False


def days(text: object) -> tuple[date, date] | None:
    """First and last day a FHIR date or dateTime text may mean, by its own calendar day; None if unreadable."""
    found = _DATE.match(text) if isinstance(text, str) else None
    if found is None:
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    assert year is not None
    try:
        low = date(year, month or 1, day or 1)
        last = calendar.monthrange(year, month or 12)[1]
        return low, date(year, month or 12, day or last)
    except ValueError:
        return None
