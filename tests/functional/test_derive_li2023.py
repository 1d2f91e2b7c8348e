"""The derivation proved on the sample study: FHIR resources in, the subjects, responses and times of the tables out.

Oracle: studies/li2023/cohort.csv and excluded.csv, from which the sample was written and which the derivation never
reads. Everything between is the product's own: the standard views on DuckDB, the study file, its codes and maps.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from analysis.derive import Derived, SiteRules, derive
from analysis.derive.pseudonym import usubjid
from analysis.study.model import Study
from flows.sample import write_sample
from flows.study_folder import StudyFolder, read
from mappings.catalogue import standard_views
from mappings.compiler import compile_view

STUDY = Path(__file__).resolve().parents[2] / "studies" / "li2023"
KEY = b"a key for this test"
SITE = "yichang"
RULES = {SITE: SiteRules(timezone="Asia/Shanghai")}


def _rows(name: str) -> dict[str, dict[str, str]]:
    with (STUDY / name).open(encoding="utf-8", newline="") as file:
        return {row["patient"]: row for row in csv.DictReader(file)}


COHORT, EXCLUDED = _rows("cohort.csv"), _rows("excluded.csv")
REASONS = {
    "surgery_or_rfa": "surgery-rfa",
    "extrahepatic_metastasis": "extrahepatic",
    "insufficient_data": "insufficient-data",
}


def mapped(con: Any, folder: Path) -> dict[str, ibis.Table]:
    """The standard views of a folder of NDJSON as tables, with the site first."""
    tables = {}
    for name, view in standard_views().items():
        path = folder / f"{view.resource}.ndjson"
        rows = compile_view(view).relation(con, [str(path)] if path.exists() else [])
        tables[name] = con.create_table(name, rows.mutate(site=ibis.literal(SITE)).relocate("site"), temp=True)
    return tables


@pytest.fixture(scope="module")
def folder() -> StudyFolder:
    return read(STUDY)


@pytest.fixture(scope="module")
def study(folder: StudyFolder) -> Study:
    assert isinstance(folder.study, Study)
    return folder.study


@pytest.fixture(scope="module")
def derived(folder: StudyFolder, study: Study, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Derived]:
    out = tmp_path_factory.mktemp("sample")
    write_sample("li2023", out)
    con = ibis.duckdb.connect()
    yield derive(study, folder.codes, folder.maps, mapped(con, out), KEY, RULES)
    con.disconnect()


@pytest.fixture(scope="module")
def adsl(derived: Derived) -> pd.DataFrame:
    names = {usubjid(KEY, SITE, patient): patient for patient in (*COHORT, *EXCLUDED)}
    return derived.adsl.assign(patient=derived.adsl["USUBJID"].map(names)).set_index("patient")


def only(frame: pd.DataFrame, usubjid: str) -> dict[str, Any]:
    """The one row of a subject."""
    (row,) = frame[frame["USUBJID"] == usubjid].to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_everyone_is_screened_once(adsl: pd.DataFrame) -> None:
    assert sorted(adsl.index) == sorted([*COHORT, *EXCLUDED])


@pytest.mark.parametrize("patient", COHORT)
def test_analysed_as_in_the_cohort(patient: str, adsl: pd.DataFrame, derived: Derived) -> None:
    told, subject = COHORT[patient], adsl.loc[patient]
    row: dict[str, Any] = only(derived.analysis_table, subject["USUBJID"])
    found = {
        "arm": row["TRT01A"],
        "age_years": int(row["age"]),
        "sex": row["sex"],
        "child_pugh": row["child_pugh"],
        "lesion_distribution": row["lesion_distribution"],
        "lesion_size_cm": row["lesion_size"],
        "lesion_size_class": row["lesion_size_cat"],
        "n_lesions": int(row["number_of_lesions"]),
        "ecog": row["ecog"],
        "response": row["BOR"],
        "pfs_days": int(row["PFS_AVAL"]),
        "pfs_event": int(row["PFS_CNSR"] == 0),
        "os_days": int(row["OS_AVAL"]),
        "os_event": int(row["OS_CNSR"] == 0),
    }
    wanted = {name: type(value)(told[name]) for name, value in found.items()}
    assert found == wanted
    assert (subject["ANL01FL"], subject["EXCLRSN"]) == ("Y", None)


@pytest.mark.parametrize("patient", EXCLUDED)
def test_excluded_at_the_stated_criterion(patient: str, adsl: pd.DataFrame, derived: Derived) -> None:
    told, subject = EXCLUDED[patient], adsl.loc[patient]
    assert (subject["ANL01FL"], subject["EXCLRSN"]) == ("N", REASONS[told["exclusion_reason"]])
    assert (subject["TRT01A"], subject["age"], subject["sex"]) == (told["arm"], int(told["age_years"]), told["sex"])
    assert subject["USUBJID"] not in set(derived.analysis_table["USUBJID"])


def test_p04_progresses_on_the_day_of_death(adsl: pd.DataFrame, derived: Derived) -> None:
    # The progression of that day counts for the response (best_until is inclusive) and goes before the death.
    rows = derived.adtte[derived.adtte["USUBJID"] == adsl.loc["P04", "USUBJID"]].set_index("PARAMCD")
    assert rows["EVNTDESC"].to_dict() == {"PFS": "Progression in the liver", "OS": "Death"}
    assert rows["AVAL"].to_dict() == {"PFS": 43.0, "OS": 43.0}


def test_every_row_explains_itself(derived: Derived, study: Study) -> None:
    adtte = derived.adtte
    assert adtte["EVNTDESC"].notna().all()
    assert (adtte["CNSDTDSC"].notna() == (adtte["CNSR"] > 0)).all()
    assert adtte["SRCREF"].notna().all()
    assert ((adtte["ADT"] - adtte["STARTDT"]).dt.days == adtte["AVAL"]).all()
    assert adtte["ADT"].max().date() <= study.index.data_cutoff <= date(2020, 12, 31)
    # Where a row rests on an assessment it names that assessment's own row.
    rests = adtte[adtte["SRCDOM"] == "ADRS"].merge(
        derived.adrs, left_on=["USUBJID", "SRCSEQ"], right_on=["USUBJID", "ASEQ"], suffixes=("", "_rs")
    )
    assert len(rests) == (adtte["SRCDOM"] == "ADRS").sum() > 0
    assert (rests["SRCREF"] == rests["SRCREF_rs"]).all()
    assert (rests["ADT"] == rests["ADT_rs"]).all()


def test_the_sets_of_the_sensitivity_analyses(derived: Derived, adsl: pd.DataFrame) -> None:
    # Breslow's ties need no other data; the three insufficient and the two operated come back.
    assert set(derived.variants) == {"all-treated", "censor-surgery", "censor-switch"}
    sizes = {name: len(made.analysis_table) for name, made in derived.variants.items()}
    assert sizes == {"all-treated": 25, "censor-surgery": 24, "censor-switch": 22}
    surgery = derived.variants["censor-surgery"].adtte
    for patient in ("X01", "X02"):
        rows = surgery[surgery["USUBJID"] == adsl.loc[patient, "USUBJID"]]
        assert (rows["CNSR"] > 0).all()
        assert rows["AVAL"].nunique() == 1  # both endpoints end on the day of the operation


def test_what_is_not_used_is_counted_by_reason(derived: Derived) -> None:
    counts = derived.counts
    assert set(counts["site"]) == {SITE}
    assert (counts["n"] > 0).all()
    # Every reading of the two readers who agree, and of those an adjudicator settled, ends as one accepted assessment.
    readings = derived.adrs[derived.adrs["PARAMCD"] == "OVRLRESP"]
    accepted = readings[readings["ACCEPTED"] == "Y"]
    assert not accepted.duplicated(["USUBJID", "ADT"]).any()
    differ = counts.loc[counts["reason"] == "readers differ", "n"].sum()
    assert (accepted["READER"] == "reader-3").sum() == differ


def test_measurements_derive_to_the_recorded_responses(derived: Derived) -> None:
    """The sample's measurements were written to add up to the recorded levels (docs/sample.md)."""
    read = derived.adrs[(derived.adrs["PARAMCD"] == "OVRLRESP") & (derived.adrs["ACCEPTED"] == "Y")]
    both = read.merge(derived.adrs[derived.adrs["PARAMCD"] == "DRVRESP"], on=["USUBJID", "ADT"])
    assert len(both) > 80
    differ = both[both["AVALC_x"] != both["AVALC_y"]].sort_values("AVALC_x")
    planted = {usubjid(KEY, SITE, "P02"): ("PR", "SD"), usubjid(KEY, SITE, "P21"): ("SD", "PR")}
    found = zip(differ["USUBJID"], differ["AVALC_x"], differ["AVALC_y"], strict=True)
    assert {one: levels for one, *levels in found} == {one: list(levels) for one, levels in planted.items()}
