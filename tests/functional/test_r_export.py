"""``bedside export --r``: the sample study recomputed by R from the run's own data sets.

Oracle: R with its survival package, at run time. No other test needs R.
"""

from __future__ import annotations

import stat
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from flows.run_folder import RunFolder
from tests.fixtures.recomputed import main_figures, recompute
from tests.functional.conftest import command

pytestmark = [pytest.mark.r, pytest.mark.xdist_group("r-export")]


@pytest.fixture
def folder(finished_run: RunFolder, tmp_path: Path) -> Path:
    said = command("export", finished_run.root, "--r", tmp_path / "r")
    assert said.code == 0, said.err
    assert "stays on site" in said.err
    return tmp_path / "r"


def test_r_gives_every_main_figure(folder: Path, finished_run: RunFolder) -> None:
    found = recompute(folder)
    assert found.code == 0, found.end + found.errors
    assert set(found.verdicts) == main_figures(pd.read_parquet(finished_run.results / "results.parquet"))
    # No limit beyond the last estimable survival: NE in R as here.
    assert Counter(found.verdicts.values()) == {"same": 416, "both NE": 6}
    assert found.end.startswith("422 figures of li2023: 6 both NE, 416 same (R ")


@pytest.mark.parametrize(
    ("row", "factor"),
    [
        ("PFS.cox_adjusted.treatment=DEB-TACE.DEB-TACE vs cTACE.hr.efron", 1 + 1e-5),
        ("OS.median..cTACE.estimate.spss", 1 - 1e-5),
        ("response.orr..DEB-TACE vs cTACE.p.fisher", 1 + 1e-5),
        ("response.dcr..DEB-TACE vs cTACE.upper.miettinen_nurminen", 1 + 1e-5),
        ("OS.ph_test.global.total.p.score_km_adjusted", 1 + 1e-5),
    ],
)
def test_one_figure_a_little_off_is_found(folder: Path, row: str, factor: float) -> None:
    results = pd.read_csv(folder / "results.csv", keep_default_na=False, na_values={"value": [""], "n": [""]})
    assert (results["id"] == row).sum() == 1
    results.loc[results["id"] == row, "value"] *= factor
    results.to_csv(folder / "results.csv", index=False)
    found = recompute(folder)
    assert found.code == 1
    assert [id_ for id_, verdict in found.verdicts.items() if verdict == "DIFFERS"] == [row]


def test_other_data_are_found(folder: Path) -> None:
    text = (folder / "adsl.csv").read_text(encoding="utf-8")
    (folder / "adsl.csv").write_text(text.replace('"Y"', '"N"', 1), encoding="utf-8")
    found = recompute(folder)
    assert found.code == 1
    assert Counter(found.verdicts.values())["DIFFERS"] > 100


def test_the_folder_is_the_owners_alone(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    data = {f"{name}.csv" for name in ("adsl", "adrs", "adtr", "adex", "adae", "adtte", "analysis_table")}
    assert {file.name for file in folder.iterdir()} == data | {"define.json", "results.csv", "recompute.R"}
