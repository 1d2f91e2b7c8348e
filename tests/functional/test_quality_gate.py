"""The gate in a run of two sites: a site is held, an override lets it pass, thresholds are judged anew, rows are shown.

Oracle: docs/quality.md; what was changed in the sample says which subjects violate.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.sample import write_sample
from tests.fixtures.sample_runs import Ran, ran, study_with
from tests.functional.conftest import Resource, Said, command, copy_run, edited_copy

pytestmark = [pytest.mark.xdist_group("quality-gate"), pytest.mark.timeout(600)]

SITES = """
[[site]]
id = "north"
name = "Northern Hospital"
folder = "north"
timezone = "Asia/Shanghai"
checks = {{ actions = {{ age_18_to_110 = "stop" }}, thresholds = {{ age_18_to_110 = 0 }} }}

[[site]]
id = "south"
name = "Southern Hospital"
folder = "south"
timezone = "Asia/Shanghai"
{more}
"""
OVERRIDE = """
[[override]]
check = "age_18_to_110"
site = "north"
name = "Dr A. Example"
reason = "children are treated here"
expires = 2027-06-30
"""
CHILD = "2012-05-05"


def children(ids: set[str]) -> Any:
    def edit(patients: list[Resource]) -> list[Resource]:
        for one in patients:
            if one["id"] in ids:
                one["birthDate"] = CHILD
        return patients

    return {"Patient": edit}


@pytest.fixture(scope="module")
def hospitals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of the sample's patients; at north two of them are children."""
    folder = tmp_path_factory.mktemp("hospitals")
    for site, seed in (("whole", 3), ("south", 4)):
        write_sample("li2023", folder / site, patients=60, seed=seed)
    edited_copy(folder / "whole", folder / "north", children({"S0000003", "S0000004"}))
    (folder / "sites.toml").write_text(SITES.format(more=""))
    also = 'checks = { actions = { follow_up_complete = "stop" }, thresholds = { follow_up_complete = 0 } }'
    (folder / "both.toml").write_text(SITES.format(more=also))
    return folder


