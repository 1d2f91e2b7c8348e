"""Oracle: studies/li2023/expected.json, the 160 printed figures with what R's survival gives on the same cohort.

Every figure computed is held to ``recomputed`` at its printed precision and one digit beyond, and every ``match`` to
what is printed. A change of status, in either direction, fails.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from decimal import Decimal

import pandas as pd
import pytest

from analysis.expected import RECOMPUTED_DECIMALS, at_precision, compare, decimals
from mappings.errors import DefinitionError
from tests.fixtures.sample_frames import FOLDER, sample_results

FIGURES = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))["figures"]
MAPPING = tomllib.loads((FOLDER / "figures.toml").read_text(encoding="utf-8"))
RECORDS = {record["id"]: record for record in compare(FIGURES, MAPPING, sample_results())}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f["id"])
def test_figure(figure):
    record = RECORDS[figure["id"]]
    ours, printed, recomputed = record["ours"], figure["printed"], figure["recomputed"]
    if isinstance(recomputed, str):
        assert ours == recomputed
        as_printed = ours == printed
    else:
        kept = float(at_precision(ours, RECOMPUTED_DECIMALS))
        for places in (decimals(printed), decimals(printed) + 1):
            assert at_precision(kept, places) == at_precision(recomputed, places)
        as_printed = Decimal(at_precision(ours, decimals(printed))) == Decimal(printed)
    assert as_printed == (figure["status"] == "match")
    assert record["status"] == figure["status"]


def test_all_figures_are_there():
    """li2023/README.md: 135 of 160 come out as printed, three are misprints, 22 residuals."""
    assert len(FIGURES) == len(RECORDS) == 160
    assert Counter(r["status"] for r in RECORDS.values()) == {"match": 135, "residual": 22, "misprint": 3}


@pytest.mark.shared
def test_the_copy_is_the_original(shared):
    for name in ("expected.json", "published.json", "cohort.csv", "excluded.csv"):
        assert (FOLDER / name).read_bytes() == (shared / "li2023" / name).read_bytes()


def test_comparison_follows_the_results():
    results = sample_results()
    changed = results["id"] == "OS.logrank..DEB-TACE vs cTACE.p.logrank"
    results.loc[changed, "value"] = 0.0412
    hidden = results["id"] == "PFS.median..cTACE.estimate.spss"
    results.loc[hidden, "value"] = float("nan")
    results.loc[results["id"].str.startswith("PFS.cox_stepwise.age") & (results["statistic"] == "entered"), "value"] = 0
    status = {r["id"]: r["status"] for r in compare(FIGURES, MAPPING, results)}
    moved = {k for k, v in status.items() if v != RECORDS[k]["status"]}
    assert moved == {"os.logrank.p", "pfs.ctace.median", "pfs.stepwise[lr]", "pfs.stepwise[wald]"}
    assert status["os.logrank.p"] == "differs"
    assert status["pfs.ctace.median"] == "missing"


def test_a_residual_that_changes_no_longer_counts_as_explained():
    results = sample_results()
    results.loc[results["id"] == MAPPING["figure"]["pfs.uni.age.hr"], "value"] = 1.3627
    status = {r["id"]: r["status"] for r in compare(FIGURES, MAPPING, results)}
    assert status["pfs.uni.age.hr"] == "differs"


def test_a_term_that_other_data_do_not_choose_is_missing_and_no_fault():
    """The selection has rows of hr, p and limits only for chosen terms; every candidate has a row ``entered``."""
    results = sample_results()
    age = results["id"].str.startswith("PFS.cox_stepwise.age") & (results["statistic"] != "entered")
    status = {r["id"]: r["status"] for r in compare(FIGURES, MAPPING, results[~age])}
    moved = {k for k, v in status.items() if v != RECORDS[k]["status"]}
    assert moved == {f"pfs.multi.age.{statistic}" for statistic in ("p", "hr", "lower", "upper")}
    assert {status[k] for k in moved} == {"missing"}


def test_a_map_that_does_not_fit_names_every_fault():
    figures = [*FIGURES, {"id": "new", "printed": "1", "recomputed": 1.0, "status": "match"}]
    mapping = {**MAPPING, "figure": {**MAPPING["figure"], "flow.screened": "flow.nowhere"}}
    with pytest.raises(DefinitionError) as error:
        compare(figures, mapping, sample_results())
    assert {p.field for p in error.value.problems} == {"new", "flow.screened"}


@pytest.mark.parametrize(
    ("value", "places", "text"), [(0.0125, 3, "0.013"), (9.0909, 1, "9.1"), (2.5, 0, "3"), (-0.05, 1, "-0.1")]
)
def test_rounding_is_a_readers(value, places, text):
    assert at_precision(value, places) == text


def test_a_printed_figure_that_is_no_number():
    with pytest.raises(DefinitionError):
        decimals("about 5")


def test_records_make_a_frame():
    assert list(pd.DataFrame(RECORDS.values()).columns)[:3] == ["id", "result", "printed"]
