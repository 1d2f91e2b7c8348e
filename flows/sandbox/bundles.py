"""The answers of the sandbox as bytes: searchset Bundles around the files' own text, outcomes, capabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from flows.sandbox.history import Version
from flows.sandbox.parameters import KNOWN_TYPES, parameters_of
from flows.sandbox.store import Store, TypeTable

INTERACTIONS = ("read", "vread", "history-instance", "history-type", "search-type")
_DEFINITION = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"
_EXPORTS = {"Patient": _DEFINITION + "patient-export", "Group": _DEFINITION + "group-export"}


def outcome(severity: str, code: str, diagnostics: str) -> bytes:
    """An OperationOutcome with one issue; ``code`` is of R4's issue types."""
    issue = {"severity": severity, "code": code, "diagnostics": diagnostics}
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})


def entries(table: TypeTable, rows: Sequence[int], base: str, mode: str, ids_only: bool = False) -> list[bytes]:
    """The entries of a searchset in pieces for ``bundle``, each resource in the bytes of its file.

    Pieces, since a page is what most requests wait for and every copy of it costs as much as making it.
    """
    head = b'{"fullUrl":' + orjson.dumps(f"{base}/{table.resource_type}/")[:-1]
    tail = b',"search":{"mode":"' + mode.encode() + b'"}},'
    ids, text = table.id_of_row, table.text
    pieces: list[bytes] = []
    for row in rows:
        resource_id = ids[row]
        if resource_id is None:
            pieces.append(b'{"resource":')
        else:
            pieces += (head, orjson.dumps(resource_id)[1:], b',"resource":')
        pieces += (summary_of(table.resource_type, text(row)) if ids_only else text(row), tail)
    return pieces


def bundle(kind: str, links: Iterable[tuple[str, str]], pieces: Sequence[bytes], total: int | None) -> bytes:
    """A Bundle of a type (searchset, history); ``total`` is left out where it is None, ``entry`` where there is none.

    ``pieces`` together are the entries, with a comma after each.
    """
    head: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
    if total is not None:
        head["total"] = total
    head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    start = orjson.dumps(head)[:-1]
    if not pieces:
        return start + b"}"
    return b"".join((start, b',"entry":[', *pieces[:-1], pieces[-1][:-1], b"]}"))


def version_entry(store: Store, base: str, version: Version) -> bytes:
    """One entry of a history Bundle, a comma after it; a deletion has no resource."""
    there = f"{version.resource_type}/{version.id}"
    created = version.method == "POST"
    gone = version.method == "DELETE"
    described = {
        "fullUrl": f"{base}/{there}",
        "request": {"method": version.method, "url": version.resource_type if created else there},
        "response": {
            "status": "201 Created" if created else "204 No Content" if gone else "200 OK",
            "etag": f'W/"{version.version}"',
            "lastModified": version.at,
        },
    }
    text = orjson.dumps(described)
    if gone:
        return text + b","
    return text[:-1] + b',"resource":' + store.table(version.resource_type).text(version.row) + b"},"


def summary_of(resource_type: str, resource: bytes) -> bytes:
    """The answer to ``_elements=id``: id and meta, tagged as a subset as R4 asks."""
    whole = orjson.loads(resource)
    meta = dict(whole.get("meta") or {})
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
    meta["tag"] = [*meta.get("tag", []), {"system": system, "code": "SUBSETTED"}]
    kept: dict[str, Any] = {"resourceType": resource_type}
    if "id" in whole:
        kept["id"] = whole["id"]
    kept["meta"] = meta
    return orjson.dumps(kept)


def capability_statement(store: Store, base: str, started: datetime, version: str) -> bytes:
    """What the server can do, for the types it knows and those of the folder."""
    resources = []
    for resource_type in sorted(KNOWN_TYPES | set(store.tables)):
        parameters = parameters_of(resource_type).values()
        references = [parameter.name for parameter in parameters if parameter.kind == "reference"]
        resource: dict[str, Any] = {
            "type": resource_type,
            "interaction": [{"code": code} for code in INTERACTIONS],
            "versioning": "versioned",
        }
        if resource_type in _EXPORTS:
            resource["operation"] = [{"name": "export", "definition": _EXPORTS[resource_type]}]
        if references:
            resource["searchInclude"] = [f"{resource_type}:{name}" for name in references]
        resource["searchParam"] = [{"name": "_id", "type": "token"}] + [
            {"name": parameter.name, "type": parameter.kind} for parameter in parameters
        ]
        resources.append(resource)
    return orjson.dumps(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": started.astimezone(UTC).isoformat(timespec="seconds"),
            "kind": "instance",
            "software": {"name": "Bedside sandbox", "version": version},
            "implementation": {"description": "Try-out server; no production server", "url": base},
            "fhirVersion": "4.0.1",
            "format": ["json"],
            "instantiates": ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"],
            "rest": [
                {
                    "mode": "server",
                    "resource": resources,
                    "operation": [{"name": "export", "definition": _DEFINITION + "export"}],
                }
            ],
        }
    )
