"""The main job against a real HAPI FHIR JPA server. Oracle: the same job against the sandbox, byte for byte.

One server for all of it: first some patients of the public sample, taken whole; then the sample study beside them,
which must be found among patients it does not ask for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from flows.job import prepare
from flows.landing.connect import connect
from flows.landing.extract import extract_site
from flows.sample import write_sample
from flows.sandbox.server import serve
from flows.sites import Site
from tests.fixtures.exported import comparison_as_fhir
from tests.integration.command import STUDIES, Run, bedside_run
from tests.integration.hapi_server import hapi_server, load
from tests.integration.public_sample import Chosen, colorectal_patients

pytestmark = [pytest.mark.hapi, pytest.mark.xdist_group("hapi"), pytest.mark.timeout(2400)]

PATIENTS = None if os.environ.get("BEDSIDE_HAPI_FULL") else 2


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A HAPI server, empty at first."""
    with hapi_server() as base:
        yield base


@pytest.fixture(scope="module")
def public(server: str, shared: Path) -> Chosen | None:
    """The public patients, loaded; None where the public sample is not there."""
    if not (shared / "synthea").is_dir():
        return None
    chosen = colorectal_patients(shared / "synthea", PATIENTS)
    load(server, chosen.directory)
    load(server, chosen.records)
    return chosen


