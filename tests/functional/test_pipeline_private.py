"""What must not leave: markers planted in the records are looked for wherever a run writes or speaks, and small counts.

Oracle: the markers, each unique; what stays on site (landing, accepted, quarantine, tables) is not looked at.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.export.data_sets import DATA_SETS
from flows.run_folder import RunFolder
from flows.sandbox.server import serve
from tests.functional.conftest import STUDY, Said, only_run, run_study

pytestmark = pytest.mark.xdist_group("other-data")

MARK = "canary7h"
ON_SITE = ("landing", "accepted", "quarantine", "tables")
PEOPLE = ("count", "n", "missing", "events", "censored", "at_risk", "unusable")


def marked(resource: dict[str, Any], number: int) -> dict[str, Any]:
    """A resource with a marker wherever a person may be named; ids are marked in the text of the file."""
    mark = f"{MARK}-{resource['resourceType']}-{number}"
    more: dict[str, Any] = {
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{mark}</div>'}
    }
    more["identifier"] = [*resource.get("identifier", []), {"system": "https://hospital.example", "value": mark}]
    if resource["resourceType"] == "Patient":
        more["name"] = [{"text": mark, "family": mark, "given": [mark]}]
        more["address"] = [{"line": [mark], "city": mark, "postalCode": mark}]
        more["telecom"] = [{"system": "phone", "value": mark}]
    if resource["resourceType"] in ("Condition", "Procedure", "Observation", "Device", "ImagingStudy"):
        more["note"] = [{"text": mark}]
    if resource["id"] == "P01-stay-1":  # one that is no FHIR, so that acceptance has something to say
        more["status"] = [mark]
    return {**resource, **more}


def plant(sample: Path, to: Path) -> Path:
    """The sample with markers; the ids of patients and of all that belongs to them begin with one."""
    shutil.copytree(sample, to)
    patients = [json.loads(line)["id"] for line in (to / "Patient.ndjson").read_text().splitlines()]
    for file in to.glob("*.ndjson"):
        lines = [json.dumps(marked(json.loads(line), n)) for n, line in enumerate(file.read_text().splitlines())]
        text = "".join(f"{line}\n" for line in lines)
        for patient in patients:
            for before in ('"id": "', *(f'"reference": "{type_}/' for type_ in TYPES)):
                text = text.replace(f'{before}{patient}"', f'{before}{MARK}-{patient}"')
                text = text.replace(f"{before}{patient}-", f"{before}{MARK}-{patient}-")
        file.write_text(text)
    return to


TYPES = ("Patient", "Condition", "Device", "Encounter", "ImagingStudy", "MedicationAdministration", "Observation",
         "Procedure", "Substance")  # fmt: skip


@pytest.fixture(scope="module")
def planted(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Said]:
    """The marked sample over HTTP, through a copy of the study that suppresses counts below 5."""
    place = tmp_path_factory.mktemp("planted")
    study = place / "study"
    shutil.copytree(STUDY, study)
    text = (study / "study.toml").read_text(encoding="utf-8")
    assert text.count("min_count = 0") == 1
    (study / "study.toml").write_text(text.replace("min_count = 0", "min_count = 5"), encoding="utf-8")
    with serve(plant(sample, place / "data")) as base:
        said = run_study(place / "runs", "--source", base, study=study)
    assert said.code == 0, said.err
    return only_run(place / "runs"), said


def test_single_subjects_stand_on_the_page_that_stays_and_on_no_other(planted: tuple[RunFolder, Said]) -> None:
    """Oracle: the pseudonyms of the analysis table."""
    run, _ = planted
    subjects = set(pd.read_parquet(run.analysis / "analysis_table.parquet")["USUBJID"])
    assert len(subjects) == 22
    stays, leaves = run.on_site.read_text(encoding="utf-8"), run.report.read_text(encoding="utf-8")
    assert {one for one in subjects if one not in stays} == set()
    assert {one for one in subjects if one in leaves} == set()
    assert "on-site.html" not in leaves
    assert run.on_site.stat().st_mode & 0o777 == 0o600


def test_markers_are_where_they_may_be(planted: tuple[RunFolder, Said]) -> None:
    """Else the next test would find nothing because nothing was planted."""
    run, _ = planted
    patients = [json.loads(line) for line in (run.landing("yichang") / "Patient.000.ndjson").read_text().splitlines()]
    assert len(patients) == 29
    assert all(MARK in p["id"] and MARK in p["name"][0]["family"] for p in patients)
    for type_ in TYPES:
        assert MARK in (run.landing("yichang") / f"{type_}.000.ndjson").read_text(), type_
    assert MARK in (run.quarantine("yichang") / "Encounter.ndjson").read_text()
    assert json.loads(run.ledger.read_text())["subjects"]["analysed"] == 22


def test_no_marker_in_anything_said_or_written_for_others(planted: tuple[RunFolder, Said]) -> None:
    run, said = planted
    looked = [p for p in run.root.rglob("*") if p.is_file() and p.relative_to(run.root).parts[0] not in ON_SITE]
    looked += [run.landing("yichang") / "manifest.json", run.landing("yichang") / "log.ndjson"]
    looked += [run.quarantine("yichang") / "OperationOutcome.ndjson"]
    assert {"results.csv", "index.html", "run.json", "ledger.json", "published.json"} <= {p.name for p in looked}
    assert run.analysis / "define.json" in looked
    for path in looked:
        # The data sets stay on site and are looked at by the next test, column by column.
        if path.suffix != ".parquet" and not (path.suffix == ".csv" and run.analysis in path.parents):
            assert MARK not in path.read_text(), path
    for name in ("quality/checks.parquet", "results/results.parquet"):
        assert MARK not in pd.read_parquet(run.root / name).to_csv(), name
    assert MARK not in said.text


def test_subjects_are_hashes_and_only_the_source_reference_leads_back(planted: tuple[RunFolder, Said]) -> None:
    """ADTTE and ADRS name the resource a row rests on (SRCREF); they stay on site. Nothing else in them is an id."""
    run, _ = planted
    files = [*run.analysis.rglob("*.parquet"), *run.analysis.rglob("*.csv")]
    assert {file.name for file in files} >= {f"{name}.{kind}" for name in DATA_SETS for kind in ("parquet", "csv")}
    for file in files:
        frame = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file, dtype=str)
        assert MARK not in frame.drop(columns="SRCREF", errors="ignore").to_csv(), file.name


def test_no_small_count_of_people_stands_in_results(planted: tuple[RunFolder, Said]) -> None:
    run, _ = planted
    results = pd.read_csv(run.results / "results.csv", float_precision="round_trip")
    people = results[results["statistic"].isin(PEOPLE) & (results["parameter"] != "alpha_crossing")]
    assert people["value"].notna().sum() > 10
    assert people[people["value"].between(0.5, 4.5)]["id"].tolist() == []
    assert results[results["n"].between(1, 4)]["id"].tolist() == []
    assert (results["warning"] == "suppressed").sum() > 20
    # The same figures, whole, stay on site.
    whole = pd.read_parquet(run.results / "results.parquet")
    assert whole[whole["statistic"].isin(PEOPLE)]["value"].between(0.5, 4.5).any()


def test_published_figures_are_not_a_way_round(planted: tuple[RunFolder, Said]) -> None:
    run, _ = planted
    figures = json.loads((run.results / "published.json").read_text())["figures"]
    results = pd.read_csv(run.results / "results.csv").set_index("id")["value"]
    missing = [f for f in figures if f["status"] == "missing"]
    assert len(missing) > 20
    assert all(f["ours"] is None and f["shown"] == "" for f in missing)
    for figure in figures:
        if figure["result"] and figure["ours"] is not None:
            assert figure["ours"] == pytest.approx(results[figure["result"]])


def test_the_page_says_that_small_counts_are_hidden(planted: tuple[RunFolder, Said]) -> None:
    page = planted[0].report.read_text()
    assert "suppressed" in page
