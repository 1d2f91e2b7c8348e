"""What a server says of itself: its CapabilityStatement and the time on its clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_EVERY = "*"


@dataclass(frozen=True)
class Capability:
    """What the CapabilityStatement says; empty texts when there is none.

    ``date`` is the HTTP ``Date`` that came with it.
    """

    fhir_version: str = ""
    software: str = ""
    software_version: str = ""
    software_date: str = ""
    date: str = ""
    last_updated: frozenset[str] = frozenset()
    history: frozenset[str] = frozenset()

    def searches_last_updated(self, type_: str) -> bool:
        """Whether resources of a type can be searched by ``_lastUpdated``."""
        return bool({type_, _EVERY} & self.last_updated)

    def keeps_history(self, type_: str) -> bool:
        """Whether the ``_history`` of a type can be asked for (interaction ``history-type``)."""
        return type_ in self.history


def read_capability(statement: Mapping[str, Any], headers: Mapping[str, str]) -> Capability:
    """Read a CapabilityStatement; what is missing or of a wrong kind says nothing."""
    software = statement.get("software")
    software = software if isinstance(software, dict) else {}
    last_updated, history = set(), set()
    for rest in _tables(statement.get("rest")):
        if rest.get("mode", "server") != "server":
            continue
        if _names(rest.get("searchParam"), "name", "_lastUpdated"):
            last_updated.add(_EVERY)
        for resource in _tables(rest.get("resource")):
            type_ = str(resource.get("type", ""))
            if _names(resource.get("searchParam"), "name", "_lastUpdated"):
                last_updated.add(type_)
            if _names(resource.get("interaction"), "code", "history-type"):
                history.add(type_)
    return Capability(
        str(statement.get("fhirVersion", "")),
        str(software.get("name", "")),
        str(software.get("version", "")),
        str(software.get("releaseDate", "")),
        headers.get("Date", ""),
        frozenset(last_updated),
        frozenset(history),
    )


def _tables(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _names(value: object, member: str, wanted: str) -> bool:
    return any(table.get(member) == wanted for table in _tables(value))
