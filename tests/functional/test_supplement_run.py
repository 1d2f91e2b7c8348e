"""A study whose charts know more than its FHIR server: the whole way with a supplement.

Oracle: the seven subjects and seven lines written below, followed by hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.derive.pseudonym import usubjid
from flows.job import PUBLIC_KEY
from tests.fixtures.stents import stent_hospital
from tests.functional.conftest import Said, command, only_run, run_study
from tests.unit.study.folders import example, write

SUBJECTS: dict[str, dict[str, Any]] = {
    "p1": {"arm": "COATED-1", "smoking": "NEVER", "ejection": 60},
    "p2": {"arm": "COATED-1", "smoking": "NOW", "ejection": 50, "died": "2022-01-10"},
    "p3": {"arm": "COATED-1", "ejection": 40},
    "p4": {"arm": "BARE-1", "smoking": "NEVER"},
    "p5": {"arm": "BARE-1", "smoking": "FORMER", "ejection": 30, "died": "2021-12-01"},
    "p6": {"arm": "BARE-1", "smoking": "NEVER", "ejection": 45},
    "p7": {"arm": "BARE-1"},
}
SECRET = "999.25"
ADDED = """
[list.ejection]
table = "observation"

[covariate.ejection]
label = "Ejection fraction (%)"
list = "ejection"
unit = "%"
window = "-30..0"
table1 = "mean_sd"

[supplement]
file = "chart-review.csv"
closed = 2024-02-01
prefer = "{prefer}"

[supplement.variable.smoker]
list = "smoking"
values = "smoking"

[supplement.variable.ejection]
list = "ejection"
unit = "%"

"""
EJECTION = {
    "resourceType": "ValueSet",
    "compose": {"include": [{"system": "https://hospital.example/observations", "concept": [{"code": "EJECTION"}]}]},
}
# p1: the chart says another smoking and another number; p2: the same; p3: only the chart knows whether he smokes;
# p4: only the chart has the number; p7: the chart fills both. Two lines are of nobody the hospital has.
LINES = [
    ("p1", "2021-02-20", "smoker", "ever", "board-1"),
    ("p1", "2021-02-20", "ejection", "57.5", "board-1"),
    ("p2", "2021-02-21", "smoker", "NOW", "board-1"),
    ("p2", "2021-02-21", "ejection", "50", "board-2"),
    ("p3", "2021-02", "smoker", "NEVER", "board-1"),
    ("p4", "2021-02-27", "ejection", "35", "board-1"),
    ("p7", "2021-02-27", "smoker", "never", "board-1"),
    ("p7", "2021-02-27", "ejection", "55", "board-1"),
    ("nobody", "2021-02-20", "smoker", "ever", "board-1"),
    ("nobody", "2021-02-20", "ejection", SECRET, "board-1"),
]


def pseudonym(patient: str) -> str:
    return usubjid(PUBLIC_KEY, "here", patient)


def csv_of(lines: list[tuple[str, ...]]) -> str:
    rows = [",".join((pseudonym(patient), *rest)) for patient, *rest in lines]
    return "\n".join(["pseudonym,date,variable,value,reader", *rows, ""])


@dataclass(frozen=True)
class Ran:
    """What the command said, and the folder of its run."""

    said: Said
    folder: Path


Run = Callable[..., Ran]


def study_folder(place: Path, lines: list[tuple[str, ...]], prefer: str) -> Path:
    """The example study with one more covariate, a supplement of ``lines``, and its hospital beside it."""
    text, files = example()
    text = text.replace("[[endpoint]]", ADDED.format(prefer=prefer) + "[[endpoint]]", 1)
    text += '\n[disclosure]\nmin_count = 0\nreason = "made up"\n'
    files |= {"codes/ejection.json": json.dumps(EJECTION), "chart-review.csv": csv_of(lines)}
    folder = write(place / "study", text, files)
    stent_hospital(folder / "data", SUBJECTS)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a study once for each supplement and preference."""

    @cache
    def once(lines: tuple[tuple[str, ...], ...], prefer: str) -> Ran:
        place = tmp_path_factory.mktemp("supplement")
        said = run_study(place / "runs", study=study_folder(place, list(lines), prefer))
        assert said.code == 0, said.text
        return Ran(said, only_run(place / "runs").root)

    return lambda lines, prefer="record": once(tuple(lines), prefer)


def adsl_of(run: Path) -> pd.DataFrame:
    adsl = pd.read_parquet(run / "analysis" / "adsl.parquet")
    return adsl.assign(patient=adsl["USUBJID"].map({pseudonym(p): p for p in SUBJECTS})).set_index("patient")


def results_of(run: Path) -> pd.Series:
    return pd.read_parquet(run / "results" / "results.parquet").set_index("id")["value"]


