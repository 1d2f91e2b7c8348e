"""Other data through the same study file give other figures, and another study needs nothing but its folder.

Oracles: the edited table of subjects, counted here by hand; scipy's log-rank test, which the product does not use; the
example study of docs/study-file.md with its subjects written down here.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from flows.run_folder import RunFolder
from flows.sample import load_sample
from tests.functional.conftest import STUDY, Resource, Said, only_run, run_study
from tests.unit.study.folders import example, write

pytestmark = pytest.mark.xdist_group("other-data")

MONTH = 365.25 / 12
ARMS = ("DEB-TACE", "cTACE")
EDITS: dict[str, dict[str, str]] = {
    "P02": {"arm": "DEB-TACE"},
    "P12": {"arm": "cTACE", "os_days": "301"},
    "P18": {"os_days": "600"},
    "P21": {"response": "PR", "pfs_days": "170", "pfs_event": "1"},
}
"""Arms, days and a response that are not those of the paper."""


def values(run: RunFolder) -> dict[str, float]:
    results = pd.read_csv(run.results / "results.csv", float_precision="round_trip")
    return dict(zip(results["id"], results["value"], strict=True))


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, str]], RunFolder]:
    """The study's folder with another table of subjects, its sample written from that table, and the run of it."""
    place = tmp_path_factory.mktemp("edited")
    study = place / "li2023"
    shutil.copytree(STUDY, study, ignore=shutil.ignore_patterns("__pycache__"))
    with (study / "cohort.csv").open(encoding="utf-8", newline="") as file:
        rows = [row | EDITS.get(row["patient"], {}) for row in csv.DictReader(file)]
    with (study / "cohort.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (place / "data").mkdir()
    load_sample(study / "sample" / "__init__.py").write(place / "data", None, 1, lambda _what, _done, _of: None)
    said = run_study(place / "runs", "--source", place / "data", study=study)
    assert said.code == 0, said.err
    return rows, only_run(place / "runs")


def test_counts_follow_the_edited_table(edited: tuple[list[dict[str, str]], RunFolder]) -> None:
    rows, run = edited
    found = values(run)
    for arm in ARMS:
        mine = [row for row in rows if row["arm"] == arm]
        counted = {
            f"flow.analysed..{arm}.n.": len(mine),
            f"response.orr..{arm}.count.": sum(row["response"] in ("CR", "PR") for row in mine),
            f"response.dcr..{arm}.count.": sum(row["response"] in ("CR", "PR", "SD") for row in mine),
            f"PFS.events..{arm}.n.": sum(row["pfs_event"] == "1" for row in mine),
            f"OS.events..{arm}.n.": sum(row["os_event"] == "1" for row in mine),
            f"OS.risk_table.6.{arm}.at_risk.": sum(int(row["os_days"]) >= 6 * MONTH for row in mine),
            f"PFS.risk_table.6.{arm}.at_risk.": sum(int(row["pfs_days"]) >= 6 * MONTH for row in mine),
        }
        assert {name: found[name] for name in counted} == counted
        mean = sum(int(row["age_years"]) for row in mine) / len(mine)
        assert found[f"baseline.age..{arm}.mean."] == pytest.approx(mean)
    assert (found["response.orr..DEB-TACE.count."], found["response.orr..cTACE.count."]) == (6, 1)  # the paper: 4 and 2


@pytest.mark.parametrize("endpoint", ["PFS", "OS"])
def test_logrank_follows_the_edited_table(edited: tuple[list[dict[str, str]], RunFolder], endpoint: str) -> None:
    rows, run = edited
    name = endpoint.lower()

    def times(arm: str) -> Any:
        mine = [row for row in rows if row["arm"] == arm]
        days = {event: [int(r[f"{name}_days"]) for r in mine if r[f"{name}_event"] == event] for event in ("0", "1")}
        return stats.CensoredData(uncensored=days["1"], right=days["0"])

    wanted = stats.logrank(times(ARMS[0]), times(ARMS[1])).pvalue
    found = values(run)[f"{endpoint}.logrank..DEB-TACE vs cTACE.p.logrank"]
    assert found == pytest.approx(wanted, rel=1e-9)
    assert round(found, 3) not in (0.018, 0.040), "the paper's"


def test_published_figures_no_longer_match(edited: tuple[list[dict[str, str]], RunFolder]) -> None:
    figures = json.loads((edited[1].results / "published.json").read_text())["figures"]
    assert sum(figure["status"] == "differs" for figure in figures) > 50


HOSPITAL = "https://hospital.example"
# Who, arm, index date, age, smoking, angina?, days to death or last visit, dead. The last three leave at a criterion.
PEOPLE = [
    ("c1", "COATED-1", date(2020, 3, 2), 61, "NEVER", True, 400, True),
    ("c2", "COATED-2", date(2020, 5, 4), 48, "FORMER", True, 900, False),
    ("c3", "COATED-1", date(2021, 1, 11), 70, "NOW", True, 700, False),
    ("c4", "COATED-1", date(2021, 6, 7), 55, "NEVER", True, 650, False),
    ("b1", "BARE-1", date(2020, 2, 3), 66, "NOW", True, 120, True),
    ("b2", "BARE-1", date(2020, 8, 24), 59, "NEVER", True, 300, True),
    ("b3", "BARE-1", date(2021, 3, 15), 72, "FORMER", True, 800, False),
    ("b4", "BARE-1", date(2022, 2, 1), 50, "NOW", True, 210, True),
    ("n1", "BARE-1", date(2021, 4, 6), 64, "NOW", False, 500, False),
    ("n2", "COATED-1", date(2021, 9, 13), 12, "NEVER", True, 500, False),
    ("n3", "NO-STENT", date(2021, 9, 14), 57, "NEVER", True, 500, False),
]


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{HOSPITAL}/{system}" if "://" not in system else system, "code": code}]}


def chart(
    who: str, stent: str, index: date, age: int, smokes: str, angina: bool, days: int, dead: bool
) -> list[Resource]:
    """One patient's records, in plain FHIR R4."""
    subject = {"reference": f"Patient/{who}"}
    before, last = str(index - timedelta(days=20)), str(index + timedelta(days=days))
    made: list[Resource] = [
        {"resourceType": "Patient", "id": who, "gender": "female", "birthDate": f"{index.year - age}-01-01"}
        | ({"deceasedDateTime": last} if dead else {}),
        {"resourceType": "Procedure", "id": f"{who}-p", "status": "completed", "subject": subject,
         "code": concept("procedures", "STENT"), "performedDateTime": str(index),
         "usedReference": [{"reference": f"Device/{who}-d"}]},
        {"resourceType": "Device", "id": f"{who}-d", "type": concept("devices", stent)},
        {"resourceType": "Encounter", "id": f"{who}-e", "status": "finished", "subject": subject,
         "class": {"code": "AMB"}, "period": {"start": last, "end": last}},
    ]  # fmt: skip
    for code, answer in (("SMOKING", smokes), ("AGE-GROUP", "ADULT" if age >= 18 else "CHILD")):
        made.append(
            {"resourceType": "Observation", "id": f"{who}-{code}", "status": "final", "subject": subject,
             "code": concept("observations", code), "effectiveDateTime": before,
             "valueCodeableConcept": concept("answers", answer)}
        )  # fmt: skip
    if angina:
        made.append(
            {"resourceType": "Condition", "id": f"{who}-c", "subject": subject, "onsetDateTime": before,
             "code": concept("http://hl7.org/fhir/sid/icd-10", "I20.9")}
        )  # fmt: skip
    return made


def write_ndjson(folder: Path, resources: Iterable[Resource]) -> None:
    folder.mkdir()
    lines: dict[str, list[str]] = {}
    for resource in resources:
        lines.setdefault(resource["resourceType"], []).append(json.dumps(resource))
    for type_, texts in lines.items():
        (folder / f"{type_}.ndjson").write_text("\n".join(texts) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def two_stents(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Said]:
    """The study of the documentation, by file alone: its own sites file names the folder ``data``."""
    place = tmp_path_factory.mktemp("two-stents")
    study = write(place / "study", *example())
    write_ndjson(study / "data", [resource for person in PEOPLE for resource in chart(*person)])
    said = run_study(place / "runs", study=study)
    assert said.code == 0, said.err
    return only_run(place / "runs"), said


def test_a_second_study_runs_to_its_report_by_file_alone(two_stents: tuple[RunFolder, Said]) -> None:
    run, said = two_stents
    found = values(run)
    wanted = {
        "flow.screened..total.n.": 11, "flow.analysed..total.n.": 8, "flow.analysed..Coated stent.n.": 4,
        "flow.analysed..Bare stent.n.": 4, "flow.adult..total.n.": 1, "flow.angina..total.n.": 1,
        "flow.material-unknown..total.n.": 1, "OS.events..Coated stent.n.": 1, "OS.events..Bare stent.n.": 3,
        "baseline.smoking.never.Coated stent.count.": 2, "baseline.smoking.never.Bare stent.count.": 1,
    }  # fmt: skip
    # Its threshold for small counts is the default, 5: what is shown is shown, the rest is said to be suppressed.
    results = pd.read_parquet(run.results / "results.parquet").set_index("id")["value"]
    assert {name: results[name] for name in wanted} == wanted
    assert found["flow.analysed..total.n."] == 8
    page = run.report.read_text()
    assert "Coated against bare stents in angina" in page
    assert "Coated stent against Bare stent" in said.out
    assert not (run.results / "published.json").exists()


def test_the_second_study_against_scipy(two_stents: tuple[RunFolder, Said]) -> None:
    def times(stent: str) -> Any:
        mine = [p for p in PEOPLE[:8] if p[1].startswith(stent)]
        return stats.CensoredData(uncensored=[p[6] for p in mine if p[7]], right=[p[6] for p in mine if not p[7]])

    results = pd.read_parquet(two_stents[0].results / "results.parquet").set_index("id")["value"]
    found = results["OS.logrank..Coated stent vs Bare stent.p.logrank"]
    assert found == pytest.approx(stats.logrank(times("COATED"), times("BARE")).pvalue, rel=1e-9)
