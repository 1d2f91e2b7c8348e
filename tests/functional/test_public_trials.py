"""Three public trials, each run by its study file alone: GBSG2 (breast cancer), the Veterans' lung cancer trial, and
Mayo Clinic's in primary biliary cholangitis, where a transplant competes with death.

Oracles: R's survival and cmprsk packages on R's own copies of the data (tests/golden/trials.R wrote
studies/<name>/expected.json); the trials' data sets themselves, which derivation never reads.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from flows.run_folder import RunFolder
from flows.sample import write_sample
from tests.conftest import REPOSITORY
from tests.fixtures.data_sets import assert_described
from tests.fixtures.recomputed import main_figures, recompute
from tests.functional.conftest import Said, command, only_run, run_study

FIGURES = {"gbsg2": 250, "veteran": 209, "pbc": 276}
pytestmark = pytest.mark.xdist_group("public-trials")


@pytest.fixture(scope="module", params=FIGURES)
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, RunFolder, Said]:
    """The study as its own sites file says: from the embedded sandbox."""
    runs = tmp_path_factory.mktemp(request.param)
    said = run_study(runs, study=REPOSITORY / "studies" / request.param)
    assert said.code == 0, said.err
    return request.param, only_run(runs), said


def test_every_figure_is_what_r_gives(trial: tuple[str, RunFolder, Said]) -> None:
    """At its printed precision and one digit beyond, from the results that may leave the site."""
    name, run, _ = trial
    records = json.loads((run.results / "published.json").read_bytes())["figures"]
    assert len(records) == FIGURES[name]
    assert Counter(record["status"] for record in records) == {"match": FIGURES[name]}
    for record in records:
        assert record["ours"] == pytest.approx(record["recomputed"], rel=1e-6, abs=1e-9), record["id"]


def test_the_subjects_are_the_trials(trial: tuple[str, RunFolder, Said]) -> None:
    """Arm, covariates, time and event of every subject, as a table of how often each combination occurs."""
    name, run, _ = trial
    ours = pd.read_parquet(run.analysis / "analysis_table.parquet")
    theirs = {"gbsg2": _gbsg2, "veteran": _veteran, "pbc": _pbc}[name]()
    found = ours[[*theirs.columns]].astype(theirs.dtypes)
    assert Counter(found.itertuples(index=False, name=None)) == Counter(theirs.itertuples(index=False, name=None))


def _gbsg2() -> pd.DataFrame:
    from lifelines.datasets import load_gbsg2

    d = load_gbsg2()
    return pd.DataFrame(
        {
            "TRT01A": d["horTh"].map({"yes": "Hormonal therapy", "no": "No hormonal therapy"}),
            "age": d["age"].astype("float64"),
            "menopausal_state": d["menostat"].str.lower(),
            "tumour_size": d["tsize"].astype("float64"),
            "tumour_grade": d["tgrade"].astype("object"),
            "positive_nodes": d["pnodes"].astype("float64"),
            "progesterone_receptor": d["progrec"].astype("float64"),
            "oestrogen_receptor": d["estrec"].astype("float64"),
            "RFS_AVAL": d["time"].astype("float64"),
            "RFS_CNSR": 1 - d["cens"],
        }
    )


def _veteran() -> pd.DataFrame:
    d = pd.read_csv(REPOSITORY / "studies" / "veteran" / "veteran.csv")
    return pd.DataFrame(
        {
            "TRT01A": d["trt"].map({1: "Standard chemotherapy", 2: "Test chemotherapy"}),
            "age": d["age"].astype("float64"),
            "cell_type": d["celltype"],
            "karnofsky": d["karno"].astype("float64"),
            "months_from_diagnosis": d["diagtime"].astype("float64"),
            "prior_therapy": d["prior"].map({0: "no", 10: "yes"}),
            "OS_AVAL": d["time"].astype("float64"),
            "OS_CNSR": 1 - d["status"],
        }
    )


def _pbc() -> pd.DataFrame:
    """CNSR 1 is the one censoring date, 2 the competing event behind it."""
    d = pd.read_csv(REPOSITORY / "studies" / "pbc" / "pbc.csv")
    return pd.DataFrame(
        {
            "TRT01A": d["trt"].map({1: "D-penicillamine", 2: "Placebo"}),
            "age": d["age"].astype("float64"),
            "sex": d["sex"].map({"f": "female", "m": "male"}),
            "bilirubin": d["bili"].astype("float64"),
            "albumin": d["albumin"].astype("float64"),
            "prothrombin_time": d["protime"].astype("float64"),
            "oedema": d["edema"].map({0.0: "none", 0.5: "slight", 1.0: "marked"}),
            "DEATH_AVAL": d["time"].astype("float64"),
            "DEATH_CNSR": d["status"].map({2: 0, 0: 1, 1: 2}),
        }
    )


def test_nobody_is_lost_and_every_check_holds(trial: tuple[str, RunFolder, Said]) -> None:
    name, run, said = trial
    adsl = pd.read_parquet(run.analysis / "adsl.parquet")
    assert adsl["ANL01FL"].eq("Y").all()
    checks = pd.read_parquet(run.root / "quality" / "checks.parquet")
    apart = checks[~checks["status"].isin(["PASS", "NOT_APPLICABLE"])]
    # Nine of the 137 veterans are censored, all of them long before the trial ended.
    censored = [("follow_up_complete", 9, "PASS_WITH_VIOLATIONS")] if name == "veteran" else []
    assert list(apart[["check_id", "numerator", "status"]].itertuples(index=False, name=None)) == censored
    assert "SYNTHETIC" in said.out


def test_every_column_is_described_and_the_csv_files_hold_the_data(trial: tuple[str, RunFolder, Said]) -> None:
    """docs/exports.md; the oracle is the Parquet files that the run itself reads."""
    assert_described(trial[1])


@pytest.mark.r
def test_r_gives_every_main_figure_from_the_data_sets(trial: tuple[str, RunFolder, Said], tmp_path: Path) -> None:
    """The oracle is R on the run's own data, beside tests/golden/trials.R on R's copies."""
    assert command("export", trial[1].root, "--r", tmp_path / "r").code == 0
    found = recompute(tmp_path / "r")
    assert found.code == 0, found.end + found.errors
    assert set(found.verdicts) == main_figures(pd.read_parquet(trial[1].results / "results.parquet"))


def test_the_page_says_whence_the_data_are_and_whether_arms_were_drawn(trial: tuple[str, RunFolder, Said]) -> None:
    name, run, _ = trial
    page = run.report.read_text(encoding="utf-8")
    assert "public data set of a real trial" in page
    assert ("Treatment was not assigned at random" in page) == (name == "gbsg2")


def test_the_page_shows_what_competes_where_something_does(trial: tuple[str, RunFolder, Said]) -> None:
    name, run, _ = trial
    page = run.report.read_text(encoding="utf-8")
    assert ("Death before a transplant, competing risks" in page) == (name == "pbc")
    assert ("incidence-death-competing-title" in page) == (name == "pbc")


@pytest.mark.parametrize("name", FIGURES)
def test_a_larger_cohort_is_drawn_from_the_trial_and_begins_with_the_smaller(name: str, tmp_path: Path) -> None:
    small, large, other = (tmp_path / n for n in ("small", "large", "other"))
    write_sample(name, small, patients=5, seed=3)
    counts = write_sample(name, large, patients=40, seed=3)
    write_sample(name, other, patients=40, seed=4)
    assert counts["Patient"] == 40
    transplants = (large / "Procedure.ndjson").read_text(encoding="utf-8").count("18027006")
    assert counts["Procedure"] == 40 + transplants
    assert (transplants > 0) == (name == "pbc")
    for file in small.glob("*.ndjson"):
        assert (large / file.name).read_bytes().startswith(file.read_bytes()), file.name
    assert (large / "Observation.ndjson").read_bytes() != (other / "Observation.ndjson").read_bytes()
    assert not list(tmp_path.rglob("*.part"))