def test_the_chart_fills_what_the_record_lacks_and_the_record_stands_where_both_say(
    run: Run,
) -> None:
    ran = run(LINES)
    folder = ran.folder
    adsl = adsl_of(folder)
    assert adsl["smoking"].to_dict() == {
        "p1": "never", "p2": "ever", "p3": "never", "p4": "never", "p5": "ever", "p6": "never", "p7": "never"
    }  # fmt: skip
    assert adsl["ejection"].to_dict() == {"p1": 60, "p2": 50, "p3": 40, "p4": 35, "p5": 30, "p6": 45, "p7": 55}
    assert (adsl["ANL01FL"] == "Y").all()
    found = results_of(folder)
    told = {
        (name, level): found[f"agreement.record_supplement:{name}.{level}.total.count."]
        for name in ("smoking", "ejection")
        for level in ("agree", "only_record", "only_supplement")
    }
    assert told == {
        ("smoking", "agree"): 1, ("smoking", "only_record"): 3, ("smoking", "only_supplement"): 2,
        ("ejection", "agree"): 1, ("ejection", "only_record"): 3, ("ejection", "only_supplement"): 2,
    }  # fmt: skip
    assert found["agreement.record_supplement:smoking.never/ever.total.count."] == 1
    assert found["agreement.record_supplement:ejection..total.mean_difference.limits_of_agreement"] == -1.25
    said = json.loads((folder / "run.json").read_text(encoding="utf-8"))["supplement"]
    digest = hashlib.sha256(csv_of(LINES).encode()).hexdigest()
    assert said == {"sha256": digest, "rows": 10, "landed": {"here": 8}, "unknown": 2, "unknown_subjects": 1}
    assert "WARNING: 2 rows of the supplement are of 1 subjects" in ran.said.text
    assert "rows of subjects that no site" in (folder / "report" / "index.html").read_text(encoding="utf-8")
    ledger = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    assert ledger["balanced"]
    assert ledger["types"]["here"]["Provenance"]["accepted"] == 2


def test_the_chart_counts_where_the_study_prefers_it(run: Run) -> None:
    adsl = adsl_of(run(LINES, prefer="supplement").folder)
    assert (adsl.loc["p1", "smoking"], adsl.loc["p1", "ejection"]) == ("ever", 57.5)
    assert (adsl.loc["p1", "smoking_record"], adsl.loc["p1", "smoking_supplement"]) == ("never", "ever")
    assert adsl.loc["p5", "ejection"] == 30  # the record's, where the chart says nothing


def test_who_is_lacking_in_both_leaves_as_before(run: Run) -> None:
    folder = run([line for line in LINES if line[0] != "p7"]).folder
    assert adsl_of(folder)["EXCLRSN"].dropna().to_dict() == {"p7": "data"}


def test_the_order_of_lines_changes_nothing(run: Run) -> None:
    frames = [(adsl_of(ran.folder), results_of(ran.folder)) for ran in (run(LINES), run(LINES[::-1]))]
    pd.testing.assert_frame_equal(frames[0][0], frames[1][0])
    pd.testing.assert_series_equal(frames[0][1], frames[1][1])


def test_no_value_of_a_row_is_said_or_written_outside_the_data(run: Run) -> None:
    ran = run(LINES)
    shown = [ran.folder / name for name in ("run.json", "ledger.json", "report/index.html")]
    for text in (ran.said.text, *(path.read_text(encoding="utf-8") for path in shown)):
        assert SECRET not in text
        assert not any(pseudonym(patient) in text for patient in (*SUBJECTS, "nobody"))


def test_what_landed_of_it_is_private_and_in_files_of_its_own(run: Run) -> None:
    landing = run(LINES).folder / "landing" / "here"
    for name, lines in (("Observation", 8), ("Provenance", 2)):
        file = landing / f"{name}.supplement.ndjson"
        assert file.read_bytes().count(b"\n") == lines
        assert file.stat().st_mode & 0o777 == 0o600
    manifest = json.loads((landing / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["types"]["Observation"]["landed"] == 7 + 5 + 5  # age groups, smoking, ejection: what was sent


def test_study_check_reads_the_file_too(tmp_path: Path) -> None:
    folder = study_folder(tmp_path, LINES, "record")
    assert "7 code lists, 2 maps, 10 rows of the supplement" in command("study", "check", folder).out


def test_a_fault_in_the_file_stops_before_anything_is_asked(tmp_path: Path) -> None:
    folder = study_folder(tmp_path, [*LINES, ("p5", "2021-02-20", "ejection", "57.5 percent", "board-1")], "record")
    said = run_study(tmp_path / "runs", study=folder)
    assert said.code == 2
    assert not (tmp_path / "runs").exists()
    assert "chart-review.csv:12: value: must be a number in %" in said.text
    assert "percent" not in said.text


def test_a_run_gone_on_with_counts_the_file_once(tmp_path: Path) -> None:
    """``bedside extract`` and then ``run``, which goes on from there."""
    folder = study_folder(tmp_path, LINES, "record")
    assert command("extract", folder, "--runs", tmp_path / "runs").code == 0
    assert run_study(tmp_path / "runs", study=folder).code == 0
    ledger = json.loads(only_run(tmp_path / "runs").ledger.read_text(encoding="utf-8"))
    assert ledger["balanced"]
    assert ledger["types"]["here"]["Observation"]["landed"] == 17 + 8
