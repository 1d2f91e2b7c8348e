"""The demo of the dashboard and ``bedside quality codes`` on its runs.

Oracle: what ``flows.nights_hospitals`` plants, counted again in the tables that the last night left.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from flows.nights_hospitals import HOSPITALS, STOPS_SENDING, UNIT_CHANGES, VOLUME_DROPS, on_file, sent
from flows.run_folder import RunFolder
from flows.sample_nights import STUDY, main, write_nights
from tests.conftest import REPOSITORY
from tests.functional.conftest import command

pytestmark = pytest.mark.xdist_group("sixty-nights")

LAST = date(2026, 6, 30)
STUDY_FOLDER = REPOSITORY / STUDY


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The last night alone: nothing to compare it with, cedar silent, birch short, alder in g/L."""
    (run,) = write_nights(STUDY_FOLDER, tmp_path_factory.mktemp("nights") / "runs", LAST, nights=1, workers=2)
    return run


@pytest.fixture(scope="module")
def hospitals() -> dict[str, dict[str, pd.DataFrame]]:
    return {site: on_file(site, LAST, 1) for site in HOSPITALS}


def test_the_same_seed_gives_the_same_hospitals(hospitals: dict[str, dict[str, pd.DataFrame]]) -> None:
    again = on_file("birch", LAST, 1)
    other = on_file("birch", LAST, 2)
    for view, rows in hospitals["birch"].items():
        pd.testing.assert_frame_equal(again[view], rows)
    assert not other["patient"].equals(hospitals["birch"]["patient"])


def test_each_fault_begins_on_its_night_and_at_its_hospital(hospitals: dict[str, dict[str, pd.DataFrame]]) -> None:
    def rows(site: str, night: int) -> dict[str, pd.DataFrame]:
        return sent(site, hospitals[site], night, LAST)

    before, after = (rows("birch", n)["observation"] for n in (VOLUME_DROPS - 1, VOLUME_DROPS))
    assert len(after) / len(before) == pytest.approx(2 / 3, abs=0.01)
    before, after = (rows("alder", n)["observation"] for n in (UNIT_CHANGES - 1, UNIT_CHANGES))
    changed = before["value_unit"] == "g/dL"
    assert (after.loc[changed, "value_unit_code"] == "g/L").all()
    assert after.loc[changed, "value_quantity"].to_list() == (before.loc[changed, "value_quantity"] * 10).to_list()
    pd.testing.assert_frame_equal(after[~changed], before[~changed])
    assert len(rows("cedar", STOPS_SENDING - 1)["patient"])
    assert not any(len(table) for table in rows("cedar", STOPS_SENDING).values())


def test_a_night_is_sent_only_what_had_happened(hospitals: dict[str, dict[str, pd.DataFrame]]) -> None:
    day = date(2025, 6, 30)
    here = sent("birch", hospitals["birch"], 1, day)
    for view, column in (
        ("observation", "effective_date"),
        ("procedure", "performed_date"),
        ("patient", "deceased_date"),
    ):
        assert here[view][column].dropna().max() < day.isoformat()


def test_a_night_is_a_run_with_all_its_files(night: RunFolder) -> None:
    said = night.read()
    assert said["started"] == "2026-06-30T03:30:00Z"
    assert (said["simulated"], said["exit_code"]) == (True, 0)
    assert set(said["steps"]) == {"extract", "accept", "map", "derive", "check"}
    files = {path.name for path in night.quality.glob("*.parquet")}
    assert {"checks.parquet", "touched.parquet", "subjects.parquet", "profile.parquet", "failures.parquet"} <= files
    assert {path.stat().st_mode & 0o077 for path in night.root.rglob("*.parquet")} == {0}


def test_what_is_wrong_with_single_records_is_found(night: RunFolder) -> None:
    checks = pd.read_parquet(night.checks).set_index(["check_id", "table", "site"])
    assert checks.loc[("no_future_dates", "encounter", "alder"), "numerator"] == 12
    assert checks.loc[("death_not_before_index", "screened", "birch"), "numerator"] == 2
    assert checks.loc[("nothing_before_birth", "procedure", "alder"), "numerator"] == 1