@pytest.fixture(scope="module")
def public_run(server: str, public: Chosen | None, tmp_path_factory: pytest.TempPathFactory) -> Run | None:
    """The public patients extracted, mapped and checked, before anything else is on the server."""
    return public and bedside_run(STUDIES / "public-sample", server, tmp_path_factory.mktemp("public"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample study's data as NDJSON."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample("li2023", folder)
    return folder


@pytest.fixture(scope="module")
def loaded(server: str, public_run: Run | None, sample: Path) -> dict[str, int]:
    """The sample study on the server; how many resources of each type it has."""
    return load(server, (line for file in sorted(sample.glob("*.ndjson")) for line in file.read_bytes().splitlines()))


@pytest.mark.shared
def test_public_patients_land_whole_with_a_balanced_ledger(public: Chosen, public_run: Run) -> None:
    assert len(public.records) > 1_000
    assert public_run.landed() == public.counts
    ledger = public_run.read("ledger.json")
    assert ledger["balanced"] is True
    assert public_run.accepted() == public.counts
    assert public_run.read("run.json")["steps"].keys() >= {"extract", "accept", "map", "check"}
    for views in ledger["views"].values():
        assert views["observation"]["with_rows"] == public.counts["Observation"]
        assert views["procedure"]["with_rows"] == public.counts["Procedure"]


def test_the_client_reads_every_page_and_every_digit(server: str, loaded: dict[str, int], sample: Path) -> None:
    """Small pages on a server that pages its own way, and numbers that a double would change."""
    site = Site.model_validate({"id": "hapi", "name": "HAPI", "base": server, "page_size": 20})
    patients = tuple(f"Patient/P{number:02}" for number in range(1, 6))
    numbers = ["1.10", "13.2", "1234567890.123456789", "0.000010", "-5.00"]
    head = b'{"resourceType":"Basic","code":{"text":"n"},"id":"n%d","extension":[{"url":"urn:x","valueDecimal":%b}]}'
    load(server, (head % (place, number.encode()) for place, number in enumerate(numbers)))
    client = connect(site)
    try:
        assert client.open().software.startswith("HAPI FHIR")
        paging = client.search("Observation", (("patient", ",".join(patients)),))
        pages = [[entry.id for entry in page.page.entries] for page in paging]
        found = [entry for page in client.search("Basic", (("_sort", "_id"),)) for entry in page.page.entries]
    finally:
        client.close()
    lines = (sample / "Observation.ndjson").read_bytes().splitlines()
    sent = sorted(one["id"] for one in map(json.loads, lines) if one["subject"]["reference"] in patients)
    assert sorted(identity for page in pages for identity in page) == sent
    assert len(pages) > 3
    read = [json.loads(entry.text, parse_float=str)["extension"][0]["valueDecimal"] for entry in found]
    assert read == numbers


def test_the_study_gives_the_same_results_as_from_the_sandbox(
    server: str, loaded: dict[str, int], sample: Path, repository: Path, tmp_path: Path
) -> None:
    study = repository / "studies" / "li2023"
    real = bedside_run(study, server, tmp_path / "hapi")
    with serve(sample) as base:
        sandbox = bedside_run(study, base, tmp_path / "sandbox")
    assert real.landed() == sandbox.landed()
    assert real.landed()["Patient"] == loaded["Patient"] == 29
    assert real.read("ledger.json")["balanced"] is True
    results = (real.folder / "results" / "results.csv").read_bytes()
    assert results.count(b"\n") > 160
    assert results == (sandbox.folder / "results" / "results.csv").read_bytes()


def _snapshot(folder: Path) -> dict[str, list[str]]:
    """Every landed resource, by type, as text that does not depend on how it was written."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("[A-Z]*.ndjson")):
        lines = [json.loads(line, parse_float=str) for line in file.read_bytes().splitlines()]
        found.setdefault(file.name.split(".")[0], []).extend(json.dumps(line, sort_keys=True) for line in lines)
    return {type_: sorted(lines) for type_, lines in found.items()}


@pytest.mark.parametrize("level", ["system", "patient", "group"])
def test_an_export_gives_the_snapshot_that_a_search_gives(
    level: str, server: str, loaded: dict[str, int], sample: Path, repository: Path, tmp_path: Path
) -> None:
    patients = [json.loads(line)["id"] for line in (sample / "Patient.ndjson").read_bytes().splitlines()]
    members = [{"entity": {"reference": f"Patient/{id_}"}} for id_ in patients]
    group = {"resourceType": "Group", "id": "sample", "type": "person", "actual": True, "member": members}
    load(server, [json.dumps(group).encode()])
    site = {"id": "hapi", "base": server, "limits": {"retry_after_max_s": 1}}
    more = {"system": {}, "patient": {"bulk": {"level": "patient"}}, "group": {"group": "sample"}}[level]
    plan = prepare(repository / "studies" / "li2023", source=server).plan(Site.model_validate(site))
    exporting = Site.model_validate({**site, "method": "bulk", **more})
    exported = extract_site(exporting, plan, tmp_path / "bulk")
    searched = extract_site(Site.model_validate(site), plan, tmp_path / "search")
    assert (exported.complete, searched.complete) == (True, True)
    assert [warning["code"] for warning in exported.warnings] == [warning["code"] for warning in searched.warnings]
    assert exported.patients == searched.patients == loaded["Patient"]
    assert _snapshot(tmp_path / "bulk") == _snapshot(tmp_path / "search")
    # Asked to wait two minutes by every poll, as HAPI does; the setting cuts it, and the log says so.
    assert "asked to wait 120 s; waiting 1 s" in (tmp_path / "bulk" / "log.ndjson").read_text()


def test_the_comparison_as_fhir_is_taken_and_given_back(server: str, loaded: dict[str, int]) -> None:
    """What ``bedside export --fhir`` writes; HAPI refuses what is no R4, and a reference to what is not there."""
    made = comparison_as_fhir()
    assert sum(load(server, [json.dumps(one).encode() for one in made]).values()) == len(made) > 400
    (report,) = (one for one in made if one["resourceType"] == "MeasureReport")
    asked = {"measure": report["measure"], "_count": "5"}
    found = requests.get(f"{server}/MeasureReport", params=asked, timeout=60).json()["entry"]
    assert [entry["resource"]["group"] for entry in found] == [report["group"]]
    (target,) = (one for one in made if one["resourceType"] == "Provenance")
    kept = requests.get(f"{server}/Provenance/{target['id']}", timeout=60).json()
    assert kept["target"] == target["target"]
