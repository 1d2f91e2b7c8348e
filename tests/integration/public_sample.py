"""Some patients of the public Synthea sample with everything they refer to, for servers that check references."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

COLORECTAL = frozenset({"93761005", "109838007", "363406005", "94260004"})
DIRECTORY = ("Organization", "Location", "Practitioner", "PractitionerRole")


@dataclass(frozen=True)
class Chosen:
    """``directory``: hospitals and staff; referred to by identifier, they must be there before ``records``."""

    directory: list[bytes]
    records: list[bytes]

    @property
    def counts(self) -> dict[str, int]:
        """How many resources of each type."""
        found: dict[str, int] = {}
        for text in (*self.directory, *self.records):
            resource_type = orjson.loads(text)["resourceType"]
            found[resource_type] = found.get(resource_type, 0) + 1
        return found


def colorectal_patients(folder: Path, patients: int | None) -> Chosen:
    """The ``patients`` colorectal patients with the fewest resources (None: all of them), and what they refer to."""
    of_patient: dict[str, list[bytes]] = {}
    colorectal: set[str] = set()
    shared: dict[str, bytes] = {}
    directory: list[bytes] = []
    for text in _lines(folder):
        resource = orjson.loads(text)
        patient = _patient(resource)
        if resource["resourceType"] in DIRECTORY:
            directory.append(text)
        elif patient is None:
            shared[f"{resource['resourceType']}/{resource['id']}"] = text
        else:
            of_patient.setdefault(patient, []).append(text)
            if resource["resourceType"] == "Condition" and _codes(resource) & COLORECTAL:
                colorectal.add(patient)
    chosen = sorted(colorectal, key=lambda patient: (len(of_patient[patient]), patient))[:patients]
    records = [text for patient in chosen for text in of_patient[patient]]
    literal, conditional = _referred_to(records)
    records += [shared[reference] for reference in sorted(literal & shared.keys())]
    return Chosen([text for text in directory if _is_among(orjson.loads(text), conditional)], records)


def _lines(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("*.ndjson.gz")):
        with gzip.open(path) as stream:
            yield from (line.strip() for line in stream)


def _patient(resource: dict[str, Any]) -> str | None:
    if resource["resourceType"] == "Patient":
        return f"Patient/{resource['id']}"
    reference = (resource.get("subject") or resource.get("patient") or {}).get("reference")
    return str(reference) if reference else None


def _codes(resource: dict[str, Any]) -> set[str]:
    return {coding["code"] for coding in resource["code"]["coding"]}


def _referred_to(texts: list[bytes]) -> tuple[set[str], set[str]]:
    """(``Type/id`` references, ``Type?identifier=…`` references)."""
    literal: set[str] = set()
    conditional: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            text = node.get("reference")
            if isinstance(text, str):
                (conditional if "?" in text else literal).add(text)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    for text in texts:
        walk(orjson.loads(text))
    return literal, conditional


def _is_among(resource: dict[str, Any], conditional: set[str]) -> bool:
    return any(
        f"{resource['resourceType']}?identifier={one.get('system', '')}|{one['value']}" in conditional
        for one in resource.get("identifier", ())
    )
