"""Which P are named where they lie on both sides of alpha. Oracle: the rows of the results, by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from analysis.report.page import render
from tests.fixtures.page_reader import PageReader
from tests.fixtures.report_inputs import QUALITY_COLUMNS, provenance, quality
from tests.fixtures.sample_frames import sample_results, sample_study

ROOT = Path(__file__).parents[3]
OTHERS = ("breslow", "breslow_firth", "efron_firth")


def _firth_too() -> pd.DataFrame:
    """The sample's results with treatment's ratio on OS by three methods more, all above alpha."""
    results = sample_results()
    univariate = (results["parameter"] == "OS") & (results["variable"] == "cox_univariate")
    efron = results[univariate & (results["method"] == "efron")]
    added = [
        efron.assign(
            method=method,
            id=efron["id"].str.removesuffix("efron") + method,
            value=efron["value"].where(efron["statistic"] != "p", 0.062),
        )
        for method in OTHERS
    ]
    return pd.concat([results, *added], ignore_index=True)


def _care(results: pd.DataFrame) -> str:
    page = PageReader(render(sample_study(), results, quality(), provenance(), None))
    return next(" ".join(e.text.split()) for e in page.all("li") if "Whether P falls below 0.05" in e.text)


def test_methods_are_named_in_one_order_the_primary_first() -> None:
    said = _care(_firth_too())
    assert "OS, P 0.047 by Cox with Efron ties but" in said
    places = [
        said.index(f"by Cox with {name}")
        for name in ("Breslow ties", "Firth's penalised likelihood, Breslow", "Firth's penalised likelihood, Efron")
    ]
    assert places == sorted(places)


def test_the_page_has_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    """The order of a set of texts is the hash seed's: 1 and 4 put the methods in different orders."""
    _firth_too().to_csv(tmp_path / "results.csv", index=False)
    script = (
        "import sys, tomllib, pandas as pd\n"
        "from analysis.report.page import render\n"
        "from analysis.study.model import Study\n"
        "study = Study.model_validate(tomllib.load(open('studies/li2023/study.toml', 'rb')))\n"
        "empty = {'value': '', 'n': ''}\n"
        "results = pd.read_csv(sys.argv[1], dtype={'level': str}, keep_default_na=False, na_values=empty)\n"
        "quality = pd.DataFrame(columns=sys.argv[2].split())\n"
        "print([method for method in {*sys.argv[3:]} if method != 'efron'])\n"
        "print(render(study, results, quality, {'state': 'DRAFT'}, None))\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", script, tmp_path / "results.csv", " ".join(QUALITY_COLUMNS), "efron", *OTHERS],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.partition("\n")
        for seed in ("1", "4")
    ]
    assert told[0][0] != told[1][0], "the seeds were to give sets of another order"
    assert "Firth's penalised likelihood, Efron ties" in told[0][2].replace("&#39;", "'")
    assert told[0][2] == told[1][2]


@pytest.mark.parametrize("gone", ["suppressed", "NE: no fit"])
def test_where_no_other_p_may_be_shown_the_flags_own_words_stand(gone: str) -> None:
    results = sample_results()
    flag = results.loc[(results["parameter"] == "alpha_crossing") & (results["variable"] == "OS")].iloc[0]
    assert flag["value"] == 1.0
    other = results["id"].str.startswith("sensitivity:breslow.OS.") & (results["statistic"] == "p")
    assert any(results.loc[other, "value"] > 0.05)
    results.loc[other, ["value", "warning"]] = [None, gone]
    said = _care(results)
    assert "but ." not in said
    assert "but ;" not in said
    assert f"OS: {flag['warning']}" in said
