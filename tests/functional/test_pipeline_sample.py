"""The sample study from its source to its report, whole.

Oracles: studies/li2023/expected.json (what was printed, and how far it can be recomputed); the same study from another
source and at another time, byte for byte; the run folder of docs/command-line.md.
"""

from __future__ import annotations

import json
import re
import stat
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from flows.run_folder import RunFolder
from tests.functional.conftest import STUDY, Said, only_run, run_study

pytestmark = pytest.mark.xdist_group("sample-run")

NOTE = "shows that the methods are reproduced and not that the finding is"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Said]:
    """The study as its own sites file says: from the embedded sandbox, page by page."""
    runs = tmp_path_factory.mktemp("served")
    said = run_study(runs)
    assert said.code == 0, said.err
    return only_run(runs), said


def parquets(run: RunFolder) -> dict[str, bytes]:
    return {str(p.relative_to(run.root)): p.read_bytes() for p in sorted(run.analysis.rglob("*.parquet"))}


def test_server_and_folder_give_the_same_bytes(served: tuple[RunFolder, Said], finished_run: RunFolder) -> None:
    """Two runs at two times from two kinds of source: results, published figures, analysis tables."""
    other, _ = served
    assert other.id != finished_run.id
    for name in ("results.csv", "results.parquet", "published.json"):
        assert (other.results / name).read_bytes() == (finished_run.results / name).read_bytes(), name
    assert len(parquets(other)) > 5
    assert parquets(other) == parquets(finished_run)


def test_the_page_is_the_same_whenever_it_is_made(served: tuple[RunFolder, Said], tmp_path: Path) -> None:
    """From the same source: where the data come from stands on the page, when it was made does not."""
    again = run_study(tmp_path)
    assert again.code == 0, again.err
    assert only_run(tmp_path).report.read_bytes() == served[0].report.read_bytes()
    assert parquets(only_run(tmp_path)) == parquets(served[0])


def test_results_hold_no_run_no_time_and_no_address(finished_run: RunFolder) -> None:
    for text in ((finished_run.results / "results.csv").read_text(), finished_run.report.read_text()):
        assert finished_run.id not in text
        assert finished_run.root.parent.parent.name not in text
        assert "127.0.0.1" not in text
        assert not re.search(r"\d\d:\d\d:\d\d", text)
    csv = (finished_run.results / "results.csv").read_text()
    assert "://" not in csv
    assert not re.search(r"\b(19|20)\d\d-\d\d(-\d\d)?\b", csv)


def test_results_are_the_columns_of_the_contract_sorted_by_id(finished_run: RunFolder) -> None:
    results = pd.read_csv(finished_run.results / "results.csv", keep_default_na=False)
    assert list(results.columns) == [
        "id", "parameter", "group", "variable", "level", "statistic", "value", "unit", "method", "n", "warning",
    ]  # fmt: skip
    assert list(results["id"]) == sorted(results["id"])
    assert results["id"].is_unique
    empty = results[results["value"] == ""]
    assert len(empty) > 1
    assert empty["warning"].str.match("NE:|suppressed$|SYNTHETIC:").all()


def test_published_figures_end_as_expected(finished_run: RunFolder) -> None:
    expected = json.loads((STUDY / "expected.json").read_text())["figures"]
    found = json.loads((finished_run.results / "published.json").read_text())["figures"]
    assert {f["id"]: f["status"] for f in found} == {f["id"]: f["status"] for f in expected}
    assert Counter(f["status"] for f in found) == {"match": 135, "residual": 22, "misprint": 3}


def test_everything_that_leaves_says_synthetic(served: tuple[RunFolder, Said]) -> None:
    run, said = served
    page = run.report.read_text()
    assert NOTE in page
    figures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    described = [figure for figure in figures if "<desc" in figure]
    assert len(described) > 5
    assert [figure[:80] for figure in described if "ynthetic" not in figure] == []
    assert NOTE in json.loads((run.results / "published.json").read_text())["note"]
    (line,) = [text for text in (run.results / "results.csv").read_text().splitlines() if NOTE in text]
    assert line.startswith('study.data...synthetic.,study,,data,,synthetic,,,,,"SYNTHETIC: ')
    assert NOTE in said.out, "the printed comparison"
    assert NOTE in said.err, "before any number"
    assert "public key" in said.err


def test_printed_comparison_shows_both_methods(served: tuple[RunFolder, Said]) -> None:
    """Li et al. print P 0.018 and 0.040 by log-rank, 0.338 for the response rate; by Fisher's test it is 0.635 (R)."""
    lines = {line[:44].strip(): line[44:].split() for line in served[1].out.splitlines()}
    assert lines["Progression-free survival"] == ["0.018", "logrank", "0.018", "logrank"]
    assert lines["Overall survival"] == ["0.040", "logrank", "0.040", "logrank"]
    assert lines["Objective response (CR + PR)"] == ["0.338", "pearson", "0.635", "fisher"]


def test_only_the_owner_can_read_a_run_and_git_takes_none_of_it(finished_run: RunFolder) -> None:
    study = finished_run.root.parent
    for path in (study, *study.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    assert (finished_run.root / ".gitignore").read_text() == "*\n"
    assert (study / ".gitignore").read_text() == "*\n"


def test_run_folder_has_the_parts_of_the_documentation(finished_run: RunFolder) -> None:
    names = {path.name for path in finished_run.root.iterdir()}
    assert names == {
        ".gitignore", "run.json", "ledger.json", "landing", "accepted", "quarantine", "tables", "analysis", "quality",
        "results", "report",
    }  # fmt: skip
    said = finished_run.read()
    assert (said["outcome"], said["exit_code"], said["missing"]) == ("complete", 0, {})
    assert list(said["steps"]) == sorted(["extract", "accept", "map", "derive", "check", "analyse", "report"])
    assert json.loads(finished_run.ledger.read_text())["balanced"] is True
    assert (finished_run.root.parent / "latest").read_text().strip() == finished_run.id
    assert not list(finished_run.root.rglob("*.part"))
