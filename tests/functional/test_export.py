"""``bedside export`` of a finished run, a masked one, and one that suppresses small counts.

Oracles: the run's own results.csv; docs/exports.md; docs/release.md; the ids and days of the subjects, which nothing
that leaves the site may hold.
"""

from __future__ import annotations

import csv
import io
import json
import re
import stat
from pathlib import Path

import pandas as pd
import pytest

from flows.run_folder import RunFolder
from tests.fixtures.sample_runs import Ran, ran, study_with
from tests.functional.conftest import command, copy_run

pytestmark = pytest.mark.xdist_group("export")
TYPES = {"Group", "Measure", "MeasureReport", "Observation", "Provenance"}


def files_of(folder: Path) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.ndjson")))


def test_csv_is_what_the_run_released(finished_run: RunFolder) -> None:
    said = command("export", finished_run.root, "--csv")
    assert said.code == 0
    assert said.out.encode() == (finished_run.results / "results.csv").read_bytes()


def test_json_holds_the_same_results_with_study_state_and_hashes(finished_run: RunFolder) -> None:
    said = json.loads(command("export", finished_run.root, "--json").out)
    rows = list(csv.DictReader(io.StringIO((finished_run.results / "results.csv").read_text(encoding="utf-8"))))
    shown = [{k: "" if v is None else str(v) for k, v in row.items()} for row in said["results"]]
    assert [row["id"] for row in shown] == [row["id"] for row in rows]
    for one, other in zip(shown, rows, strict=True):
        assert {k: v for k, v in one.items() if k != "value"} == {k: v for k, v in other.items() if k != "value"}
        assert (float(one["value"]) if one["value"] else None) == (float(other["value"]) if other["value"] else None)
    assert (said["study"]["id"], said["state"], said["data"], said["outcome"]) == (
        "li2023", "DRAFT", "synthetic", "complete",
    )  # fmt: skip
    assert said["hashes"]["definition"]["study"] == finished_run.read()["study"]["sha256"]
    assert re.fullmatch(r"[0-9a-f]{64}", said["hashes"]["data"]["yichang"])


def test_fhir_goes_into_a_new_folder_of_the_owner_alone(finished_run: RunFolder, tmp_path: Path) -> None:
    folder = tmp_path / "fhir"
    assert command("export", finished_run.root, "--fhir", folder).code == 0
    assert {file.stem for file in folder.glob("*.ndjson")} == TYPES
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    again = tmp_path / "again"
    assert command("export", finished_run.root, "--fhir", again).code == 0
    assert files_of(again) == files_of(folder)
    refused = command("export", finished_run.root, "--fhir", folder)
    assert (refused.code, "not empty" in refused.err) == (2, True)


def test_no_export_names_a_subject_or_a_day_of_one(finished_run: RunFolder, tmp_path: Path) -> None:
    folder = tmp_path / "fhir"
    command("export", finished_run.root, "--fhir", folder)
    texts = [files_of(folder), *(command("export", finished_run.root, form).out for form in ("--csv", "--json"))]
    adsl = pd.read_parquet(finished_run.analysis / "adsl.parquet")
    secrets = {*adsl["USUBJID"], *(ref.split("/")[1].split("-")[0] + "-" for ref in adsl["SRCREF"])}
    days = {str(day.date()) for column in ("TRTSDT", "DTHDT", "LSTALVDT") for day in adsl[column].dropna()}
    for text in texts:
        assert len(text) > 10_000
        assert [one for one in secrets if one in text] == []
        assert set(re.findall(r"\d{4}-\d{2}-\d{2}", text)) & days <= {"2020-12-31"}  # the cut-off


@pytest.mark.parametrize("forms", [(), ("--csv", "--json"), ("--csv", "--fhir", "x")])
def test_one_form_at_a_time(finished_run: RunFolder, forms: tuple[str, ...]) -> None:
    said = command("export", finished_run.root, *forms)
    assert (said.code, "one form of export" in said.err) == (2, True)


