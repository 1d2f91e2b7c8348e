"""Small folders for the sandbox to serve, and the requests of its tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import requests

ASYNC = {"Prefer": "respond-async"}


def resource(kind: str, id_: str, patient: str = "", **more: Any) -> dict[str, Any]:
    """A resource of a type, of a patient where one is given."""
    subject = {"subject": {"reference": f"Patient/{patient}"}} if patient else {}
    code = {"code": {"text": "x"}} if kind == "Observation" else {}
    return {"resourceType": kind, "id": id_, **code, **subject, **more}


def write(folder: Path, resources: Iterable[dict[str, Any]]) -> Path:
    """One NDJSON file a type."""
    by_type: dict[str, list[str]] = {}
    for one in resources:
        by_type.setdefault(one["resourceType"], []).append(json.dumps(one) + "\n")
    for kind, lines in by_type.items():
        (folder / f"{kind}.ndjson").write_text("".join(lines))
    return folder


def observations(count: int, patient: str = "p1") -> list[dict[str, Any]]:
    """Observations o01, o02, … of one patient."""
    return [resource("Observation", f"o{n:02}", patient, status="final") for n in range(1, count + 1)]


def get(address: str, **headers: str) -> requests.Response:
    """A GET with its own connection."""
    return requests.get(address, headers=headers, timeout=10)


def ids(bundle: dict[str, Any]) -> list[str]:
    """The ids of a Bundle's entries."""
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


def links(bundle: dict[str, Any]) -> dict[str, str]:
    """The links of a Bundle by relation."""
    return {link["relation"]: link["url"] for link in bundle["link"]}


def kick_off(address: str, **headers: str) -> str:
    """Start an export; returns the status address."""
    answer = get(address, **ASYNC, **headers)
    assert answer.status_code == 202, answer.text
    return answer.headers["Content-Location"]


def finished(status: str, most: int = 10) -> dict[str, Any]:
    """The manifest, after as many status requests as it takes."""
    for _ in range(most):
        answer = get(status)
        if answer.status_code == 200:
            read: dict[str, Any] = answer.json()
            return read
        assert answer.status_code == 202, answer.text
    raise AssertionError("the export does not end")


def lines(manifest: dict[str, Any], kind: str = "output") -> list[dict[str, Any]]:
    """Every line of a manifest's files of a kind, read as JSON, in order."""
    read = []
    for file in manifest[kind]:
        answer = get(file["url"])
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/fhir+ndjson"
        found = [json.loads(line) for line in answer.text.splitlines()]
        assert len(found) == file["count"]
        assert {one["resourceType"] for one in found} == {file["type"]}
        read += found
    return read


def keys(resources: Iterable[dict[str, Any]]) -> list[str]:
    """``Type/id`` of each, sorted."""
    return sorted(f"{one['resourceType']}/{one['id']}" for one in resources)
