"""The answers of the sandbox as bytes: searchset Bundles around the files' own text, outcomes, capabilities."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from flows.sandbox.parameters import KNOWN_TYPES, parameters_of
from flows.sandbox.store import Store


def outcome(severity: str, code: str, diagnostics: str) -> bytes:
    """An OperationOutcome with one issue; ``code`` is of R4's issue types."""
    issue = {"severity": severity, "code": code, "diagnostics": diagnostics}
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})


def entry(resource: bytes, base: str, resource_type: str, resource_id: str | None, mode: str) -> bytes:
    """One entry of a searchset; the resource's bytes go in as they are."""
    address = (
        b"" if resource_id is None else b'"fullUrl":' + orjson.dumps(f"{base}/{resource_type}/{resource_id}") + b","
    )
    return b"{" + address + b'"resource":' + resource + b',"search":{"mode":"' + mode.encode() + b'"}}'


def searchset(links: Iterable[tuple[str, str]], entries: Iterable[bytes], total: int | None) -> bytes:
    """A searchset Bundle; ``total`` is left out where it is None, ``entry`` where there is none."""
    head: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        head["total"] = total
    head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    body = b",".join(entries)
    start = orjson.dumps(head)[:-1]
    return start + (b',"entry":[' + body + b"]}" if body else b"}")


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
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "versioning": "no-version",
        }
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
            "rest": [{"mode": "server", "resource": resources}],
        }
    )
