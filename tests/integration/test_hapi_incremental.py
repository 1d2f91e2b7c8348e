"""Incremental extracts from a real HAPI FHIR JPA server. Oracle: a fresh extract of everything from the same server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from analysis.plan import Plan
from flows.landing.extract import extract_site
from flows.landing.incremental import Incremental, extract_since
from flows.landing.manifest import Manifest
from flows.sites import Site
from flows.store import Store
from tests.fixtures.changing_hospital import COHORT, POPULATION, SYSTEM
from tests.functional.incremental.conftest import lines
from tests.integration.hapi_server import hapi_server, load

pytestmark = [pytest.mark.hapi, pytest.mark.xdist_group("hapi"), pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with hapi_server() as base:
        yield base


def of_patient(name: str, *, code: str = "act", status: str = "completed") -> list[dict[str, Any]]:
    """A patient with an index event that used a device, and an Encounter."""
    subject = {"reference": f"Patient/{name}"}
    return [
        {"resourceType": "Patient", "id": name, "active": True},
        {"resourceType": "Device", "id": f"of-{name}"},
        {"resourceType": "Encounter", "id": f"seen-{name}", "status": "finished", "class": {}, "subject": subject},
        {
            "resourceType": "Procedure",
            "id": f"act-{name}",
            "status": status,
            "subject": subject,
            "code": {"coding": [{"system": SYSTEM, "code": code}]},
            "performedDateTime": "2021-05-05",
            "usedReference": [{"reference": f"Device/of-{name}"}],
        },
    ]


def put(base: str, *resources: dict[str, Any]) -> None:
    load(base, [json.dumps(resource).encode() for resource in resources])


def delete(base: str, *names: str) -> None:
    for name in names:
        assert requests.delete(f"{base}/{name}", timeout=60).status_code in (200, 204), name


@pytest.mark.parametrize(
    ("plan", "deletions", "way", "method"),
    [
        (COHORT, "id-lists", "id-lists", "search"),
        (COHORT, "history", "history", "search"),
        (POPULATION, "auto", "history", "search"),
        (COHORT, "id-lists", "id-lists", "bulk"),
    ],
    ids=["cohort by lists", "cohort by history", "population", "cohort by exports"],
)
def test_incremental_equals_full(
    server: str, plan: Plan, deletions: str, way: str, method: str, tmp_path: Path
) -> None:
    names = [f"{plan.scope}-{deletions}-{method}-{letter}" for letter in "abcd"]
    given = {"id": "north", "base": server, "page_size": 2, "incremental": {"deletions": deletions}, "method": method}
    # HAPI asks for two minutes between two looks at an export.
    site = Site.model_validate({**given, "limits": {"retry_after_max_s": 1}})
    store = Store(tmp_path / "store" / "study" / "north")

    def since() -> Manifest:
        manifest = extract_since(Incremental(site, plan, store, "auto", "north"), tmp_path / "landing")
        assert manifest.complete, manifest.missing
        assert extract_site(site, plan, tmp_path / "whole").complete
        assert lines(tmp_path / "landing") == lines(tmp_path / "whole")
        return manifest

    stays, leaves, edited, new = names
    put(server, *of_patient(stays), *of_patient(leaves), *of_patient(edited))
    since()
    put(server, *of_patient(new), *of_patient(leaves, code="other")[3:], *of_patient(edited, status="stopped")[3:])
    delete(server, f"Encounter/seen-{stays}")
    manifest = since()
    assert manifest.incremental is not None
    (applied,) = manifest.incremental["applied"]
    assert set(applied["since"]) >= {"Device", "Encounter", "Patient", "Procedure"}
    assert applied["deletions"]["Encounter"] == way
    counts = applied["types"]["Encounter"]
    assert (counts["added"], counts["deleted"], counts["left"]) == (1, 1, 1 if plan is COHORT else 0)
    assert applied["types"]["Procedure"]["changed"] == (1 if plan is COHORT else 2)
