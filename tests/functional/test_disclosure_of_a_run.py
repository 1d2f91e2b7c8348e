"""The sample study with ``min_count = 5``: all that may leave the site, beside the unsuppressed results that stay.

Oracle: ``results/results.parquet`` of the same run, where the small counts are. That a difference of two figures gives
nothing away either is held by tests/unit/stats/test_disclosure_attack.py on the same function.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.stats.disclosure import PEOPLE
from flows.run_folder import RunFolder
from tests.fixtures.page_reader import PageReader
from tests.fixtures.sample_runs import ran, study_with
from tests.functional.conftest import command

pytestmark = pytest.mark.xdist_group("disclosure")
MIN_COUNT = 5


@pytest.fixture(scope="module")
def run(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    place = tmp_path_factory.mktemp("disclosure")
    study = study_with(place, ("min_count = 0", f"min_count = {MIN_COUNT}"))
    made = ran(place / "runs", "--source", sample, study=study)
    assert made.said.code == 0, made.said.err
    return made.run


@pytest.fixture(scope="module")
def small(run: RunFolder) -> set[str]:
    """Ids of the results that count 1 to 4 subjects."""
    whole = pd.read_parquet(run.results / "results.parquet")
    people = whole["statistic"].isin(PEOPLE) & whole["parameter"].ne("alpha_crossing")
    found = set(whole[people & whole["value"].between(1, MIN_COUNT - 1)]["id"])
    assert len(found) > 100
    return found


@pytest.fixture(scope="module")
def exported(run: RunFolder) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(command("export", run.root, "--json").out)["results"]
    return rows


def test_no_small_count_is_exported(exported: list[dict[str, Any]], small: set[str]) -> None:
    shown = {row["id"]: row for row in exported if row["id"] in small}
    assert len(shown) > 50
    assert {row["value"] for row in shown.values()} == {None}
    assert {row["warning"] for row in shown.values()} == {"suppressed"}
    assert [row["id"] for row in exported if row["n"] is not None and 1 <= row["n"] < MIN_COUNT] == []


def test_every_form_says_the_same(run: RunFolder, exported: list[dict[str, Any]], tmp_path: Path) -> None:
    written = pd.read_csv(run.results / "results.csv", keep_default_na=False, float_precision="round_trip")
    assert [(row["id"], row["warning"]) for row in exported] == list(
        zip(written["id"], written["warning"], strict=True)
    )
    assert ["" if row["value"] is None else str(row["value"]) for row in exported] == [
        value and str(float(value)) for value in written["value"].astype(str)
    ]
    assert command("export", run.root, "--csv").out.encode() == (run.results / "results.csv").read_bytes()
    assert command("export", run.root, "--fhir", tmp_path / "fhir").code == 0
    text = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "fhir").glob("*.ndjson"))
    shown = {float(value) for value in re.findall(r'"value": (-?[\d.e+-]+)', text)}
    shown |= {float(count) for count in re.findall(r'"count": (\d+)', text)}
    allowed = {row["value"] for row in exported} | {row["n"] for row in exported}
    assert len(shown) > 200
    assert shown <= allowed


def test_no_small_count_is_on_the_page_or_beside_the_published_figures(run: RunFolder, small: set[str]) -> None:
    page = PageReader(run.report.read_text(encoding="utf-8"))
    texts = [e.text for e in page.with_attribute("data-result") if e.attributes["data-result"] in small]
    assert len(texts) > 50
    assert set(texts) == {"suppressed"}
    figures = json.loads((run.results / "published.json").read_text(encoding="utf-8"))["figures"]
    ours = [figure["ours"] for figure in figures if figure["result"] in small]
    assert len(ours) > 10
    assert set(ours) == {None}
