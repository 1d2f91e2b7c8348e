"""AdverseEvent resources from the study file to the landing folder.

Oracle: FHIR R4, whose AdverseEvent is searched by ``subject`` and ``event`` (it has no ``patient`` and no ``code``),
and the sandbox, which answers R4's parameters only.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.plan import Plan
from flows.landing.connect import connect
from flows.landing.extract import extract_from, extract_site
from flows.landing.manifest import Manifest
from flows.sandbox.bulk.settings import BulkSettings
from flows.sandbox.server import serve
from flows.sites import Site
from tests.fixtures.adverse_event_study import SYSTEM, adverse_event, adverse_event_plan
from tests.fixtures.stents import stent_hospital
from tests.unit.client.hospital import assert_balanced


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = stent_hospital(
        tmp_path_factory.mktemp("served") / "in", {"s1": {"arm": "BARE-1"}, "s2": {"arm": "BARE-1"}}
    )
    other = {"resourceType": "Patient", "id": "other"}
    with (folder / "Patient.ndjson").open("a", encoding="utf-8") as file:
        file.write(json.dumps(other) + "\n")
    events = [
        adverse_event("a1", "Patient/s1", "BLEED"),
        adverse_event("a2", "Patient/s2", "RASH"),
        adverse_event("a3", "Patient/other", "BLEED"),
        adverse_event("a4", "Group/s1", "BLEED"),
        adverse_event("a5", "Patient/s2", "BLEED"),
    ]
    (folder / "AdverseEvent.ndjson").write_text("".join(json.dumps(one) + "\n" for one in events), encoding="utf-8")
    return folder


def _ids(folder: Path) -> list[str]:
    files = sorted(folder.glob("AdverseEvent.*.ndjson"))
    return sorted(json.loads(line)["id"] for file in files for line in file.read_bytes().splitlines())


def _extract(hospital: Path, made: Plan, folder: Path) -> Manifest:
    with serve(hospital) as base:
        site = Site.model_validate({"id": "north", "base": base, "search": {"ids_per_request": 1}})
        client = connect(site)
        try:
            manifest = extract_from(site, made, client, folder)
        finally:
            client.close()
    assert_balanced(manifest, folder)
    return manifest


@pytest.mark.parametrize("codes", ["on-arrival", "sent"])
def test_the_cohorts_events_of_the_list_are_brought(hospital: Path, tmp_path: Path, codes: str) -> None:
    made = adverse_event_plan(f'\n[extract]\ncodes = "{codes}"\n')
    manifest = _extract(hospital, made, tmp_path / "north")
    assert (manifest.complete, manifest.warnings) == (True, ())
    assert _ids(tmp_path / "north") == ["a1", "a5"]
    count = manifest.types["AdverseEvent"]
    assert count.received == {"on-arrival": 3, "sent": 2}[codes]  # another patient's and the group's are not sent


def test_the_search_is_by_subject_and_event() -> None:
    (search,) = (s for s in adverse_event_plan('\n[extract]\ncodes = "sent"\n').searches if s.type == "AdverseEvent")
    assert (search.parameters, search.by) == ((("event", f"{SYSTEM}|BLEED"),), "subject")
    assert search.arrival.by == "patient"


def test_an_export_gives_the_same(hospital: Path, tmp_path: Path) -> None:
    with serve(hospital, bulk=BulkSettings(polls=0)) as base:
        site = Site.model_validate({"id": "north", "base": base, "method": "bulk"})
        extract_site(site, adverse_event_plan(), tmp_path / "north")
    assert _ids(tmp_path / "north") == ["a1", "a5"]


def test_a_folder_gives_the_same(hospital: Path, tmp_path: Path) -> None:
    site = Site.model_validate({"id": "north", "folder": str(hospital)})
    extract_site(site, adverse_event_plan(), tmp_path / "north")
    assert _ids(tmp_path / "north") == ["a1", "a5"]