def test_nothing_is_overwritten_that_was_not_simulated(tmp_path: Path) -> None:
    foreign = tmp_path / "runs" / "nights" / "20260101T000000Z-abcd" / "run.json"
    foreign.parent.mkdir(parents=True)
    foreign.write_text('{"run": "20260101T000000Z-abcd"}')
    assert main(["--runs", str(tmp_path / "runs"), "--nights", "1"]) == 2
    assert foreign.exists()


def test_codes_that_no_list_takes_are_counted_and_explained(night: RunFolder) -> None:
    rows = pd.read_parquet(night.tables / "observation.parquet")
    mine = rows[rows["code"] == "HB-POC"]
    said = json.loads(command("quality", "codes", "--run", night.root, "--json").out)
    views = {one["view"]: one for one in said["views"]}
    assert views["observation"]["codings"] == len(rows)
    assert views["observation"]["taken"] == rows["code"].isin(["718-7", "tumour-response"]).sum()
    first = said["codes"][0]
    assert (first["system"], first["code"], first["local"]) == ("urn:alder:laboratory", "HB-POC", True)
    assert (first["codings"], first["patients"]) == (len(mine), mine["patient_id"].nunique())
    (hint,) = first["hints"]
    assert (hint["code_list"], hint["variables"]) == ("haemoglobin", ["covariate Haemoglobin (g/dL)"])
    assert "hemoglobin" in hint["why"]
    assert [one["local"] for one in said["codes"]] == sorted((one["local"] for one in said["codes"]), reverse=True)


def test_a_check_on_counts_says_what_is_behind_it(night: RunFolder) -> None:
    rows = pd.read_parquet(night.tables / "observation.parquet")
    said = command("quality", "show", "codes_taken_by_a_list", "--run", night.root)
    assert said.code == 0
    assert f"    urn:alder:laboratory|HB-POC  {(rows['code'] == 'HB-POC').sum()} now\n" in said.out
    shown = json.loads(command("quality", "show", "codes_taken_by_a_list", "--run", night.root, "--json").out)
    assert {(one["site"], one["key"]) for one in shown["behind"]} == {
        ("alder", "urn:alder:laboratory|HB-POC"),
        ("birch", "urn:birch:forms|RESP-2"),
    }
    single = json.loads(command("quality", "show", "no_future_dates", "--run", night.root, "--json").out)
    assert (len(single["rows"]), single["behind"]) == (12, [])


def test_people_read_a_table_with_bars(night: RunFolder) -> None:
    said = command("quality", "codes", "--run", night.root)
    assert said.code == 0
    assert "codings are of records that a list takes" in said.out
    assert "█" in said.out
    assert "might feed covariate Haemoglobin (g/dL), by list haemoglobin" in said.out


def test_a_code_of_few_patients_and_a_text_that_few_share_are_not_named(night: RunFolder, tmp_path: Path) -> None:
    place = tmp_path / "nights" / night.id
    place.mkdir(parents=True)
    (place / "run.json").write_text((night.root / "run.json").read_text())
    (place / "tables").mkdir()
    rows = pd.read_parquet(night.tables / "observation.parquet")
    rows.loc[rows.index[:4], ["code_system", "code", "code_display"]] = ["urn:alder:laboratory", "Jane Roe", "Jane Roe"]
    often = rows[rows["code"] == "HB-POC"].index
    rows.loc[often, "code_display"] = [f"for patient {n}" for n in range(len(often))]
    rows.to_parquet(place / "tables" / "observation.parquet", index=False)
    said = command("quality", "codes", "--run", place)
    assert "Jane" not in said.text
    assert "for patient" not in said.text
    assert "HB-POC" in said.out
    assert "1 codes that too few patients have to be named here, 4 codings: --all lists them" in said.out
    everything = command("quality", "codes", "--run", place, "--all")
    assert everything.out.count("Jane Roe") == 1  # its code; never a text that so few share


def test_a_run_without_tables_is_told_so(night: RunFolder, tmp_path: Path) -> None:
    said = night.read()
    place = tmp_path / "nights" / night.id
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps({**said, "steps": {"extract": {}}}))
    refused = command("quality", "codes", "--run", place)
    assert refused.code == 2
    assert "has no tables yet: bedside map makes them" in refused.err
