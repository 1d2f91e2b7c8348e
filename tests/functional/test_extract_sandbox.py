"""Extraction from the product's own sandbox. Oracle: the folder the sandbox serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.plan import Plan, plan
from flows import study_folder
from flows.landing.counts import plan_counts
from flows.landing.extract import extract_site
from flows.landing.manifest import read_manifest
from flows.sample import write_sample
from flows.sandbox.access import Access
from flows.sandbox.server import Limits, serve
from flows.sites import Site
from mappings.errors import SourceError
from tests.conftest import REPOSITORY
from tests.unit.client.hospital import assert_balanced

SECRET = "canary-5ecret"
SMALL = Limits(page_size=7, max_page_size=40)


@pytest.fixture(scope="module")
def study() -> study_folder.StudyFolder:
    return study_folder.read(REPOSITORY / "studies" / "li2023")


@pytest.fixture(scope="module")
def cohort(study: study_folder.StudyFolder) -> Plan:
    return plan(study.study, study.codes, study.tokens)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample("li2023", folder)
    return folder


def lines(folder: Path) -> dict[str, list[bytes]]:
    return {f.name: sorted(f.read_bytes().splitlines()) for f in folder.glob("[A-Z]*.ndjson")}


def test_sample_study_over_http_is_the_folder_byte_for_byte(sample: Path, cohort: Plan, tmp_path: Path) -> None:
    with serve(sample, limits=SMALL) as base:
        by_http = extract_site(Site(id="a", base=base), cohort, tmp_path / "http")
    by_folder = extract_site(Site(id="a", folder=str(sample)), cohort, tmp_path / "folder")
    assert (by_http.complete, by_folder.complete) == (True, True)
    assert by_http.patients == by_folder.patients == len((sample / "Patient.ndjson").read_bytes().splitlines())
    assert lines(tmp_path / "http") == lines(tmp_path / "folder")
    assert by_http.types["Observation"].pages > 20
    assert all(count.total_exact for count in by_http.types.values() if count.searches)
    for manifest, name in ((by_http, "http"), (by_folder, "folder")):
        assert_balanced(manifest, tmp_path / name)


def test_landing_is_the_same_twice_and_with_other_page_sizes(sample: Path, cohort: Plan, tmp_path: Path) -> None:
    made = []
    for n, (limits, parallel) in enumerate(((SMALL, 1), (Limits(), 4))):
        with serve(sample, limits=limits) as base:
            site = Site(id="a", base=base, limits={"parallel": parallel})
            made.append(extract_site(site, cohort, tmp_path / str(n)).files)
    assert made[0] == made[1]


def test_whole_population_is_taken_when_the_site_says_so(
    sample: Path, study: study_folder.StudyFolder, tmp_path: Path
) -> None:
    whole = plan(study.study, study.codes, study.tokens, scope="population")
    with serve(sample) as base:
        manifest = extract_site(Site(id="a", base=base, scope="population"), whole, tmp_path / "landing")
    assert manifest.scope == "population"
    assert manifest.patients is None
    for type_ in whole.types:
        file = sample / f"{type_}.ndjson"
        there = len(file.read_bytes().splitlines()) if file.exists() else 0
        assert manifest.types[type_].landed == there, type_


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_credential_of_the_sites_file_is_sent_and_a_wrong_one_is_exit_3(
    sample: Path, cohort: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    access = Access.basic("u", SECRET) if kind == "basic" else Access.bearer(SECRET)
    auth = {"kind": "basic", "user": "u", "password": "env:TRY_SECRET"}
    if kind == "bearer":
        auth = {"kind": "bearer", "token": "env:TRY_SECRET"}
    with serve(sample, access=access) as base:
        site = Site(id="a", base=base, auth=auth)
        monkeypatch.setenv("TRY_SECRET", "wrong")
        with pytest.raises(SourceError, match="401") as caught:
            extract_site(site, cohort, tmp_path / "landing")
        assert caught.value.exit_code == 3
        assert read_manifest(tmp_path / "landing") is None
        monkeypatch.setenv("TRY_SECRET", SECRET)
        assert extract_site(site, cohort, tmp_path / "landing").complete
    for file in (tmp_path / "landing").iterdir():
        assert SECRET.encode() not in file.read_bytes(), file.name


def test_plan_counts_are_what_extraction_then_brings(sample: Path, cohort: Plan, tmp_path: Path) -> None:
    with serve(sample) as base:
        site = Site(id="a", base=base)
        counts = plan_counts(site, cohort)
        manifest = extract_site(site, cohort, tmp_path / "landing")
    assert counts.patients == manifest.patients
    by_type: dict[str, int] = {}
    for row in counts.rows:
        if row.count is not None:
            by_type[row.type] = by_type.get(row.type, 0) + row.count
    assert by_type == {type_: manifest.types[type_].matches for type_ in by_type}
    assert {row.type for row in counts.rows if row.count is None} == {"Device", "Substance", "Medication"}
