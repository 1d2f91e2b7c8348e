"""What bad resources get: counted and named, and the run goes on or stops as the study says. Oracle: the list
"What bad input gets" in issue 3 and the exit codes of the design; what was changed in the sample says what must be
found."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flows.run_folder import RunFolder
from flows.sample import write_sample
from tests.fixtures.sample_runs import SITE, Ran, ran, study_with, tace_sessions
from tests.functional.conftest import STUDY, Resource, Said, edited_copy

CANARY = "canary-7f3a"
ONE_RUN = pytest.mark.xdist_group("bad-input")  # these read the same run


@pytest.fixture(scope="module")
def messy(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run of the sample with an invalid resource, answers nobody knows, and a subject with both materials."""

    def observations(resources: list[Resource]) -> list[Resource]:
        for one in resources:
            if one["id"] == "P02-ecog-later":
                one["effectiveDateTime"] = CANARY
            if one["id"] == "P17-child-pugh":
                one["valueCodeableConcept"] = {"coding": [{"system": "urn:unknown", "code": CANARY}]}
        return resources

    def procedures(resources: list[Resource]) -> list[Resource]:
        for one in resources:
            if one["id"] == "P16-tace-1":
                one["usedReference"].append({"reference": "Substance/P01-oil-1"})
        return resources

    folder = tmp_path_factory.mktemp("messy")
    ids = [json.loads(line)["id"] for line in (sample / "Observation.ndjson").read_text().splitlines()]
    assert {"P02-ecog-later", "P17-child-pugh"} <= set(ids)
    data = edited_copy(sample, folder / "data", {"Observation": observations, "Procedure": procedures})
    return ran(folder / "runs", "--source", data)


@ONE_RUN
def test_an_invalid_resource_is_quarantined_and_the_run_goes_on(messy: Ran) -> None:
    assert messy.said.code == 0, messy.said.err
    ledger = messy.ledger()
    assert ledger["balanced"]
    counts = ledger["types"][SITE]["Observation"]
    assert (counts["quarantined"], counts["accepted"]) == (1, counts["landed"] - 1)
    kept = (messy.run.quarantine(SITE) / "Observation.ndjson").read_text()
    assert json.loads(kept)["id"] == "P02-ecog-later"
    (outcome,) = (messy.run.quarantine(SITE) / "OperationOutcome.ndjson").read_text().splitlines()
    (issue,) = json.loads(outcome)["issue"]
    assert issue["expression"] == ["Observation.effectiveDateTime"]
    assert "effectiveDateTime" in issue["diagnostics"]
    assert CANARY not in outcome


@ONE_RUN
def test_an_unknown_code_is_counted_by_reason(messy: Ran) -> None:
    assert messy.said.code == 0
    counts = pd.read_parquet(messy.run.analysis / "counts.parquet")
    unmapped = counts[counts["reason"].str.contains("child_pugh")]
    assert list(unmapped["n"]) == [1]
    assert messy.subject("P17")["EXCLRSN"] == "insufficient-data"
    assert unmapped["reason"].iloc[0] in messy.run.report.read_text()


@ONE_RUN
def test_materials_of_both_arms_on_the_index_day_exclude_by_name(messy: Ran) -> None:
    assert messy.said.code == 0
    subject = messy.subject("P16")
    assert (subject["EXCLRSN"], subject["ANL01FL"]) == ("mixed-materials", "N")
    flow = messy.flow()
    assert (flow["screened"], flow["mixed-materials"], flow["insufficient-data"]) == (29, 1, 4)
    assert flow["analysed"] == 20


@ONE_RUN
def test_no_value_of_a_patient_is_said_anywhere_but_in_the_data(messy: Ran) -> None:
    assert CANARY not in messy.said.text
    told = [messy.run.report, messy.run.ledger, messy.run.root / "run.json", *messy.run.results.glob("*")]
    assert [file.name for file in told if CANARY.encode() in file.read_bytes()] == []


@pytest.mark.xdist_group("sample-run")
def test_of_several_sessions_the_first_is_the_index(finished_run: RunFolder, sample: Path) -> None:
    sessions = tace_sessions(sample)
    assert max(map(len, sessions.values())) > 1
    done = Ran(Said(0, "", ""), finished_run)
    for patient, days in sessions.items():
        subject = done.subject(patient)
        assert subject["TRTSDT"].date() == min(days)
        assert subject["N_SESSIONS"] == len(days)


def dead_the_day_before(data: Path, patient: str) -> dict[str, Callable[[list[Resource]], list[Resource]]]:
    died = date.fromordinal(min(tace_sessions(data)[patient]).toordinal() - 1).isoformat()

    def patients(resources: list[Resource]) -> list[Resource]:
        for one in resources:
            if one["id"] == patient:
                one["deceasedDateTime"] = died
        return resources

    def observations(resources: list[Resource]) -> list[Resource]:
        return [one for one in resources if one["id"] != f"{patient}-vital-status"]

    return {"Patient": patients, "Observation": observations}


@pytest.mark.parametrize("by", ["stop_above_percent", "actions"])
def test_death_before_the_procedure_is_5_where_the_study_makes_it_stop(sample: Path, tmp_path: Path, by: str) -> None:
    data = edited_copy(sample, tmp_path / "data", dead_the_day_before(sample, "P15"))
    stop = '\n[checks]\nstop_above_percent = 50\nactions = { death_not_before_index = "stop" }\n'
    study = STUDY if by == "stop_above_percent" else study_with(tmp_path, added=stop)
    found = ran(tmp_path / "runs", "--source", data, study=study)
    assert found.said.code == 5
    (told,) = [line for line in found.said.err.splitlines() if "death_not_before_index" in line]
    assert ("1 of 29 screened" if by == "stop_above_percent" else "(screened of yichang): 1 of ") in told
    checks = pd.read_parquet(found.run.checks).set_index("check_id")
    assert checks.loc["death_not_before_index", "status"] == "FAIL"
    assert not found.run.results.exists()


def test_death_before_the_procedure_of_one_among_many_is_dropped_by_name(tmp_path: Path) -> None:
    write_sample("li2023", tmp_path / "large", patients=60, seed=3)
    patient = "S0000003"  # with this seed no criterion excludes this one
    data = edited_copy(tmp_path / "large", tmp_path / "data", dead_the_day_before(tmp_path / "large", patient))
    found = ran(tmp_path / "runs", "--source", data)
    assert found.said.code == 0, found.said.err
    flow = found.flow()
    assert flow["death_not_before_index"] == 1
    excluded = sum(n for name, n in flow.items() if name not in ("screened", "analysed", "excluded"))
    assert flow["screened"] == flow["analysed"] + excluded
    assert found.subject(patient)["EXCLRSN"] == "death_not_before_index"
    assert "death_not_before_index" in found.run.report.read_text()
    assert patient not in found.said.text