def test_a_run_without_a_comparison_says_so(finished_run: RunFolder, tmp_path: Path) -> None:
    run = copy_run(finished_run, tmp_path)
    (run.results / "results.csv").unlink()
    said = command("export", run.root, "--csv")
    assert (said.code, "bedside analyse" in said.err) == (2, True)


@pytest.fixture(scope="module")
def locked(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    place = tmp_path_factory.mktemp("locked")
    study = study_with(
        place,
        ('release = "open"', 'release = "locked"'),
        ("min_count = 0", "min_count = 5"),
    )
    made = ran(place / "runs", "--source", sample, study=study)
    assert made.said.code == 0, made.said.err
    return study, made


def test_masked_then_released_then_void(locked: tuple[Path, Ran], tmp_path: Path) -> None:
    """One run through its states: no arm before the lock, small counts suppressed after it, no arm once it is void."""
    study, made = locked
    run = made.run
    looks = run.root.parent.parent.parent / "store" / "li2023" / "looks.ndjson"

    for form in ("--csv", "--json"):
        said = command("export", run.root, form).out
        assert "MASKED: the study is locked" in said
        assert not re.search(r"\.km\.|logrank|cox_", said)
    assert command("export", run.root, "--fhir", tmp_path / "masked").code == 0
    assert not re.search(r"logrank|cox_|stratum", files_of(tmp_path / "masked"))
    refused = command("export", run.root, "--r", tmp_path / "r")
    assert (refused.code, "arms are not compared" in refused.err) == (2, True)
    assert not (tmp_path / "r").exists()
    assert not looks.exists()

    assert (
        command("lock", study, "--cutoff", "2020-12-31", "--by", "A. Keeper", "--runs", run.root.parent.parent).code
        == 0
    )
    assert command("analyse", run.root).code == 0
    assert command("export", run.root, "--csv").out.encode() == (run.results / "results.csv").read_bytes()
    assert [json.loads(line)["command"] for line in looks.read_text().splitlines()] == ["analyse", "export"]
    assert command("export", run.root, "--fhir", tmp_path / "released").code == 0
    counts = [int(n) for n in re.findall(r'"(?:count|valueInteger|quantity)": (\d+)', files_of(tmp_path / "released"))]
    assert len(counts) > 20
    assert [n for n in counts if 1 <= n < 5] == []
    assert '"valueCode": "masked"' in files_of(tmp_path / "released")
    said = json.loads(command("export", run.root, "--json").out)
    assert (said["state"], said["disclosure"]["min_count"]) == ("DRAFT", 5)
    assert sum(row["warning"].startswith("suppressed") for row in said["results"]) > 50

    # The results were released; the lock they were released under no longer holds.
    lock = looks.with_name("lock.json")
    frozen = json.loads(lock.read_text())
    frozen["files"]["codes/tace.json"] = "0" * 64
    lock.write_text(json.dumps(frozen))
    text = command("export", run.root, "--csv").out
    assert "is void" in text
    assert not re.search(r"\.km\.|logrank|cox_", text)
    refused = command("export", run.root, "--r", tmp_path / "r")
    assert (refused.code, "is void" in refused.err) == (2, True)


def test_a_signed_run_says_so_and_a_void_signature_does_not(finished_run: RunFolder, tmp_path: Path) -> None:
    run = copy_run(finished_run, tmp_path / "runs")
    assert command("sign", run.root, "--by", "A. Keeper", "--role", "statistician").code == 0
    said = json.loads(command("export", run.root, "--json").out)
    assert (said["state"], "A. Keeper" in said["state_note"]) == ("SIGNED", True)
    assert command("export", run.root, "--fhir", tmp_path / "fhir").code == 0
    (report,) = map(json.loads, (tmp_path / "fhir" / "MeasureReport.ndjson").read_text(encoding="utf-8").splitlines())
    assert report["status"] == "complete"
    results = run.results / "results.csv"
    results.write_bytes(results.read_bytes().replace(b"0.", b"1.", 1))
    assert json.loads(command("export", run.root, "--json").out)["state"] == "DRAFT"
