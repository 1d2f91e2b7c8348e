"""A server that wants to be asked its own way brings the same. Oracle: the extract that asks in the usual way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analysis.plan import Plan
from flows.landing.connect import connect
from flows.landing.extract import extract_from
from flows.landing.manifest import Manifest
from flows.sandbox.server import serve
from flows.sites import Site
from tests.fixtures.extract_process import COHORT_PLAN
from tests.fixtures.faulty_server import Answer, faulty_server
from tests.fixtures.small_hospital import write_hospital
from tests.unit.client.hospital import assert_balanced


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    write_hospital(folder)
    with serve(folder) as address:
        yield address


def extract(base: str, folder: Path, plan: Plan = COHORT_PLAN, **search: Any) -> Manifest:
    site = Site.model_validate({"id": "north", "base": base, "search": search})
    client = connect(site)
    try:
        manifest = extract_from(site, plan, client, folder)
    finally:
        client.close()
    assert_balanced(manifest, folder)
    return manifest


def lines(folder: Path) -> Counter[bytes]:
    return Counter(line for file in folder.glob("[A-Z]*.ndjson") for line in file.read_bytes().splitlines())


@pytest.fixture(scope="module")
def usual(base: str, tmp_path_factory: pytest.TempPathFactory) -> Counter[bytes]:
    folder = tmp_path_factory.mktemp("usual") / "north"
    assert extract(base, folder).complete
    return lines(folder)


@pytest.mark.parametrize(
    "search",
    [
        {"ids_per_request": 1},
        {"post": True},
        {"include": ["Encounter:subject", "Observation:subject"]},
        {"revinclude": ["Observation:subject", "Encounter:subject"]},
        {"windows": [date(2019, 1, 1), date(2021, 6, 1)]},
        {"parameters": {"Encounter": "status=finished"}},
    ],
    ids=lambda search: next(iter(search)),
)
def test_brings_the_same(base: str, usual: Counter[bytes], tmp_path: Path, search: dict[str, Any]) -> None:
    manifest = extract(base, tmp_path / "north", **search)
    assert manifest.complete
    assert lines(tmp_path / "north") == usual
    assert manifest.warnings == ()


def test_what_came_along_is_a_duplicate_of_what_is_searched_for(base: str, tmp_path: Path) -> None:
    manifest = extract(base, tmp_path / "north", revinclude=["Observation:subject"])
    count = manifest.types["Observation"]
    assert count.duplicates == count.landed
    assert count.not_asked == {}


def test_includes_that_the_server_cuts_lose_nothing(tmp_path: Path, usual: Counter[bytes]) -> None:
    """HAPI and LinuxForHealth include 1,000 at most, Azure puts the rest behind another link."""

    def one_included(_: str, said: Answer) -> Answer:
        page = json.loads(said.body)
        along = [entry for entry in page.get("entry", ()) if entry.get("search", {}).get("mode") == "include"]
        if along[1:]:
            page["entry"] = [entry for entry in page["entry"] if entry not in along[1:]]
            page["link"].append({"relation": "related", "url": "$includes"})
        return replace(said, body=json.dumps(page).encode())

    folder = tmp_path / "served"
    folder.mkdir()
    write_hospital(folder)
    with faulty_server(folder, one_included) as base:
        manifest = extract(base, tmp_path / "north", revinclude=["Encounter:subject"])
    assert manifest.complete
    assert 0 < manifest.types["Encounter"].duplicates < manifest.types["Encounter"].landed
    assert lines(tmp_path / "north") == usual


def test_a_list_of_patients_is_all_that_is_asked_about(base: str, usual: Counter[bytes], tmp_path: Path) -> None:
    listed = tmp_path / "patients.txt"
    listed.write_text("p3\np4\nnobody\n")
    manifest = extract(base, tmp_path / "north", cohort=str(listed))
    assert (manifest.complete, manifest.patients) == (True, 2)
    found = [json.loads(line) for line in lines(tmp_path / "north")]
    about = {
        r["id"] if r["resourceType"] == "Patient" else r["subject"]["reference"][8:]
        for r in found
        if "d" not in r["id"]
    }
    assert about == {"p3", "p4"}
    assert lines(tmp_path / "north") <= usual