@pytest.fixture(scope="module")
def held(hospitals: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return ran(tmp_path_factory.mktemp("held"), "--sites", hospitals / "sites.toml")


def test_a_held_site_leaves_the_analysis_and_the_run_ends_with_5(held: Ran) -> None:
    assert held.said.code == 5, held.said.err
    said = held.run.read()
    assert (said["outcome"], said["exit_code"], list(said["held"])) == ("held", 5, ["north"])
    flow = held.flow()
    adsl = pd.read_parquet(held.run.analysis / "adsl.parquet")
    north = adsl[adsl["SITEID"] == "north"]
    assert (north["ANL01FL"] == "N").all()
    assert flow["site-held"] == (north["EXCLRSN"] == "site-held").sum() > 0
    assert flow["analysed"] == (adsl["ANL01FL"] == "Y").sum() > 0


def test_people_are_told_which_check_holds_which_site(held: Ran) -> None:
    (line,) = [line for line in held.said.err.splitlines() if line.startswith("held by the quality gate")]
    assert "north: age_18_to_110 (analysed of north): 2 of" in line
    page = held.run.report.read_text()
    assert "Data quality checks hold Northern Hospital out of the analysis." in page
    assert "<dd>held</dd>" in page
    assert "site north: age 18 to 110 (analysed)" in page
    assert not (held.run.root.parent / "latest").exists()


def test_only_the_site_that_says_so_is_judged_by_its_threshold(held: Ran) -> None:
    checks = pd.read_parquet(held.run.checks)
    ages = checks[checks["check_id"] == "age_18_to_110"].set_index("site")
    columns = ["status", "action", "threshold", "stops"]
    assert list(ages.loc["north", columns]) == ["FAIL", "stop", 0, True]
    assert list(ages.loc["south", columns]) == ["PASS", "warn", 1, False]


def test_every_check_of_the_catalogue_has_an_outcome_at_every_site(held: Ran) -> None:
    from expectations.catalogue import catalogue

    checks = pd.read_parquet(held.run.checks)
    assert {check.id for check in catalogue()} <= set(checks["check_id"])
    of_sites = checks[(checks["site"] != "") & (checks["table"] != "landing")]
    for check, rows in of_sites.groupby("check_id"):
        assert set(rows["site"]) == {"north", "south"}, check


def test_subjects_are_accounted_for_at_every_site_and_outcome(held: Ran) -> None:
    left = pd.read_parquet(held.run.quality / "subjects.parquet").set_index(["site", "outcome"])
    assert set(left.index) == {(site, outcome) for site in ("north", "south") for outcome in ("response", "PFS", "OS")}
    assert (left.loc["north", "usable"] == 0).all()
    assert (left.loc["north", "lost"] > 0).all()
    assert (left.loc["south", "usable"] > 0).all()


def test_an_override_lets_the_site_pass_and_is_printed(held: Ran, hospitals: Path, tmp_path: Path) -> None:
    study = study_with(tmp_path)
    (study / "quality.toml").write_text(OVERRIDE)
    found = ran(tmp_path / "runs", "--sites", hospitals / "sites.toml", study=study)
    assert found.said.code == 0, found.said.err
    by = "Dr A. Example, until 2027-06-30: children are treated here"
    assert f"let pass: age_18_to_110 (analysed of north), by {by}" in found.said.err
    assert by in found.run.report.read_text()
    (kept,) = found.run.read()["overridden"]
    assert kept == {"check": "age_18_to_110", "table": "analysed", "site": "north", "by": by}
    assert found.flow()["analysed"] > held.flow()["analysed"]
    assert "site-held" not in found.flow()


def test_where_every_site_is_held_nothing_is_analysed(hospitals: Path, tmp_path: Path) -> None:
    found = ran(tmp_path / "runs", "--sites", hospitals / "both.toml")
    assert found.said.code == 5
    assert "the quality gate stopped the analysis" in found.said.err
    assert not found.run.results.exists()
    assert found.run.checks.is_file()


def judged(run: Ran, *arguments: object) -> Said:
    return command("quality", *arguments, "--run", run.run.root)


def test_the_rows_that_failed_are_shown_with_their_resources_address(held: Ran) -> None:
    said = judged(held, "show", "age_18_to_110", "--json")
    rows = json.loads(said.out)["rows"]
    assert len(rows) == 2
    assert {row["address"].rsplit("/", 2)[-1].split("-")[0] for row in rows} == {"S0000003", "S0000004"}
    assert all(row["address"].startswith("north/Procedure/") for row in rows)
    assert "age 18" not in said.err


def test_checks_are_listed_and_an_unknown_one_is_refused(held: Ran) -> None:
    listed = judged(held, "show", "--site", "north").out
    assert "age_18_to_110" in listed
    assert "south" not in listed
    refused = judged(held, "show", "no_such_check")
    assert (refused.code, "asked no check 'no_such_check'" in refused.err) == (2, True)


def test_a_check_in_error_says_why(held: Ran, tmp_path: Path) -> None:
    run = copy_run(held.run, tmp_path)
    checks = pd.read_parquet(run.checks)
    of_ids = checks["check_id"].eq("resource_id_unique") & checks["table"].eq("patient")
    checks.loc[of_ids, ["status", "error", "numerator", "denominator"]] = ["ERROR", "it crashed", 0, 0]
    checks.to_parquet(run.checks, index=False)
    said = command("quality", "show", "resource_id_unique", "--run", run.root)
    assert "patient of north: it crashed  ERROR" in said.out


def test_todays_thresholds_are_judged_without_another_run(held: Ran, hospitals: Path) -> None:
    before = held.run.checks.read_bytes()
    sites = hospitals / "sites.toml"
    text = sites.read_text()
    sites.write_text(text.replace("age_18_to_110 = 0 ", "age_18_to_110 = 50 "))
    try:
        (change,) = json.loads(judged(held, "judge", "--json").out)["changes"]
    finally:
        sites.write_text(text)
    assert (change["check"], change["was"], change["status"]) == ("age_18_to_110", "FAIL", "PASS_WITH_VIOLATIONS")
    assert held.run.checks.read_bytes() == before


def test_the_outcomes_are_there_as_fhir(held: Ran, tmp_path: Path) -> None:
    said = judged(held, "export", tmp_path / "fhir")
    assert said.code == 0, said.err
    reports = [json.loads(line) for line in (tmp_path / "fhir" / "MeasureReport.ndjson").read_text().splitlines()]
    assert [one["reporter"]["display"] for one in reports][:2] == ["Northern Hospital", "Southern Hospital"]
    kept = held.run.quality / "fhir" / "MeasureReport.ndjson"
    assert kept.read_bytes() == (tmp_path / "fhir" / "MeasureReport.ndjson").read_bytes()


def test_a_check_that_is_done_again_finds_the_same(held: Ran) -> None:
    before = pd.read_parquet(held.run.checks)
    said = command("check", held.run.root)
    assert said.code == 5, said.err
    assert "held by the quality gate, and not analysed: north: age_18_to_110" in said.err
    pd.testing.assert_frame_equal(pd.read_parquet(held.run.checks), before)
